# SPDX-License-Identifier: Apache-2.0
"""The observer of all parties of a run: what they tell goes to the trace, what went wrong is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from apdu.trace import Event
from apdu.trace.events import BearerEvent, ChannelEvent, FunctionEvent, Layer, LinkEvent
from tools.errors import ToolError
from tools.tracefile import TraceFile

if TYPE_CHECKING:
    from apdu.trace.sources.source import Item
    from apdu.trace.unwrap import KeyRing, Unwrapper

__all__ = ["Watch"]

_FOLLOWED: Final = "followed"
_TOLD_BY_ITS_END: Final = (Layer.SCP03T, Layer.PROFILE)
"""Layers that the SM-DP tells of itself."""


class Watch:
    """Writes events to the trace, if there is one, with what bearers carried by toolkit commands."""

    def __init__(self, trace: TraceFile | None) -> None:
        self.done: set[str] = set()
        """Functions that ended well."""
        self._trace = trace
        self._fault: BaseException | None = None
        self._unwrapper: Unwrapper | None = None

    def follow(self, keys: KeyRing) -> None:
        """Take bearers apart, with these keys."""
        from apdu.trace.unwrap import Unwrapper

        self._unwrapper = Unwrapper(keys)

    def event(self, event: Event) -> None:
        """Write it."""
        if isinstance(event, FunctionEvent) and event.outcome == "ok":
            self.done.add(event.name)
        if self._trace is None:
            return
        if self._unwrapper is None:
            self._trace.write(event)
        else:
            self._write(self._unwrapper.feed(event))

    def close(self) -> None:
        """Write what waits."""
        if self._unwrapper is not None:
            self._write(self._unwrapper.close())

    def _write(self, events: Iterable[Item]) -> None:
        for event in events:
            if self._trace is None or not isinstance(event, LinkEvent | BearerEvent | ChannelEvent | FunctionEvent):
                continue
            if not (event.extra.get(_FOLLOWED) and event.layer in _TOLD_BY_ITS_END):
                self._trace.write(event)

    def internal_error(self, error: BaseException) -> None:
        """Keep the first: those that follow come of it."""
        self._fault = self._fault or error

    def check(self) -> None:
        """Raise what went wrong in a place that could not."""
        if self._fault is not None:
            name = type(self._fault).__name__
            raise ToolError(f"the card failed inside ({name}: {self._fault}): this is a fault of the emulator")
        if self._trace is not None:
            self._trace.check()
