# SPDX-License-Identifier: Apache-2.0
"""STORE DATA: the coding of P1, a payload cut into blocks, and the blocks joined again (GPCS 11.11).

One chain is a row of blocks numbered 00, 01, ... of which the last has bit 8 of P1. A data grouping may straddle two
blocks; the receiver sees it as soon as it is complete, because SGP.02 answers the first of two groupings (3A01) before
the chain goes on with the second (3A02).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, Self, cast

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, EncodeError, RemoteProtocolError
from apdu.gp.codes import Ins
from apdu.tlv.scan import Tlv

__all__ = [
    "MAX_BLOCK",
    "MAX_BLOCKS",
    "MAX_BLOCK_SCP03",
    "Block",
    "Encryption",
    "StoreDataChain",
    "StoreDataError",
    "StoreDataMode",
    "Structure",
    "store_data",
]

MAX_BLOCK: Final = 255
MAX_BLOCK_SCP03: Final = 239
"""Clear bytes under SCP03 level 33 with 8-byte MACs: 255 - 8 leave 15 cipher blocks, less one byte of padding."""
MAX_BLOCKS: Final = 256
MAX_CHAIN: Final = 0x10000


@unique
class Encryption(IntEnum):
    """Bits 7 and 6 of P1."""

    NONE = 0
    APPLICATION_DEPENDENT = 1
    ENCRYPTED = 3


@unique
class Structure(IntEnum):
    """Bits 5 and 4 of P1."""

    NONE = 0
    DGI = 1
    BER_TLV = 2


@dataclass(frozen=True, slots=True)
class StoreDataMode:
    """P1 of STORE DATA (GPCS table 11-87)."""

    structure: Structure = Structure.DGI
    last: bool = True
    response: bool = False
    """The command may have response data (case 4)."""
    encryption: Encryption = Encryption.NONE

    @classmethod
    def decode(cls, p1: int) -> Self | None:
        """Read P1; None where a reserved value stands (6A86)."""
        return cast("Self | None", _MODES[p1])

    @classmethod
    def _read(cls, p1: int) -> Self | None:
        structure, encryption = p1 >> 3 & 3, p1 >> 5 & 3
        if p1 & 0x06 or structure == 3 or encryption == 2:
            return None
        return cls(Structure(structure), bool(p1 & 0x80), bool(p1 & 0x01), Encryption(encryption))

    def encode(self) -> int:
        """The byte."""
        return (0x80 if self.last else 0) | self.encryption << 5 | self.structure << 3 | (0x01 if self.response else 0)


_MODES: Final[tuple[StoreDataMode | None, ...]] = tuple(StoreDataMode._read(p1) for p1 in range(256))
"""What every P1 says: a block of a long chain costs a look-up."""


def store_data(
    payload: bytes,
    mode: StoreDataMode,
    *,
    first: int = 0,
    size: int = MAX_BLOCK,
    cla: int = 0x80,
) -> tuple[CommandApdu, ...]:
    """Cut a payload into blocks of at most `size` bytes, numbered from `first`; `mode.last` marks the final one."""
    count = -(-len(payload) // size)
    if not count:
        raise EncodeError("STORE DATA without data")
    if first + count > MAX_BLOCKS:
        raise EncodeError(f"{count} blocks from number {first} exceed the block numbers")
    final = mode.encode()
    le = 256 if mode.response else None
    return tuple(
        CommandApdu(
            cla,
            Ins.STORE_DATA,
            final if index == count - 1 else final & 0x7F,
            first + index,
            payload[index * size : (index + 1) * size],
            le,
        )
        for index in range(count)
    )


class StoreDataError(RemoteProtocolError):
    """A block that does not belong into its chain; `sw` is the answer to it."""

    def __init__(self, message: str, sw: SW) -> None:
        super().__init__(message)
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Block:
    """What one block brought."""

    mode: StoreDataMode
    groups: tuple[Tlv, ...]
    """The data groupings that this block completed (structure DGI)."""
    raw: bytes
    """Those groupings as received; for the other structures all blocks joined, once the last is there."""

    @property
    def last(self) -> bool:
        """Whether the chain ends here."""
        return self.mode.last


class StoreDataChain:
    """The receiver's end of one chain after the other. After an error it waits for block 00."""

    __slots__ = ("_buffer", "_limit", "_mode", "_next")

    def __init__(self, limit: int = MAX_CHAIN) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget a chain under way: selection, secure channel reset, a new INSTALL [for personalization]."""
        self._buffer = b""
        self._next = 0
        self._mode: StoreDataMode | None = None

    @property
    def is_open(self) -> bool:
        """Whether more blocks are expected."""
        return self._next > 0

    def receive(self, p1: int, p2: int, data: bytes) -> Block:
        """Take one block; StoreDataError and nothing kept when it does not fit."""
        try:
            return self._receive(p1, p2, data)
        except StoreDataError:
            self.reset()
            raise

    def _receive(self, p1: int, p2: int, data: bytes) -> Block:
        mode = StoreDataMode.decode(p1)
        if mode is None:
            raise StoreDataError(f"P1 {p1:02X} is not assigned", SW.WRONG_P1P2)
        if p2 != self._next:
            raise StoreDataError(f"block {p2:02X} instead of {self._next:02X}", SW.WRONG_P1P2)
        before = self._mode
        if before is not None and (before.structure, before.encryption) != (mode.structure, mode.encryption):
            raise StoreDataError("the structure changes inside a chain", SW.WRONG_P1P2)
        if not data:
            raise StoreDataError("a block without data", SW.WRONG_LENGTH)
        if len(self._buffer) + len(data) > self._limit:
            raise StoreDataError(f"more than {self._limit} bytes in one chain", SW.NOT_ENOUGH_MEMORY)
        if not mode.last and p2 == MAX_BLOCKS - 1:
            raise StoreDataError("more blocks than there are numbers", SW.WRONG_P1P2)
        block = self._join(mode, self._buffer + data)
        self._mode, self._next = (None, 0) if mode.last else (mode, p2 + 1)
        return block

    def _join(self, mode: StoreDataMode, data: bytes) -> Block:
        if mode.structure is not Structure.DGI:
            self._buffer = b"" if mode.last else data
            return Block(mode, (), data if mode.last else b"")
        groups = tuple(_complete_groups(data))
        end = sum(size for _, size in groups)
        if mode.last and end != len(data):
            raise StoreDataError("the last block ends inside a data grouping", SW.WRONG_DATA)
        self._buffer = data[end:]
        return Block(mode, tuple(group for group, _ in groups), data[:end])


def _complete_groups(data: bytes) -> Iterator[tuple[Tlv, int]]:
    """The data groupings that are complete, each with its size on the wire."""
    at = 0
    while len(data) - at >= 3:
        length, start = data[at + 2], at + 3
        if length == 0xFF:
            if len(data) - at < 5:
                return
            length, start = data[at + 3] << 8 | data[at + 4], at + 5
        end = start + length
        if end > len(data):
            return
        yield Tlv(data[at] << 8 | data[at + 1], bytes(data[start:end])), end - at
        at = end


def raise_for_groups(groups: tuple[Tlv, ...], expected: tuple[int, ...]) -> None:
    """DecodeError unless exactly these data groupings are there, in this order."""
    if tuple(group.tag for group in groups) != expected:
        found = " ".join(f"{group.tag:04X}" for group in groups) or "nothing"
        raise DecodeError(f"data groupings {' '.join(f'{tag:04X}' for tag in expected)} expected, not {found}")
