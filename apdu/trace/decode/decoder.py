# SPDX-License-Identifier: Apache-2.0
"""Events in, entries out: pairs commands with responses, follows chains and selections, attaches secure channels.

One pass, bounded memory: what is kept is the last exchange of each link and what is selected on its channels. An entry
is complete when the next event of its link cannot belong to it any more; `flush` gives out what still waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import apdu.trace.decode.rows  # noqa: F401  -- fills the table of commands
from apdu.gp.sgp02 import Notification
from apdu.trace.decode.chains import Chains
from apdu.trace.decode.channel import carries, channel_findings, recorded_findings
from apdu.trace.decode.checks import outside
from apdu.trace.decode.detail import detail
from apdu.trace.decode.happenings import damaged, happening
from apdu.trace.decode.model import Entry, Exchange, Finding, Link, Place, Severity, visible
from apdu.trace.decode.rules import LinkRules
from apdu.trace.decode.table import title
from apdu.trace.decode.where import Whereabouts, channel_of
from apdu.trace.events import AnyEvent, BearerEvent, ChannelEvent, FunctionEvent, Layer, LinkEvent, LinkKind, Octets
from apdu.trace.sources.source import Damage, Item

__all__ = ["Decoder", "decode"]

_GET_RESPONSE: Final = 0xC0
_HEADER: Final = 4
_MAX_PARTS: Final = 600
"""Parts of one response: 65536 bytes in pieces of 256, each with a repetition."""
_REMOTE: Final = frozenset((Layer.SCP80, Layer.SCP81))
_UNANSWERED: Final = Finding(Severity.WARNING, "the command has no response", "ISO/IEC 7816-3 12.1")
_UNASKED: Final = Finding(Severity.WARNING, "a response without a command", "ISO/IEC 7816-3 12.1")


@dataclass(slots=True)
class _LinkState:
    """One link to a card: the exchange that may still go on, and what is selected."""

    link: Link
    open: Exchange | None = None
    answered: bool = True
    repeats: bool = False
    """The command under way is GET RESPONSE, or the same one with the right Le."""
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    chains: Chains = field(default_factory=Chains)
    rules: LinkRules | None = field(default_factory=LinkRules)
    """None for commands that came from afar: no reader saw them."""


class Decoder:
    """Decodes the events of one trace, in order."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], _LinkState] = {}
        self._number = 0
        self._function = ""
        self._time = 0.0
        self._afar: _LinkState | None = None
        """Where a command that came from afar waits for what is inside it."""

    def feed(self, event: Item) -> list[Entry]:
        """Take one event, or a piece that could not be read; the entries that are complete now."""
        if isinstance(event, LinkEvent):
            if self._afar is None:
                return self._link(event)
            return [*self._close_afar(), *self._link(event)]
        if isinstance(event, Damage):
            self._number += 1
            return [*self.flush(), damaged(event, self._number, self._time)]
        self._time = event.time
        if isinstance(event, ChannelEvent) and self._attach(event):
            return []
        done = self.flush()
        if isinstance(event, ChannelEvent) and _is_remote(event):
            self._remote(event)
            return done
        if isinstance(event, FunctionEvent) and event.layer != Layer.PROFILE:
            self._function = "" if event.outcome else event.name
        done.append(self._happening(event))
        return done

    def flush(self) -> list[Entry]:
        """The entries that wait for what might still belong to them."""
        done: list[Entry] = []
        for link in self._links.values():
            done.extend(self._close(link))
        return done

    def settle(self) -> list[Entry]:
        """The entries that are complete unless more comes late: for a trace that is being written and pauses."""
        done: list[Entry] = []
        for link in self._links.values():
            if link.open is not None and link.answered and not _unfinished(link.open):
                done.extend(self._close(link))
        return done

    # --- links

    def _link(self, event: LinkEvent) -> list[Entry]:
        self._time = event.time
        key = (event.side, event.reader)
        state = self._links.get(key)
        if state is None:
            state = self._links[key] = _LinkState(Link(*key))
        kind = event.kind
        if kind == LinkKind.COMMAND:
            return self._command(state, event)
        if kind == LinkKind.RESPONSE and not state.answered:
            self._response(state, event)
            return []
        done = self._close(state)
        if kind == LinkKind.RESPONSE:
            done.append(self._happening(event, state.link, (_UNASKED,)))
        else:
            if kind != LinkKind.PPS:
                state.whereabouts.reset()
                state.chains.reset()
                if state.rules is not None:
                    state.rules.reset(event.data)
            done.append(self._happening(event, state.link))
        return done

    def _command(self, state: _LinkState, event: LinkEvent) -> list[Entry]:
        octets = event.data
        data = octets if isinstance(octets, bytes) else visible(octets) or b""
        entry = state.open
        if entry is None:
            done: list[Entry] = []
        elif _continues(state, entry, data):
            entry.events += (event,)
            state.answered = False
            state.repeats = True
            return []
        else:
            done = self._close(state)
        self._number += 1
        channel = channel_of(data[0]) if data else 0
        state.open = Exchange(
            number=self._number,
            time=event.time,
            link=state.link,
            layer=Layer.APDU,
            function=self._function,
            events=(event,),
            command=octets,
            channel=channel,
            place=state.whereabouts.at(channel),
            _summarise=title,
            _detail=detail,
        )
        state.answered = False
        state.repeats = False
        return done

    def _response(self, state: _LinkState, event: LinkEvent) -> None:
        entry = state.open
        assert entry is not None
        entry.events += (event,)
        entry.duration = event.time - entry.time
        entry.response = _joined(entry.response, event.data) if state.repeats else event.data
        state.answered = True

    def _close(self, state: _LinkState) -> list[Entry]:
        """Complete the exchange of a link: what it changes holds from the next one on."""
        entry = state.open
        if entry is None:
            return []
        state.open = None
        command: bytes | None
        response: bytes | None
        command, response = entry.command, entry.response  # type: ignore[assignment]  # nearly always bytes
        if type(command) is not bytes or type(response) is not bytes:
            command, response = visible(entry.command), visible(entry.response)
        if not state.answered:
            entry.findings += (_UNANSWERED,)
            state.answered = True
            response = response or None
        if command is not None:
            found = outside(command, response, once=not state.repeats)
            if found:
                entry.findings += found
            if response is not None and len(command) >= 4:
                _follow(state, entry, command, response)
        if entry.protected is not None or entry.inner:
            entry.findings += channel_findings(entry)
        if state.rules is not None and response is not None and command is not None:
            found = state.rules.check(entry, command, response)
            if found:
                entry.findings += found
        return [entry]

    # --- everything else

    def _remote(self, event: ChannelEvent) -> None:
        """A command that came from afar: an exchange of its own, which waits for what is inside it."""
        key = (event.side, f" {event.layer}")
        state = self._links.get(key)
        if state is None:
            state = self._links[key] = _LinkState(Link(*key), rules=None)
        self._afar = state
        self._number += 1
        command = visible(event.plain) or b""
        channel = channel_of(command[0]) if command else 0
        state.open = Exchange(
            number=self._number,
            time=event.time,
            link=Link(event.side),
            layer=event.layer,
            function=self._function,
            findings=recorded_findings(event),
            events=(event,),
            command=event.plain,
            response=event.response_plain,
            channel=channel,
            place=Place(_octets(event.target)),
            _summarise=title,
            _detail=detail,
        )

    def _close_afar(self) -> list[Entry]:
        state, self._afar = self._afar, None
        return [] if state is None else self._close(state)

    def _attach(self, event: ChannelEvent) -> bool:
        """Give the exchange of a secure channel to the APDU that carries it; both ends may have reported it."""
        for state in self._links.values():
            entry = state.open
            if entry is None:
                continue
            if event.layer == Layer.SCP03 and carries(entry, event):
                entry.protected = _better(entry.protected, event)
            elif event.layer == Layer.SCP03T:
                same = [each for each in entry.inner if each.protected == event.protected]
                entry.inner = tuple(each for each in entry.inner if each not in same)
                entry.inner += (_better(same[0] if same else None, event),)
            else:
                continue
            entry.events += (event,)
            return True
        return False

    def _happening(self, event: AnyEvent, link: Link | None = None, findings: tuple[Finding, ...] = ()) -> Entry:
        self._number += 1
        if isinstance(event, (BearerEvent, ChannelEvent, FunctionEvent)):
            findings += recorded_findings(event)
        return happening(event, self._number, link, self._function, findings)


