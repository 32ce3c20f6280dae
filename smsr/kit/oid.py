# SPDX-License-Identifier: Apache-2.0
"""Object identifiers: names of SM-DPs, SM-SRs, EUMs and operators (SGP.02 2.2.4), and roles in X.509 certificates."""

from __future__ import annotations

from typing import Final, Self

from apdu.errors import DecodeError

__all__ = ["ROLE_CI", "ROLE_EUM", "ROLE_OPERATOR", "ROLE_SM_DP", "ROLE_SM_SR", "Oid"]

_MAX_BYTES: Final = 64


class Oid(str):
    """A dotted object identifier in its one canonical form."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        arcs = text.split(".")
        if len(arcs) < 2 or not all(arc.isascii() and arc.isdigit() and (arc == "0" or arc[0] != "0") for arc in arcs):
            raise DecodeError(f"{text!r} is no object identifier")
        if int(arcs[0]) > 2 or (int(arcs[0]) < 2 and int(arcs[1]) > 39):
            raise DecodeError(f"object identifier {text} begins with an arc that does not exist")
        oid = super().__new__(cls, text)
        if len(oid.value) > _MAX_BYTES:
            raise DecodeError(f"an object identifier of more than {_MAX_BYTES} bytes")
        return oid

    @property
    def value(self) -> bytes:
        """The content of its DER coding (X.690 8.19): what card format certificates hold as subject."""
        first, second, *rest = map(int, self.split("."))
        return b"".join(map(_arc, (first * 40 + second, *rest)))

    def __repr__(self) -> str:
        return f"Oid({self!s})"


def _arc(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))


# Roles stand in the certificate policies of an X.509 certificate. CI and EUM are the values of SGP.22 2.3.1.0; that M2M
# certificates use them too, and the values for SM-DP, SM-SR and operator, are (U).
ROLE_CI: Final = Oid("2.23.146.1.2.1.0")
ROLE_EUM: Final = Oid("2.23.146.1.2.1.2")
ROLE_SM_DP: Final = Oid("2.23.146.1.1.1.1")
ROLE_SM_SR: Final = Oid("2.23.146.1.1.1.2")
ROLE_OPERATOR: Final = Oid("2.23.146.1.1.1.3")
