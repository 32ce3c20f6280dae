# SPDX-License-Identifier: Apache-2.0
"""One trace of everything that crosses a seam: events, observers, lines, redaction."""

from __future__ import annotations

from apdu.trace.events import BearerEvent, ChannelEvent, Event, ForeignEvent, FunctionEvent, HeaderEvent, LinkEvent
from apdu.trace.observer import IGNORE, Clock, Observer, Recorder, TracingTransport

__all__ = [
    "IGNORE",
    "BearerEvent",
    "ChannelEvent",
    "Clock",
    "Event",
    "ForeignEvent",
    "FunctionEvent",
    "HeaderEvent",
    "LinkEvent",
    "Observer",
    "Recorder",
    "TracingTransport",
]
