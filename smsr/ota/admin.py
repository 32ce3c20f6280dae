# SPDX-License-Identifier: Apache-2.0
"""The SM-SR's side of administration sessions, without I/O: requests of cards in, answers out (GP Amendment B 4).

    POST entry                 ─► 200 script, next URI 1       a session begins
    POST URI 1, answer         ─► 200 script, next URI 2
    POST URI 2, answer         ─► nothing yet: the request is held while more may come
                               ─► 204                          the session ends
    POST URI 2, resume         ─► as if the connection had not been lost

Every script has a URI of its own that nobody can guess, and its answer is taken there once. A card that comes back to
the URI before has not received the script whole, and gets the same again; one that comes back to the URI of the script
brings its answer. One that begins anew has forgotten what it did: the outcome is unknown, and nothing is repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final

from apdu.errors import DecodeError, RemoteProtocolError
from apdu.ids import ISD_R, Eid
from apdu.keys.entropy import Entropy
from apdu.ota.admin import (
    COMMAND_TYPES,
    FROM,
    MAX_BODY,
    NEXT_URI,
    PROTOCOL,
    PROTOCOL_VALUE,
    RESUME,
    SCRIPT_STATUS,
    TARGETED,
    ScriptStatus,
    parse_admin_from,
    targeted,
)
from smsr.ota.notifications import Accepted
from smsr.ota.parcels import Chain, Parcel
from smsr.ota.task import OutcomeUnknown, Outstanding, Task

__all__ = ["BEARER", "ENTRY", "AdminReply", "AdminRequest", "AdminSession"]

BEARER: Final = "https"
ENTRY: Final = "/adm"
"""Where cards begin: the URI of triggers."""
_TOKEN: Final = 16
_COMMAND_TYPE: Final = next(iter(COMMAND_TYPES))
_RESPONSE_TYPES: Final = frozenset(COMMAND_TYPES.values())
_MESSAGE: Final = "msg="
_ROOM: Final = MAX_BODY - 64
"""Bytes of a script that a card and its server read."""


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """A POST; names of headers in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header, empty where there is none."""
        return self.headers.get(name.lower(), "").strip()

    @property
    def resumes(self) -> bool:
        """Whether the card goes on after a lost connection."""
        return self.header(RESUME).lower() == "true"


@dataclass(frozen=True, slots=True)
class AdminReply:
    """What is answered; without a next URI the connection ends."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    last: bool = False


_END: Final = AdminReply(204, ((PROTOCOL, PROTOCOL_VALUE),), last=True)
_BAD_REQUEST: Final = AdminReply(400, last=True)
_NOT_FOUND: Final = AdminReply(404, last=True)


@dataclass(frozen=True, slots=True)
class _Script:
    """A script that was sent and not yet answered."""

    token: str
    parcel: Parcel
    task: Task[Any]
    asked: bool = False
    """The card came to its URI without an answer, and was asked once more."""


