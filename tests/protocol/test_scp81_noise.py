# SPDX-License-Identifier: Apache-2.0
"""Servers and terminals that say anything at all: the card has no internal error, and takes the next session."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apdu.cat.bip import OpenChannel
from apdu.cat.codes import CommandType
from apdu.cat.comprehension import Result
from apdu.cat.proactive import ProactiveCommand
from apdu.command import CommandApdu, exchange
from emulator.ota.agent import State
from tests.protocol.https_bench import READ, Served, agent_state, ok, script, serving, trigger
from tests.support.lab import Lab

GOOD = ok(script(READ), "/1")
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
BIP = st.sampled_from(
    [
        CommandType.OPEN_CHANNEL,
        CommandType.SEND_DATA,
        CommandType.RECEIVE_DATA,
        CommandType.CLOSE_CHANNEL,
        CommandType.TIMER_MANAGEMENT,
    ]
)


def ended(served: Served) -> None:
    """Whatever the session waits for, time ends it; then another one runs as if nothing had been."""
    for _ in range(4):
        if agent_state(served) is not State.IDLE:
            served.terminal.expire()
    assert agent_state(served) is State.IDLE
    assert served.terminal.links == {}
    assert served.lab.recorder.errors == []
    served.terminal.answers.clear()
    served.reply = serving(GOOD)
    before = len(served.posted)
    served.trigger()
    assert len(served.posted) == before + 2


@SHARED
@given(at=st.integers(0, len(GOOD)), gone=st.integers(0, 40), noise=st.binary(max_size=80))
def test_cc_81_10_a_server_that_says_anything(lab: Lab, at: int, gone: int, noise: bytes) -> None:
    lab.card.reset()
    served = Served(lab, serving(GOOD[:at] + noise + GOOD[at + gone :]))
    served.terminal.counter = counter(lab)
    served.trigger()
    ended(served)


@SHARED
@given(kind=BIP, result=st.binary(min_size=1, max_size=3), attempts=st.integers(0, 2))
def test_cc_81_11_a_terminal_that_answers_anything(lab: Lab, kind: CommandType, result: bytes, attempts: int) -> None:
    lab.card.reset()
    served = Served(lab, serving(GOOD))
    served.terminal.counter = counter(lab)
    served.terminal.answers[kind] = Result.from_bytes(result)
    served.trigger(trigger(attempts=attempts))
    served.terminal.answers.clear()
    if kind is CommandType.CLOSE_CHANNEL:  # it said that it would not, and did not
        served.terminal.links.clear()
    ended(served)


@SHARED
@given(raw=st.binary(max_size=60))
def test_cc_81_11_a_response_that_cannot_be_read_ends_the_attempt(lab: Lab, raw: bytes) -> None:
    lab.card.reset()
    served = Served(lab, serving(GOOD))
    served.terminal.counter = counter(lab)
    broken: list[int] = []

    def before(command: ProactiveCommand) -> None:
        if not broken and isinstance(command, OpenChannel):
            broken.append(exchange(lab.card, CommandApdu(0x80, 0x14, 0, 0, raw or b"\x81")).sw)

    served.terminal.before = before
    served.terminal.deliver(served.terminal.packet(trigger().encode(), spi="1601"))
    assert broken == [0x6A80]
    assert served.lab.recorder.errors == []
    assert agent_state(served) is State.IDLE


def counter(lab: Lab) -> int:
    """The packet counter that the card has stored."""
    return int.from_bytes(lab.snapshot()["isdr/ctr/01"], "big")
