# SPDX-License-Identifier: Apache-2.0
"""Whom a server knows, and which addresses of theirs it may send to.

An address that stands in a message is somebody's wish: it is followed only where the configuration leads as well, so
that nobody makes a server call a third (SGP.02 v4.2 annex B: ReplyTo).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from apdu.errors import DecodeError, SecurityError
from smsr.kit.oid import Oid
from smsr.serving.service import Binding

__all__ = ["Address", "Parties", "Party"]

_MAX_URL: Final = 2048
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_HIDDEN: Final = re.compile(r"%(2[eEfF]|5[cC]|[01][0-9a-fA-F]|7[fF])")
"""Dots, slashes and control characters that somebody behind this server might read as such."""
_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class Address:
    """An https address: host in lower case, port, path without its last slash."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read one; DecodeError for other schemes, user names, fragments, and anything that can be read in two ways."""
        if len(url) > _MAX_URL or not _PLAIN.fullmatch(url) or _HIDDEN.search(url):
            raise DecodeError("an address with characters that it cannot have")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise DecodeError("an address that cannot be read") from None
        if parts.scheme != "https" or not host or "@" in parts.netloc:
            raise DecodeError("an address that is not https://host[:port]/path")
        if {".", ".."} & set(parts.path.split("/")) or "\\" in url:
            raise DecodeError("an address whose path leads back")
        return cls(host.rstrip("."), port or _HTTPS, parts.path.rstrip("/"))

    def covers(self, other: Address) -> bool:
        """Whether another address is this one or lies below it."""
        below = other.path == self.path or other.path.startswith(f"{self.path}/")
        return (self.host, self.port) == (other.host, other.port) and below


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Another server, or what an operator has instead of one."""

    oid: Oid
    role: Oid
    """One of smsr.kit.oid."""
    url: str = ""
    """Where it is called, without the path of an interface; empty: it only calls, and looks for its answers."""
    binding: Binding = Binding.JSON
    name: str = ""


class Parties:
    """Those that a configuration names, and further addresses that callbacks may go to."""

    __slots__ = ("_allowed", "_parties")

    def __init__(self, parties: Iterable[Party] = (), allowed: Iterable[str] = ()) -> None:
        """DecodeError for an address that is none."""
        self._parties = {party.oid: party for party in parties}
        self._allowed = tuple(map(Address.parse, allowed))
        for party in self._parties.values():
            if party.url:
                Address.parse(party.url)

    def find(self, oid: Oid) -> Party | None:
        """Who it is."""
        return self._parties.get(oid)

    def check_callback(self, oid: Oid, url: str) -> None:
        """SecurityError unless callbacks for this party may go there: to its own address, or to one on the list."""
        try:
            wanted = Address.parse(url)
        except DecodeError as error:
            raise SecurityError(f"the callback address is {error.message}") from None
        party = self.find(oid)
        own = (Address.parse(party.url),) if party is not None and party.url else ()
        if not any(each.covers(wanted) for each in (*own, *self._allowed)):
            raise SecurityError("the callback address is neither the requester's nor on the list of others")
