# SPDX-License-Identifier: Apache-2.0
"""The agent's table, walked pair by pair on a real card session whose terminal does nothing (GP Amendment B 4)."""

from __future__ import annotations

import itertools

import pytest

from apdu.ota.trigger import DnsParameters, Trigger
from emulator.iso.toolkit import Toolkit
from emulator.ota.agent import TRANSITIONS, Action, Agent, Event, State
from emulator.ota.https import Request, Response
from emulator.ota.parameters import prepare
from tests.protocol.https_bench import CONNECTION, trigger
from tests.support.lab import Lab

NAMED = trigger(
    connection=CONNECTION[:-7], host="sm-sr.example", attempts=9, dns=DnsParameters(connection=CONNECTION[-7:])
)


class Connection:
    """Notes what it is asked for, and does none of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def connect(self, command: object) -> None:
        self.calls.append("connect")

    def post(self, request: Request) -> None:
        self.calls.append("post")

    def close(self) -> None:
        self.calls.append("close")


WAY: dict[State, list[Event]] = {
    State.IDLE: [],
    State.RESOLVING: [Event.BEGIN],
    State.CONNECTING: [Event.BEGIN, Event.FOUND],
    State.WAITING: [Event.BEGIN, Event.FOUND, Event.CONNECTED],
    State.ENDING: [Event.BEGIN, Event.FOUND, Event.CONNECTED, Event.END],
    State.BREAKING: [Event.BEGIN, Event.FOUND, Event.CONNECTED, Event.REFUSED],
    State.PAUSED: [Event.BEGIN, Event.UNKNOWN],
}
CALLS = {Action.CONNECT: "connect", Action.POST: "post", Action.RUN: "post", Action.CLOSE: "close"}


class Walk:
    """An agent with a connection that can be watched."""

    def __init__(self, lab: Lab, parameters: Trigger) -> None:
        self.toolkit: Toolkit = lab.card.toolkit
        self.ended: list[bool] = []
        self.agent = Agent(lab.card)
        self.session = prepare(lab.card, parameters)
        self.connection = Connection()

    def happen(self, event: Event) -> None:
        if event is Event.BEGIN:
            self.agent.begin(self.session, self.ended.append)
            if self.agent._connection is not None:
                self.agent._connection = self.connection  # type: ignore[assignment]
            return
        if event is Event.SCRIPT:
            headers = {"x-admin-protocol": "globalplatform-remote-admin/1.0", "x-admin-next-uri": "/1"}
            self.agent._response = Response(200, headers, b"")
        self.agent._handle(event)

    @property
    def held(self) -> bool:
        return self.toolkit._held


@pytest.mark.parametrize("state, event", list(itertools.product(State, Event)))
def test_cc_81_07_every_state_and_event(lab: Lab, state: State, event: Event) -> None:
    walk = Walk(lab, NAMED)
    for step in WAY[state]:
        walk.happen(step)
    assert walk.agent.state is state
    walk.connection.calls.clear()
    action, following = TRANSITIONS[state, event]
    walk.happen(event)
    assert walk.agent.state is following
    assert walk.connection.calls == [call for one, call in CALLS.items() if one is action]
    assert walk.ended == {Action.FINISH: [True], Action.FAIL: [False]}.get(action, [])
    assert walk.held is (following is not State.IDLE)  # no reset as long as a session is under way
    assert not lab.recorder.errors


def test_the_table_is_complete_and_every_state_is_left_again() -> None:
    assert set(TRANSITIONS) == set(itertools.product(State, Event))
    for state in State:
        assert any(row.state is not state for (at, _), row in TRANSITIONS.items() if at is state)
    assert {row.action for row in TRANSITIONS.values()} == set(Action)


def test_a_session_that_is_under_way_is_not_replaced(lab: Lab) -> None:
    walk = Walk(lab, NAMED)
    walk.happen(Event.BEGIN)
    first = walk.agent._session
    walk.session = prepare(lab.card, trigger())
    walk.happen(Event.BEGIN)
    assert walk.agent._session is first
