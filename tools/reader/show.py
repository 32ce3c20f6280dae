# SPDX-License-Identifier: Apache-2.0
"""APDUs as lines on standard error, redacted like a trace file."""

from __future__ import annotations

import click

from apdu.command.apdu import CommandApdu
from apdu.command.status import StatusWord
from apdu.errors import DecodeError
from apdu.gp.describe import describe
from apdu.trace import Event, LinkEvent
from apdu.trace.events import LinkKind, Masked, Octets, Withheld
from apdu.trace.redact import Redactor

__all__ = ["ApduLines", "link_line"]


class ApduLines:
    """Writes a line for everything that crosses the link, and leaves the other layers out."""

    def __init__(self, salt: bytes, *, shown: bool = True) -> None:
        self.redactor = Redactor(salt=salt)
        self.shown = shown
        """May change on the way. What is not shown is redacted as well: later lines may hold what it says."""

    def write(self, event: Event) -> None:
        """Show one event."""
        redacted = self.redactor.redact(event)
        if self.shown and isinstance(redacted, LinkEvent):
            click.echo(link_line(redacted), err=True)


def link_line(event: LinkEvent) -> str:
    """`> command  # its name`, `< response  # its status word`; hidden bytes are `..`."""
    text = _digits(event.data)
    if event.kind == LinkKind.COMMAND:
        return f"> {text}{_named(event.data)}"
    if event.kind == LinkKind.RESPONSE:
        return f"< {text}{_status(event.data)}"
    return f"# {str(event.kind).upper()} {text}".rstrip()


def _digits(octets: Octets) -> str:
    if isinstance(octets, Withheld):
        return f"({octets.length} bytes)"
    if isinstance(octets, Masked):
        pairs = [f"{byte:02X}" for byte in octets.data]
        for offset, length in octets.spans:
            pairs[offset : offset + length] = [".."] * length
        return "".join(pairs)
    return octets.hex().upper()


def _plain(octets: Octets) -> bytes:
    return b"" if isinstance(octets, Withheld) else octets.data if isinstance(octets, Masked) else octets


def _named(octets: Octets) -> str:
    try:
        return f"  # {describe(CommandApdu.parse(_plain(octets)))}"
    except DecodeError:
        return "  # malformed"


def _status(octets: Octets) -> str:
    data = _plain(octets)
    return f"  # {StatusWord(data[-2] << 8 | data[-1]).meaning}" if len(data) >= 2 else ""
