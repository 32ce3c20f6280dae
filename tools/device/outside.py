# SPDX-License-Identifier: Apache-2.0
"""`--allow`, `--smpp`, `--number`: what a device may reach, and as whom."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import click

from apdu.sms.address import Address

__all__ = ["read_allowed", "read_number", "read_smpp"]

_SMPP_PORT: Final = 2775
_MAX_DIGITS: Final = 15


def read_allowed(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks; a name is wrong usage, for nothing is looked up here."""
    found: list[IPv4Network | IPv6Network] = []
    for text in texts:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is no address as 192.0.2.7 and no network as 192.0.2.0/24; names are not looked up",
                param_hint="--allow",
            ) from None
    return tuple(found)


def read_smpp(text: str | None) -> tuple[str, int] | None:
    """Where the SMSC is."""
    if text is None:
        return None
    from tools.cards.serve import parse_address

    return parse_address(text, _SMPP_PORT)


def read_number(text: str | None, smpp: str | None) -> Address | None:
    """The number of the device; it serves for nothing without an SMSC."""
    if text is None:
        return None
    if smpp is None:
        raise click.UsageError("--number is the number to bind with: it needs --smpp")
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise click.BadParameter(f"{text!r} is no number as +491720000001 is", param_hint="--number")
    return Address.of(text)
