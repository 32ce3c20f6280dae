# SPDX-License-Identifier: Apache-2.0
"""Text that sniffers between phone and card print: simtrace2-sniff (`TPDU: ...`), the first SIMtrace (`APDU: ...`).

    ATR: 3b 9f 96 80 ...
    PPS: ff 10 95 7a ff 10 95 7a
    TPDU: a0 a4 00 00 02 6f 7e 9f 0f
    Card state change: reset asserted

A line holds command and response. Such logs have no times: it is 0 for all. Lines about other things are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from apdu.trace.events import LinkEvent, LinkKind, Side
from apdu.trace.sources.lines import LineSource, hex_bytes
from apdu.trace.sources.source import Item
from apdu.trace.sources.split import CLAUSE, split_exchange

__all__ = ["SimtraceSource", "is_simtrace_line"]

_LINE: Final = re.compile(
    r"(?:PPS\([^)]*\)\s+)?(?:(?P<first>ATR)\s+)?(?P<mark>ATR|PPS|TPDU|APDU)"
    r"(?:\s*\((?P<flags>[^)]*)\))?:\s*(?P<rest>.*)"
)
_EJECTED: Final = re.compile(r"Card state change: .*(?:card ejected|reset asserted)")


def is_simtrace_line(text: str) -> bool:
    """Whether a line is one of such a log."""
    match = _LINE.fullmatch(text.strip())
    return match is not None and bool(hex_bytes(match["rest"]))


class SimtraceSource(LineSource):
    """Reads such a log."""

    def _line(self, line: bytes) -> Iterator[Item]:
        text = line.decode("latin-1").strip()
        match = _LINE.fullmatch(text)
        if match is None:
            if _EJECTED.match(text):
                yield self._event(LinkKind.POWER_OFF, b"")
            return
        data = hex_bytes(match["rest"])
        if not data:
            yield self._damage(f"has no bytes behind {match['mark']}")
        elif match["flags"]:
            yield self._damage("was not sniffed whole")
        elif "ATR" in (match["mark"], match["first"]):
            yield self._event(LinkKind.ATR, data)
        elif match["mark"] == "PPS":
            yield self._event(LinkKind.PPS, data)
        else:
            yield from self._exchange(data)

    def _exchange(self, data: bytes) -> Iterator[Item]:
        halves = split_exchange(data)
        if isinstance(halves, str):
            yield self._damage(halves, CLAUSE)
            return
        yield self._event(LinkKind.COMMAND, halves.command)
        yield self._event(LinkKind.RESPONSE, halves.response)

    def _event(self, kind: LinkKind, data: bytes) -> LinkEvent:
        return LinkEvent(time=0.0, side=Side.READER, kind=kind, data=data)
