# SPDX-License-Identifier: Apache-2.0
"""Answer to reset and protocol selection (ISO 7816-3, TS 102 221 6)."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Final

__all__ = ["ATR", "answer_pps"]


def _with_check_byte(body: bytes) -> bytes:
    """TCK makes the xor of T0 to TCK zero; mandatory when another protocol than T=0 is announced (ISO 7816-3 8.2.5)."""
    return body + bytes((reduce(xor, body[1:]),))


ATR: Final = _with_check_byte(
    bytes.fromhex(
        "3B"
        "9D"  # T0: TA1 and TD1 follow, 13 historical bytes
        "96"  # TA1: F = 512, D = 32
        "80"  # TD1: T=0, TD2 follows
        "1F"  # TD2: T=15, TA3 follows
        "C7"  # TA3: clock stop allowed in either state, classes A, B and C
        "80"  # category: COMPACT-TLV
        "31E0"  # card service data: SELECT by full and by partial DF name, EF.DIR present
        "73FE21"  # selection methods; data coding
        "5F"  # extended lengths; channel number by card and by terminal; 8 channels or more
        "655549434331"  # pre-issuing data, 5 bytes
    )
)
"""3B 9D 96 80 1F C7 and historical bytes; checked by tests against the rules of TS 102 221 6.3."""

_PPSS: Final = 0xFF


def answer_pps(request: bytes) -> bytes:
    """Echo a request that asks for T=0 with default or announced rates; otherwise answer with the default rates."""
    if len(request) < 3 or request[0] != _PPSS or reduce(xor, request):
        return b""
    asks_ta1 = bool(request[1] & 0x10)
    known = request[1] & 0x6F == 0 and len(request) == (4 if asks_ta1 else 3)
    if known and (not asks_ta1 or request[2] in (0x11, 0x94, 0x95, 0x96)):
        return bytes(request)
    return _with_check_byte(bytes((0x00, _PPSS, 0x00)))[1:]
