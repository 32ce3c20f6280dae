# SPDX-License-Identifier: Apache-2.0
"""Which format a trace has, told from its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.trace.sources.hexpairs import HexSource, is_hex_line, is_response_line
from apdu.trace.sources.jsonl import JsonlSource
from apdu.trace.sources.pcap import PcapSource, is_pcap
from apdu.trace.sources.pcapng import PcapngSource, is_pcapng
from apdu.trace.sources.pcscd import PcscdSource, is_pcscd_line
from apdu.trace.sources.simtrace import SimtraceSource, is_simtrace_line
from apdu.trace.sources.source import Source

__all__ = ["FORMATS", "HEAD", "Format", "detect"]

HEAD: Final = 4096
"""How many bytes are enough to tell."""


class Format(NamedTuple):
    """A format of traces."""

    name: str
    matches: Callable[[bytes], bool]
    make: Callable[[], Source]


def _lines(matches: Callable[[str], bool]) -> Callable[[bytes], bool]:
    """One of the whole lines at the beginning is of that kind; the last one may be cut."""

    def some(head: bytes) -> bool:
        lines = head.split(b"\n")
        whole = lines[:-1] if len(head) >= HEAD and len(lines) > 1 else lines
        return any(matches(line.decode("utf-8", "replace").rstrip("\r")) for line in whole)

    return some


_LINES: Final = Format("jsonl", lambda head: head.lstrip()[:1] == b"{", JsonlSource)
_sniffed, _answered = _lines(is_simtrace_line), _lines(is_response_line)


def _is_simtrace(head: bytes) -> bool:
    """A log with `APDU:` whose responses are lines of their own is another."""
    return _sniffed(head) and not _answered(head)


FORMATS: Final[tuple[Format, ...]] = (
    Format("pcapng", is_pcapng, PcapngSource),
    Format("pcap", is_pcap, PcapSource),
    _LINES,
    Format("pcscd log", _lines(is_pcscd_line), PcscdSource),
    Format("SIMtrace log", _is_simtrace, SimtraceSource),
    Format("hexadecimal lines", _lines(is_hex_line), HexSource),
)
"""Tried in this order."""


def detect(head: bytes) -> Format:
    """The format of a trace that begins like this; DecodeError when it is none. An empty one is a trace of nothing."""
    if not head.strip():
        return _LINES
    for candidate in FORMATS:
        if candidate.matches(head):
            return candidate
    known = ", ".join(candidate.name for candidate in FORMATS)
    raise DecodeError(f"is no trace: known are {known}")
