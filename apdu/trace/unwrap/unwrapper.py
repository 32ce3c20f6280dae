# SPDX-License-Identifier: Apache-2.0
"""Follows the secure channels of a trace and adds what they carried: one event in, it and what it completes out.

An exchange of a secure channel is followed by a `ChannelEvent` whose `extra` says how it was verified:

    verified    true, false, or null where there were no keys for it
    why         why it is not verified
    kvn, level  key version number and security level, in hexadecimal digits
    findings    what is wrong: rule, severity, text, clause

Events that the ends recorded themselves get the same additions instead of a second event beside them.

What bearers carry is found in the toolkit commands of the link and becomes events of its own: short messages and their
secured packets, BIP channels, TLS records, HTTP messages, commands of remote scripts with their responses. `followed`
in their `extra` says so: a trace that holds them already is not told them twice.

One pass, bounded memory; without secure channels and toolkit commands an event costs a look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from apdu.trace.events import BearerEvent, ChannelEvent, FunctionEvent, Layer, LinkEvent, LinkKind
from apdu.trace.sources.source import Item
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.link import LinkFollower
from apdu.trace.unwrap.seen import FOLLOWED

__all__ = ["Unwrapper", "unwrap"]

_NO_KEYS: Final = KeyRing()
_SEEN: Final = 1024
"""Exchanges of SCP03t that are remembered: an end may report one long after it was on the link."""
_RECORDED: Final = 64
"""Reports of one exchange that wait for its end."""
_LINKS: Final = 256
"""Links that are followed; of more the ones that came first are forgotten."""
_COMMAND: Final = str(LinkKind.COMMAND)
_RESPONSE: Final = str(LinkKind.RESPONSE)


class Unwrapper:
    """The stage of a trace between reading and redaction: it works on bytes, what it adds is redacted like the rest."""

    def __init__(self, keys: KeyRing = _NO_KEYS, *, elements: bool = True) -> None:
        self._ring = keys
        self._elements = elements
        self._links: dict[tuple[str, str], LinkFollower] = {}
        self._waiting: dict[tuple[str, str], float] = {}
        """Links whose exchange is complete, or will be: what it carried is told before the next event."""
        self._seen: dict[int, None] = {}

    def feed(self, event: Item) -> Sequence[Item]:
        """Take one event, or a piece that could not be read: what came before is complete now, and this one."""
        if isinstance(event, LinkEvent):
            return self._link(event)
        if isinstance(event, (BearerEvent, ChannelEvent, FunctionEvent)) and event.extra.get(FOLLOWED):
            return self._followed(event)
        if isinstance(event, ChannelEvent) and "verified" not in event.extra:
            return self._recorded(event)
        return (*self._settle(), event) if self._waiting else (event,)

    def flush(self) -> Sequence[Item]:
        """What is complete, when no event comes for a while."""
        return tuple(self._settle()) if self._waiting else ()

    def close(self) -> Sequence[Item]:
        """The trace is over: also what was not answered."""
        done: list[Item] = []
        for key, link in self._links.items():
            if link.current:
                done.extend(self._end(key, link, link.time))
        return tuple(done)

    def _link(self, event: LinkEvent) -> Sequence[Item]:
        key = (event.side, event.reader)
        link = self._links.get(key)
        if link is None:
            link = self._new(key)
        kind = event.kind
        if kind == _RESPONSE:
            if link.current and not link.answered:
                link.response(event.data)
                self._waiting[key] = event.time
                return (event,)
            return (*self._settle(), event) if self._waiting else (event,)
        if kind == _COMMAND:
            data = event.data
            if link.current and isinstance(data, bytes) and link.continues(data):
                link.go_on()
                return (event,)
            before = self._end(key, link, event.time) if link.current or self._waiting else ()
            link.command(data, event.time)
            return (*before, event) if before else (event,)
        before = self._end(key, link, event.time) if link.current or self._waiting else ()
        if kind != LinkKind.PPS:
            link.reset(event.data)
        return (*before, event)

    def _new(self, key: tuple[str, str]) -> LinkFollower:
        if len(self._links) >= _LINKS:
            oldest = next(iter(self._links))
            del self._links[oldest]
            self._waiting.pop(oldest, None)
        link = self._links[key] = LinkFollower(self._ring, elements=self._elements)
        return link

    def _end(self, key: tuple[str, str], link: LinkFollower, time: float) -> list[Item]:
        """What complete exchanges carried, and the one of a link that goes on with something else."""
        done: list[Item] = []
        if link.current:
            done.extend(self._once(link.finish(self._waiting.pop(key, time), key[0])))
        done.extend(self._settle())
        return done

    def _settle(self) -> list[Item]:
        """What complete exchanges carried."""
        done: list[Item] = []
        for key, time in tuple(self._waiting.items()):
            link = self._links[key]
            if link.complete:
                del self._waiting[key]
                done.extend(self._once(link.finish(time, key[0])))
        return done

    def _recorded(self, event: ChannelEvent) -> Sequence[Item]:
        """Keep what an end recorded about an exchange until that is complete."""
        for link in self._links.values():
            matches = event.layer == Layer.SCP03T or event.protected == link.current
            if link.current and matches and len(link.recorded) < _RECORDED:
                link.recorded.append(event)
                return ()
        return (*self._settle(), *self._once((event,))) if self._waiting else self._once((event,))

    def _followed(self, event: Item) -> Sequence[Item]:
        """What an earlier reading of the link found in it: it stands, unless there are keys to look again."""
        if self._ring.over_the_air:
            return ()
        for key in self._waiting:
            self._links[key].told = True
        return (*self._settle(), event)

    def _once(self, events: Iterable[Item]) -> tuple[Item, ...]:
        """Without what both ends report: the second report of an SCP03t exchange."""
        kept: list[Item] = []
        for event in events:
            if isinstance(event, ChannelEvent) and event.layer == Layer.SCP03T:
                mark = hash((event.target, event.protected))
                if mark in self._seen and "verified" not in event.extra:
                    continue
                self._seen[mark] = None
                if len(self._seen) > _SEEN:
                    del self._seen[next(iter(self._seen))]
            kept.append(event)
        return tuple(kept)


def unwrap(events: Iterable[Item], keys: KeyRing = _NO_KEYS, *, elements: bool = True) -> Iterator[Item]:
    """A whole trace with what its secure channels carried."""
    unwrapper = Unwrapper(keys, elements=elements)
    for event in events:
        yield from unwrapper.feed(event)
    yield from unwrapper.close()
