# SPDX-License-Identifier: Apache-2.0
"""`--allow`: addresses and networks that channels may lead to."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

import click

__all__ = ["read_allowed"]


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
