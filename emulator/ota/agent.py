# SPDX-License-Identifier: Apache-2.0
"""The administration agent: one session at a time with the SM-SR's server (GP Amendment B 4, SGP.02 v4.2 2.4.4).

    POST, no body ─► 200 script ─► POST answer ─► … ─► 204
    POST answer   ─► 204 and where to post next ─► POST, no body ─► …

Everything about states stands in TRANSITIONS. What breaks a session, a lost link as well as an answer of another kind,
closes it and leads to the retry policy. The next connection goes on where the last one ended: an answer of which the
server has not shown that it has it is sent again; no script is carried out a second time. All of this goes with the
card session: after a reset the server finds out by itself how far things came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, unique
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from apdu.cat.envelope import EventDownload
from apdu.ota.admin import FROM, NEXT_URI, PROTOCOL, PROTOCOL_VALUE, RESUME, SCRIPT_STATUS, TARGETED
from apdu.ota.dns import IpAddress
from emulator.ota.administer import Answer, carry_out, is_text
from emulator.ota.https import HttpsConnection, Request, Response
from emulator.ota.resolver import Resolver
from emulator.ota.sender import send_failure_report
from emulator.ota.timer import Timer

if TYPE_CHECKING:
    from emulator.card import Card
    from emulator.ota.parameters import Session

__all__ = ["TIMER", "TRANSITIONS", "Action", "Agent", "Event", "State", "Transition"]

TIMER: Final = 1
"""Which of the terminal's timers is the agent's (D)."""
_CONNECT_PATIENCE: Final = 120
"""Seconds for OPEN CHANNEL and the handshake (D)."""
_ANSWER_PATIENCE: Final = 300
"""Seconds for a whole answer, and at most as many again (D): a server may hold one back until it has one."""
_OK, _NO_CONTENT = 200, 204


@unique
class State(Enum):
    """Where the session stands."""

    IDLE = "no session"
    RESOLVING = "the server's address is asked for"
    CONNECTING = "channel and TLS are being opened"
    WAITING = "a request is out"
    ENDING = "the server has ended the session"
    BREAKING = "the connection is given up"
    PAUSED = "before the next attempt"


@unique
class Event(Enum):
    """What happens to it."""

    BEGIN = "a session is wanted"
    FOUND = "the address is known"
    UNKNOWN = "no address was found"
    CONNECTED = "TLS is open"
    SCRIPT = "200"
    AGAIN = "204 with an address for the next request"
    END = "204 without one"
    REFUSED = "another answer"
    DISCONNECTED = "the channel is gone"
    EXPIRED = "the timer ran out"
    EXHAUSTED = "no attempt is left"


@unique
class Action(Enum):
    """What the agent does about it."""

    NOTHING = "nothing"
    LOOK_UP = "find the address"
    ASK_AGAIN = "repeat the question"
    CONNECT = "open channel and TLS"
    POST = "send the next request"
    RUN = "carry the script out, send its answer"
    CLOSE = "close the connection"
    RETRY = "wait as the retry policy says"
    FINISH = "let the reset go that was held back"
    FAIL = "the same, and report the failure"


class Transition(NamedTuple):
    """What is done, and the next state."""

    action: Action
    state: State


_A, _E, _S = Action, Event, State
_LISTED: Final[dict[tuple[State, Event], Transition]] = {
    (_S.IDLE, _E.BEGIN): Transition(_A.LOOK_UP, _S.RESOLVING),
    (_S.RESOLVING, _E.FOUND): Transition(_A.CONNECT, _S.CONNECTING),
    (_S.RESOLVING, _E.UNKNOWN): Transition(_A.RETRY, _S.PAUSED),
    (_S.RESOLVING, _E.EXPIRED): Transition(_A.ASK_AGAIN, _S.RESOLVING),
    (_S.CONNECTING, _E.CONNECTED): Transition(_A.POST, _S.WAITING),
    (_S.CONNECTING, _E.DISCONNECTED): Transition(_A.RETRY, _S.PAUSED),
    (_S.CONNECTING, _E.EXPIRED): Transition(_A.CLOSE, _S.BREAKING),
    (_S.WAITING, _E.SCRIPT): Transition(_A.RUN, _S.WAITING),
    (_S.WAITING, _E.AGAIN): Transition(_A.POST, _S.WAITING),
    (_S.WAITING, _E.END): Transition(_A.CLOSE, _S.ENDING),
    (_S.WAITING, _E.REFUSED): Transition(_A.CLOSE, _S.BREAKING),
    (_S.WAITING, _E.EXPIRED): Transition(_A.CLOSE, _S.BREAKING),
    (_S.WAITING, _E.DISCONNECTED): Transition(_A.RETRY, _S.PAUSED),
    (_S.ENDING, _E.DISCONNECTED): Transition(_A.FINISH, _S.IDLE),
    (_S.BREAKING, _E.DISCONNECTED): Transition(_A.RETRY, _S.PAUSED),
    (_S.PAUSED, _E.EXPIRED): Transition(_A.LOOK_UP, _S.RESOLVING),
    (_S.PAUSED, _E.EXHAUSTED): Transition(_A.FAIL, _S.IDLE),
}
TRANSITIONS: Final = {
    (state, event): _LISTED.get((state, event), Transition(Action.NOTHING, state)) for state in State for event in Event
}
"""An event that a state does not list changes nothing: a second trigger, or what comes too late."""


class _Ran(NamedTuple):
    """The last script that was carried out, and its answer."""

    digest: bytes
    answer: Answer


class Agent:
    """The agent of one card session; `done` is told whether a session ended as the server wished."""

    __slots__ = (
        "_address",
        "_answer",
        "_attempts",
        "_card",
        "_connection",
        "_done",
        "_posted",
        "_ran",
        "_resolver",
        "_response",
        "_resumed",
        "_resuming",
        "_session",
        "_timer",
        "_uri",
        "state",
    )

    def __init__(self, card: Card) -> None:
        self._card = card
        self.state = State.IDLE
        self._timer = Timer(card.toolkit, TIMER, lambda: self._handle(Event.EXPIRED))
        self._resolver = Resolver(card.toolkit, self._timer, card.entropy, self._resolved)
        self._connection: HttpsConnection | None = None
        self._session: Session | None = None
        self._done: Callable[[bool], None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._uri = ""
        self._address: IpAddress | None = None
        self._attempts = 0
        self._posted = False
        """Something was posted in this session: further connections resume it."""
        self._resuming = False
        """The next request is the first of a connection that resumes."""
        self._resumed = False
        """The request that is out was that."""
        self._answer: Answer | None = None
        """The answer of the last script, until the server has shown that it has it."""
        self._ran: _Ran | None = None
        self._response: Response | None = None

    @property
    def busy(self) -> bool:
        """Whether a session is under way."""
        return self.state is not State.IDLE

    def begin(self, session: Session, done: Callable[[bool], None] | None = None) -> None:
        """Open a session; one that is under way goes on instead."""
        if self.state is State.IDLE:
            self._forget()
            self._session, self._done = session, done
            self._uri, self._attempts = session.uri, session.retry.attempts
            self._connection = HttpsConnection(self._card.toolkit, self, session.identity, session.psk)
            self._card.toolkit.hold(True)
        self._handle(Event.BEGIN)

    # --- what terminal, name servers and connection say

    def event(self, event: EventDownload) -> None:
        """An event that may be about a channel."""
        if self._connection is not None:
            self._resolver.event(event)
            self._connection.event(event)

    def polled(self) -> None:
        """The terminal has time."""
        self._timer.polled()
        if self._connection is not None:
            self._resolver.polled()
            self._connection.polled()

    def expired(self, timer: int) -> None:
        """One of the terminal's timers ran out."""
        self._timer.expired(timer)

    def _resolved(self, address: IpAddress | None) -> None:
        self._address = address
        self._handle(Event.UNKNOWN if address is None else Event.FOUND)

    def connected(self) -> None:
        """TLS is open."""
        self._handle(Event.CONNECTED)

    def acknowledged(self) -> None:
        """The server has what was posted."""
        self._answer = None

    def disconnected(self) -> None:
        """The connection is gone."""
        self._handle(Event.DISCONNECTED)

    def answered(self, response: Response) -> None:
        """The server's answer: what it means follows from its status alone, and from where to post next."""
        self._response = response
        following = response.headers.get(NEXT_URI.lower(), "")
        if response.status not in (_OK, _NO_CONTENT) or (following and not is_text(following)):
            self._handle(Event.REFUSED)
        elif response.status == _OK:
            self._handle(Event.SCRIPT)
        elif following:
            self._uri = following
            self._handle(Event.AGAIN)
        else:
            self._handle(Event.END)

    # --- what it does

    def _handle(self, event: Event) -> None:
        action, self.state = TRANSITIONS[self.state, event]
        _ACTIONS[action](self)

    def _nothing(self) -> None:
        pass

    def _look_up(self) -> None:
        assert self._session is not None
        if self._session.resolution is None:
            self._handle(Event.FOUND)
        else:
            self._resolver.resolve(self._session.resolution)

    def _ask_again(self) -> None:
        self._resolver.expired()

    def _connect(self) -> None:
        assert self._session is not None
        assert self._connection is not None
        channel = self._session.channel
        self._timer.start(_CONNECT_PATIENCE)
        self._resuming = self._posted
        self._connection.connect(
            channel if self._session.resolution is None else replace(channel, addresses=(self._address,))
        )

    def _post(self) -> None:
        session, answer = self._session, self._answer
        assert session is not None
        assert self._connection is not None
        self._resumed, self._resuming = self._resuming, False
        headers = [("Host", session.host), (PROTOCOL, PROTOCOL_VALUE), (FROM, session.sender)]
        if self._resumed:
            headers.append((RESUME, "true"))
        if answer is not None:
            if answer.content_type:
                headers.append(("Content-Type", answer.content_type))
            headers.append((SCRIPT_STATUS, answer.status))
        self._posted = True
        self._timer.prolong(_ANSWER_PATIENCE)
        self._connection.post(Request(self._uri, headers, None if answer is None else answer.body))

    def _run(self) -> None:
        response, session = self._response, self._session
        assert response is not None
        assert session is not None
        digest = sha256(response.headers.get(TARGETED.lower(), "").encode("latin-1") + b"\n" + response.body).digest()
        if self._resumed and self._ran is not None and self._ran.digest == digest:
            answer = self._ran.answer  # the server has lost the answer, not the card the script
        else:
            answer = carry_out(self._card, session.authority, response)
        self._ran = _Ran(digest, answer)
        following = response.headers.get(NEXT_URI.lower(), "")
        if not following:  # (U) nobody wants the answer, and nothing follows
            self._handle(Event.END)
            return
        self._uri, self._answer = following, answer
        self._post()

    def _close(self) -> None:
        assert self._connection is not None
        self._timer.stop()
        self._connection.close()

    def _retry(self) -> None:
        assert self._session is not None
        if not self._attempts:
            self._handle(Event.EXHAUSTED)
            return
        self._attempts -= 1
        self._timer.start(self._session.retry.seconds)

    def _finish(self) -> None:
        self._end(True)

    def _fail(self) -> None:
        assert self._session is not None
        send_failure_report(self._card, self._session.retry.failure_report)
        self._end(False)

    def _end(self, good: bool) -> None:
        done, self._done = self._done, None
        self._timer.stop()
        self._connection = self._session = None
        self._forget()
        self._card.toolkit.hold(False)
        if done is not None:
            done(good)


_ACTIONS: Final[dict[Action, Callable[[Agent], None]]] = {
    Action.NOTHING: Agent._nothing,
    Action.LOOK_UP: Agent._look_up,
    Action.ASK_AGAIN: Agent._ask_again,
    Action.CONNECT: Agent._connect,
    Action.POST: Agent._post,
    Action.RUN: Agent._run,
    Action.CLOSE: Agent._close,
    Action.RETRY: Agent._retry,
    Action.FINISH: Agent._finish,
    Action.FAIL: Agent._fail,
}