@dataclass(slots=True, kw_only=True)
class AdminSession:
    """What is said to one card, over as many connections as it takes."""

    eid: Eid
    entropy: Entropy
    chain: Chain
    """The context of the card, which other bearers share."""
    hold: float = 10.0
    """Seconds that a request is held after the last script."""
    notified: Callable[[bytes], Accepted | None] = lambda raw: None
    """Takes a notification; the script that confirms it."""
    kept: bool = False
    """A procedure goes on: more scripts may come."""
    under_way: bool = False
    """A card has begun, and was not told that this is the end."""
    _tasks: deque[Task[Any]] = field(default_factory=deque)
    _script: _Script | None = None
    _place: str = ""
    """The URI that the card last posted an answer to, or was told to post to without one."""
    _until: float | None = None
    """While a request is held: until when."""

    @property
    def wanted(self) -> bool:
        """Whether there is something to say to the card."""
        return bool(self._tasks) or (self._script is not None and not self._script.task.done)

    @property
    def held(self) -> bool:
        """Whether a card waits for an answer."""
        return self._until is not None

    @property
    def wake(self) -> float | None:
        """When a held request is answered in any case."""
        return self._until

    def add(self, task: Task[Any]) -> None:
        """Another script for the card."""
        self._tasks.append(task)

    def resume(self, outstanding: Outstanding, task: Task[Any]) -> None:
        """A script that another process sent, and whose answer the card may still have."""
        self._script = _Script(outstanding.sent.state.decode("ascii"), outstanding.parcel, task)
        self._tasks.append(task)

    def drop(self, task: Task[Any]) -> None:
        """Nobody waits for this any more."""
        if task in self._tasks:
            self._tasks.remove(task)

    # --- requests

    def post(self, request: AdminRequest, now: float) -> AdminReply | None:
        """Answer a request; None: it is held until `poll` has something to say."""
        if not self._genuine(request):
            return _BAD_REQUEST
        path, _, query = request.path.partition("?")
        if path == ENTRY:
            return self._enter(request, query, now)
        name = path.removeprefix(f"{ENTRY}/")
        script = self._script
        if name in ("", path):
            return _NOT_FOUND
        if script is not None and _same(name, script.token):
            return self._answered(script, request, now)
        here = _same(name, self._place)
        if here and not request.body and (request.resumes or script is None):
            return self._go_on(now)
        if here and request.resumes:  # it sends once more what was taken already
            return self._go_on(now)
        if request.resumes:  # a session that nobody knows here any more: its answer is lost, the card goes on
            self._begin_anew()
            self.under_way = True
            return self._go_on(now)
        return _NOT_FOUND

    def poll(self, now: float) -> AdminReply | None:
        """The answer to a held request, if there is one by now."""
        if self._until is None:
            return None
        if self._tasks or not self.kept or now >= self._until:
            return self._go_on(now, patient=False)
        return None

    def lost(self) -> None:
        """The connection is gone; the card may come back."""
        self._until = None

    # ---

    def _genuine(self, request: AdminRequest) -> bool:
        """Whether a request is one of the protocol, by the card whose key it came under."""
        if request.header(PROTOCOL) != PROTOCOL_VALUE:
            return False
        try:
            return parse_admin_from(request.header(FROM)) == self.eid
        except DecodeError:
            return False

    def _enter(self, request: AdminRequest, query: str, now: float) -> AdminReply | None:
        if not request.resumes:
            self._begin_anew()
        self.under_way = True
        if query.startswith(_MESSAGE):
            try:
                accepted = self.notified(bytes.fromhex(query[len(_MESSAGE) :]))
            except ValueError:
                return _BAD_REQUEST
            if accepted is not None:
                self._tasks.appendleft(accepted.confirmation)
        return self._go_on(now)

    def _begin_anew(self) -> None:
        """There is nothing in common with an earlier session."""
        script, self._script, self._place = self._script, None, ""
        if script is not None:
            self.chain.break_off()
            script.task.fail(OutcomeUnknown(f"card {self.eid} began another session with a script not answered"))

    def _answered(self, script: _Script, request: AdminRequest, now: float) -> AdminReply | None:
        status = request.header(SCRIPT_STATUS)
        if not status and not request.body:
            return self._without_answer(script, now)
        self._script, self._place = None, script.token
        if script.task.done:  # given up meanwhile
            self.chain.break_off()
        elif status != ScriptStatus.OK:
            self.chain.break_off()
            script.task.fail(RemoteProtocolError(f"the card did not run the script: {status[:64] or 'no status'}"))
        elif "".join(request.header("content-type").split()).lower() not in _RESPONSE_TYPES:
            self.chain.break_off()
            script.task.fail(OutcomeUnknown("the card answered with a content type that is not known"))
        else:
            script.task.answered(request.body, self.chain)
        return self._go_on(now)

    def _without_answer(self, script: _Script, now: float) -> AdminReply | None:
        """(U) Some agents post nothing first after a lost connection: they are asked once, then given up."""
        if not script.asked:
            self._script = _Script(script.token, script.parcel, script.task, asked=True)
            return self._again(script.token)
        self._script, self._place = None, script.token
        self.chain.break_off()
        script.task.fail(OutcomeUnknown(f"card {self.eid} has no answer to the script that it was sent"))
        return self._go_on(now)

    def _go_on(self, now: float, *, patient: bool = True) -> AdminReply | None:
        """The next script, the same again where it did not arrive, a held request, or the end."""
        self._until = None
        if self._script is None:
            self._script = self._next()
        if self._script is not None:
            return self._send(self._script)
        if patient and self.kept:
            self._until = now + self.hold
            return None
        self.under_way = False
        self._place = ""
        return _END

    def _next(self) -> _Script | None:
        while self._tasks:
            task = self._tasks[0]
            parcel = None if task.done else task.take(_ROOM, self.chain)
            if parcel is not None:
                token = self.entropy.draw(_TOKEN).hex()
                task.sent(BEARER, token.encode("ascii"))
                return _Script(token, parcel, task)
            if self._tasks and self._tasks[0] is task:
                self._tasks.popleft()
        return None

    def _send(self, script: _Script) -> AdminReply:
        headers = [
            (PROTOCOL, PROTOCOL_VALUE),
            (NEXT_URI, f"{ENTRY}/{script.token}"),
            ("Content-Type", _COMMAND_TYPE),
        ]
        if script.parcel.target != ISD_R:
            headers.append((TARGETED, targeted(script.parcel.target)))
        return AdminReply(200, tuple(headers), script.parcel.script(indefinite=True))

    @staticmethod
    def _again(token: str) -> AdminReply:
        return AdminReply(204, ((PROTOCOL, PROTOCOL_VALUE), (NEXT_URI, f"{ENTRY}/{token}")))


def _same(one: str, other: str) -> bool:
    """Whether a path names what cannot be guessed, in a time that does not tell how much of it was right."""
    return compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
