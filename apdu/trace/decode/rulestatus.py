# SPDX-License-Identifier: Apache-2.0
"""Status words that only some commands have (TS 102 221 10.2.2, TS 31.102 7.3, GPCS 11, SGP.02 4.1).

Those that every command may have, and those that no specification at hand lists, are not in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["is_foreign"]

_PROPRIETARY: Final = 0x100
_PINS: Final = frozenset((0x20, 0x24, 0x26, 0x28, 0x2C))
_UPDATES: Final = frozenset((0xD6, 0xDC, 0x32, 0x132, 0xE2))
_READS: Final = frozenset((0xB0, 0xB2, 0xA2, 0xB1, 0xB3))
_OBJECTS: Final = frozenset((0xCB, 0x1CB, 0xDB, 0x1DB))
"""RETRIEVE DATA and SET DATA."""
_AUTHENTICATE: Final = frozenset((0x88, 0x89))
_LISTS: Final = frozenset((0x1F2, 0x1CA, 0xCA, 0xCB, 0x1CB))
_PUT_KEY: Final = frozenset((0x1D8,))
_STORE: Final = frozenset((0x1E2,))

_ONLY: Final[Mapping[int, frozenset[int]]] = {
    0x6282: _READS | _OBJECTS,
    0x6283: frozenset((0xA4, 0x1F2, 0xF2)),
    0x6285: frozenset((0xA4, 0x1F2, 0xF2)),
    0x62F1: _OBJECTS | _AUTHENTICATE,
    0x62F2: _OBJECTS | _AUTHENTICATE,
    0x63F1: _OBJECTS | _AUTHENTICATE,
    0x6310: _LISTS,
    0x6300: frozenset((0x182, *_PINS, *_AUTHENTICATE, 0x82)),
    0x69E1: _STORE | frozenset((0x1E4,)),
    0x9300: frozenset((0x1C2, 0x110, 0x114, 0x112)),
    0x9484: _PUT_KEY | _STORE,
    0x9485: _PUT_KEY | _STORE,
    0x9850: frozenset((0x32, 0x132)),
    0x9862: _AUTHENTICATE,
    0x9864: _AUTHENTICATE,
    0x9865: _AUTHENTICATE,
    0x9866: _AUTHENTICATE,
    0x9867: _AUTHENTICATE,
}
_TRIES: Final = _PINS | _UPDATES
"""63Cx: tries left of a PIN, or an update that took x attempts."""


def is_foreign(sw: int, command: bytes) -> bool:
    """Whether a status word belongs to other commands than this one."""
    number = (command[0] & 0x80) << 1 | command[1]
    if sw & 0xFFF0 == 0x63C0:
        return number not in _TRIES and not number & _PROPRIETARY
    allowed = _ONLY.get(sw)
    return allowed is not None and number not in allowed
