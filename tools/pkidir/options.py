# SPDX-License-Identifier: Apache-2.0
"""From the options of `euicc pki issue` to what certificates shall say."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from apdu.errors import DecodeError
from smsr.kit.folder import CI
from smsr.kit.oid import ROLE_EUM, Oid
from tools.errors import ToolError
from tools.pkidir.operations import ROLES, Order

__all__ = ["Wanted"]

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_CARD_NAME: Final = 16  # bytes, in card format certificates


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; what was not stays as it is."""

    name: str
    role: str | None
    oid: str | None
    hosts: tuple[str, ...]
    digits: str | None

    def __post_init__(self) -> None:
        for host in self.hosts:
            _check_host(host)
        if self.digits is not None and not re.fullmatch("89[0-9]{1,16}", self.digits):
            raise ToolError(f"{self.digits!r} is no beginning of EIDs: 89 and more digits, 18 at most")
        if self.name == CI and (self.role or self.oid or self.hosts or self.digits):
            raise ToolError("a new root is as the old one: of all options only --days is for it")

    def change(self, known: Order | None) -> Order:
        """What the certificates shall say, when the newest say what is known."""
        if known is None:
            return self._changed(self._new())
        if self.role is not None and ROLES[self.role] != known.role:
            raise ToolError(f"{self.name} has another role: issue certificates under another name")
        if self.oid is not None and _oid(self.oid) != known.oid:
            raise ToolError(f"{self.name} is {known.oid}: issue certificates for another party under another name")
        return self._changed(known)

    def _new(self) -> Order:
        if self.role is None or self.oid is None:
            raise ToolError(f"{self.name} is new here: say --role and --oid")
        return Order(self.name, ROLES[self.role], _oid(self.oid))

    def _changed(self, order: Order) -> Order:
        if self.digits is not None and order.role != ROLE_EUM:
            raise ToolError("only an EUM's EIDs have a beginning: leave --eid-prefix away")
        return replace(order, hosts=self.hosts or order.hosts, digits=self.digits or order.digits)


def _oid(text: str) -> Oid:
    try:
        oid = Oid(text)
    except DecodeError as error:
        raise ToolError(error.message) from None
    if len(oid.value) > _CARD_NAME:
        raise ToolError(f"{oid} takes {len(oid.value)} bytes: a card format certificate holds {_CARD_NAME}")
    return oid


def _check_host(host: str) -> None:
    try:
        ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host):
            raise ToolError(f"{host!r} is neither a host name nor an address") from None