def _is_remote(event: ChannelEvent) -> bool:
    """Whether it is a command for the card that came from afar; what a card sends by itself begins with E1."""
    raw = visible(event.plain) if event.layer in _REMOTE else None
    return raw is not None and len(raw) >= _HEADER and raw[0] != Notification.TAG


def _octets(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""


def _unfinished(exchange: Exchange) -> bool:
    """Whether the response so far announces more."""
    response = visible(exchange.response)
    return response is not None and len(response) >= 2 and response[-2] in (0x61, 0x6C)


def _follow(state: _LinkState, entry: Exchange, command: bytes, response: bytes) -> None:
    """Note where an exchange leads: what it selects, and what its chain carries."""
    if entry.protected is not None:
        command, response = visible(entry.plain) or command, visible(entry.answer) or response
    if len(command) >= 4 and len(response) >= 2:
        sw = response[-2] << 8 | response[-1]
        entry.target = state.whereabouts.follow(entry.channel, command, sw, response)
        state.chains.take(entry, command)


def _continues(state: _LinkState, entry: Exchange, command: bytes) -> bool:
    """Whether a command belongs to the exchange before: GET RESPONSE after 61xx or 9Fxx, repetition after 6Cxx."""
    if not state.answered:
        return False
    octets = entry.response
    response = octets if isinstance(octets, bytes) else visible(octets)
    if response is None or len(response) < 2 or len(command) < 4:
        return False
    if response[-2] not in (0x61, 0x6C, 0x9F) or len(entry.events) > _MAX_PARTS:
        return False
    if response[-2] != 0x6C:
        return command[1] == _GET_RESPONSE and channel_of(command[0]) == entry.channel
    before = visible(entry.command) or b""
    return command[:4] == before[:4] or (command[1] == _GET_RESPONSE and state.repeats)


def _joined(before: Octets, after: Octets) -> Octets:
    """The data of both parts with the status word of the second."""
    first, second = visible(before), visible(after)
    if first is None or second is None or first is not before or second is not after:
        return after
    return first[:-2] + second


def _better(first: ChannelEvent | None, second: ChannelEvent) -> ChannelEvent:
    """Of two reports of the same exchange the one that was verified, or that shows more."""
    if first is None:
        return second
    if ("verified" in second.extra) != ("verified" in first.extra):
        return second if "verified" in second.extra else first
    return second if len(second.response_plain) > len(first.response_plain) else first


def decode(events: Iterable[Item]) -> Iterator[Entry]:
    """The entries of a whole trace, as they become complete."""
    decoder = Decoder()
    for event in events:
        yield from decoder.feed(event)
    yield from decoder.flush()
