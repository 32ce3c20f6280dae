# SPDX-License-Identifier: Apache-2.0
"""The class byte: interindustry or proprietary, secure messaging, chaining, logical channel 0 to 19.

ISO 7816-4 5.4.1, GPCS 11.1.4 (tables 11-11 and 11-12), TS 102 221 10.1.1.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["CLASSES", "INTERINDUSTRY", "MAX_CHANNEL", "PROPRIETARY", "ClassByte", "class_byte", "key"]

INTERINDUSTRY: Final = 0
"""Kind of the classes 0X, 4X and 6X."""
PROPRIETARY: Final = 1
"""Kind of the classes 8X, CX and EX (GlobalPlatform, TS 102 221)."""
MAX_CHANNEL: Final = 19


class ClassByte(NamedTuple):
    """What one CLA value says."""

    kind: int
    channel: int
    secure: bool
    """Secure messaging in the one form that GlobalPlatform uses (b3, or b6 in the further class)."""
    chained: bool
    """b5: more commands of this ISO chain follow."""


def _decode(cla: int) -> ClassByte | None:
    kind = cla >> 7
    if cla & 0x40:  # further interindustry class: b6 secure messaging, b5 chaining, b4-b1 channel - 4
        # b5 is chaining in ISO 7816-4, but GlobalPlatform and TS 102 221 use only 4X, 6X, CX and EX
        return None if cla & 0x10 or cla == 0xFF else ClassByte(kind, (cla & 0x0F) + 4, bool(cla & 0x20), False)
    if cla & 0x20 or (kind and cla & 0x10):  # 20-3F and A0-BF: not assigned (A0: legacy GSM); 90-9F: not used
        return None
    if cla & 0x08:  # ISO secure messaging headers: not what GlobalPlatform uses
        return None
    return ClassByte(kind, cla & 0x03, bool(cla & 0x04), bool(cla & 0x10))


CLASSES: Final[tuple[ClassByte | None, ...]] = tuple(_decode(cla) for cla in range(256))
"""ClassByte by CLA value; None where the class is not supported (6E00)."""


def class_byte(kind: int, channel: int = 0, *, secure: bool = False) -> int:
    """Code a class byte."""
    if not 0 <= channel <= MAX_CHANNEL:
        raise ValueError(f"logical channels are 0 to {MAX_CHANNEL}, not {channel}")
    base = kind << 7
    if channel < 4:
        return base | (0x04 if secure else 0) | channel
    return base | 0x40 | (0x20 if secure else 0) | (channel - 4)


def key(kind: int, ins: int) -> int:
    """The number by which a handler table finds an instruction."""
    return kind << 8 | ins
