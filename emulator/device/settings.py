# SPDX-License-Identifier: Apache-2.0
"""What a device is: identity, language, clock zone, habits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from apdu.cat.terminal import TerminalCapability
from apdu.errors import EncodeError

__all__ = ["DEFAULT_POLL", "Settings"]

DEFAULT_POLL: Final = 30.0
"""Seconds between two STATUS commands when nothing was agreed (TS 102 221 14.5.1)."""
_TEST_IMEI: Final = "004401012345670"
"""Of the range for test equipment (TS.06), with its check digit."""


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A device's fixed properties."""

    imei: str = _TEST_IMEI
    software: str = "00"
    """Software version: with the first 14 digits of the IMEI it is the IMEISV."""
    language: str = "en"
    zone: tzinfo = UTC
    battery: int = 0x04
    """00 empty to 04 full (TS 102 223 8.81)."""
    search_mode: int = 0x01
    """00 manual, 01 automatic (TS 102 223 8.79)."""
    pin: str | None = None
    """Sent when the USIM asks for it."""
    capability: TerminalCapability | None = None
    """Told to the card with TERMINAL CAPABILITY, where given."""
    poll: float | None = DEFAULT_POLL
    """Seconds between two STATUS commands before the card asks for something else; None: no polling."""
    shortest_poll: int = 1
    """Seconds: no agreement makes polling faster."""

    def __post_init__(self) -> None:
        if len(self.imei) != 15 or not (self.imei.isascii() and self.imei.isdigit()) or not _luhn(self.imei):
            raise EncodeError("an IMEI has 15 digits, the last of which checks the others")
        if len(self.software) != 2 or not (self.software.isascii() and self.software.isdigit()):
            raise EncodeError("a software version has two digits")
        if len(self.language) != 2 or not self.language.isascii():
            raise EncodeError("a language has two letters (ISO 639)")

    @property
    def imeisv(self) -> str:
        """IMEI without check digit, and software version."""
        return self.imei[:14] + self.software
