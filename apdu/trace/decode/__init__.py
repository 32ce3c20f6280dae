# SPDX-License-Identifier: Apache-2.0
"""What a trace says: events become entries, each with a line, a tree of what was decoded, and findings."""

from __future__ import annotations

from apdu.trace.decode.decoder import Decoder, decode
from apdu.trace.decode.model import Entry, Exchange, Finding, Happening, Node, Place, Severity

__all__ = [
    "Decoder",
    "Entry",
    "Exchange",
    "Finding",
    "Happening",
    "Node",
    "Place",
    "Severity",
    "decode",
]
