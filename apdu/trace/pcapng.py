# SPDX-License-Identifier: Apache-2.0
"""The blocks of pcapng that traces need (draft-ietf-opsawg-pcapng), and how our own events lie in their comments.

Every block that this project writes has comments for people, and behind them one in `MARK` with what a packet cannot
hold: the events of the block as JSON, their bytes as [offset, length] where they stand in the payload of the packet. A
comment has at most 65 535 bytes, so that one may be several: what stands behind the marks is put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum, unique
from typing import Final

__all__ = [
    "BLOCK_OVERHEAD",
    "BYTE_ORDER",
    "MARK",
    "Block",
    "Option",
    "build_block",
    "build_options",
    "marked",
    "read_options",
    "unmarked",
]

BYTE_ORDER: Final = 0x1A2B3C4D
BLOCK_OVERHEAD: Final = 12
"""Type, length, and the length again."""
MARK: Final = "euicc-trace: "
_OPTION: Final = 4
_LONGEST: Final = 0xFF00
_END: Final = b"\0\0\0\0"


@unique
class Block(IntEnum):
    """Types of blocks."""

    SECTION = 0x0A0D0D0A
    INTERFACE = 1
    OLD_PACKET = 2
    SIMPLE_PACKET = 3
    ENHANCED_PACKET = 6


@unique
class Option(IntEnum):
    """Codes of options; those above 1 belong to the block named."""

    END = 0
    COMMENT = 1
    SECTION_APPLICATION = 4
    INTERFACE_NAME = 2
    INTERFACE_RESOLUTION = 9
    INTERFACE_OFFSET = 14


def build_options(options: Sequence[tuple[int, bytes]]) -> bytes:
    """Options with their end, little-endian."""
    parts = [
        code.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value + bytes(-len(value) % 4)
        for code, value in options
    ]
    return b"".join(parts) + _END if parts else b""


def build_block(kind: int, body: bytes) -> bytes:
    """A block, little-endian; the body is padded."""
    padded = body + bytes(-len(body) % 4)
    size = (len(padded) + BLOCK_OVERHEAD).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + size + padded + size


def read_options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The options of a block, as far as they can be read."""
    big = order == "big"
    at = 0
    while len(data) >= at + _OPTION:
        head = data[at : at + _OPTION]
        code = head[0] << 8 | head[1] if big else head[1] << 8 | head[0]
        size = head[2] << 8 | head[3] if big else head[3] << 8 | head[2]
        at += _OPTION
        if code == Option.END or len(data) < at + size:
            return
        yield code, data[at : at + size]
        at += size + -size % 4


def marked(text: str) -> list[tuple[int, bytes]]:
    """Comments with ASCII text for this project."""
    pieces = [text[at : at + _LONGEST] for at in range(0, len(text), _LONGEST)]
    return [(Option.COMMENT, (MARK + piece).encode("ascii")) for piece in pieces]


def unmarked(options: Iterator[tuple[int, bytes]]) -> str:
    """What `marked` was given; empty when there is no such comment."""
    mark = MARK.encode("ascii")
    pieces = [value[len(mark) :] for code, value in options if code == Option.COMMENT and value.startswith(mark)]
    return b"".join(pieces).decode("latin-1")
