# SPDX-License-Identifier: Apache-2.0
"""File control parameters in words and as JSON (TS 102 221 11.1.1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from apdu.command.fcp import FcpTemplate
from apdu.trace.events import Json

__all__ = ["Parameters", "as_json", "kind", "summary"]

_TYPES: Final = {1: "transparent", 2: "linear", 6: "cyclic"}
_BER_TLV: Final = 0x39
_STATES: Final = {0x01: "created", 0x03: "initialised"}
_ACTIVATED: Final = 0x05
_TERMINATED: Final = 0x0C
_LABEL: Final = 13


def kind(fcp: FcpTemplate) -> str:
    """What kind of file it is."""
    if fcp.descriptor.is_directory:
        return "directory"
    if fcp.descriptor.descriptor & 0x3F == _BER_TLV:
        return "BER-TLV"
    return _TYPES.get(fcp.descriptor.descriptor & 0x07, "unknown")


def summary(fcp: FcpTemplate) -> str:
    """Kind, size, short identifier, state of a file in one line; nothing for a directory."""
    if fcp.descriptor.is_directory:
        return ""
    sfi = f"  SFI {fcp.sfi:02X}" if fcp.sfi else ""
    return f"{kind(fcp):<11}  {_size(fcp):>8}{sfi}{'  deactivated' if not fcp.lcs & 1 else ''}"


def _size(fcp: FcpTemplate) -> str:
    records = fcp.descriptor.records
    return f"{records} x {fcp.descriptor.record_length}" if records is not None else f"{fcp.size or 0}"


def as_json(fid: int, fcp: FcpTemplate) -> dict[str, Json]:
    """The parameters of one file."""
    return {
        "fid": f"{fid:04X}",
        "type": kind(fcp),
        "size": fcp.size,
        "record_length": fcp.descriptor.record_length,
        "records": fcp.descriptor.records,
        "sfi": fcp.sfi or None,
        "aid": None if fcp.name is None else str(fcp.name),
        "life_cycle": fcp.lcs,
        "access_rule": None
        if fcp.security is None
        else {"file": f"{fcp.security.fid:04X}", "record": fcp.security.record},
    }


@dataclass(frozen=True, slots=True)
class Parameters:
    """One file and all that its template says."""

    path: str
    fcp: FcpTemplate

    def lines(self) -> Iterator[str]:
        """A row for each."""
        fcp = self.fcp
        yield _row("File", f"{self.path}  {fcp.fid or 0:04X}")
        yield _row("Type", kind(fcp))
        if not fcp.descriptor.is_directory:
            yield _row("Size", _size(fcp))
        if fcp.name is not None:
            yield _row("AID", str(fcp.name))
        if fcp.sfi:
            yield _row("SFI", f"{fcp.sfi:02X}")
        yield _row("State", _state(fcp.lcs))
        if fcp.security is not None:
            yield _row("Access rule", f"record {fcp.security.record} of {fcp.security.fid:04X}")
        for number, pin in enumerate(fcp.pin_status.entries if fcp.pin_status is not None else ()):
            yield _row("" if number else "Codes", f"{pin.reference:02X} {'enabled' if pin.enabled else 'disabled'}")

    def json(self) -> Json:
        """The same as an object."""
        pins = self.fcp.pin_status.entries if self.fcp.pin_status is not None else ()
        listed: list[Json] = [{"reference": f"{pin.reference:02X}", "enabled": pin.enabled} for pin in pins]
        return {"path": self.path, **as_json(self.fcp.fid or 0, self.fcp), "codes": listed}


def _state(lcs: int) -> str:
    """Life cycle status (TS 102 221 table 11.7b)."""
    if lcs in _STATES:
        return _STATES[lcs]
    if lcs >= _TERMINATED:
        return "terminated"
    return "activated" if lcs & _ACTIVATED == _ACTIVATED else "deactivated"


def _row(name: str, text: str) -> str:
    return f"{name:<{_LABEL}}{text}".rstrip()
