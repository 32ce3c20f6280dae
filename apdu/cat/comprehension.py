# SPDX-License-Identifier: Apache-2.0
"""Data objects made of COMPREHENSION-TLVs, declared like BER ones (TS 101 220 7.1.1, TS 102 223 8).

The object's own tag (D0, D6, ...) is BER; a terminal response has none: use `decode` and `value`. Tags are declared
without the comprehension-required bit, which receivers ignore and which is set on everything that is built here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, Self

from apdu.cat.codes import Device, GeneralResult
from apdu.errors import DecodeError
from apdu.tlv.declare import Leaf, Template
from apdu.tlv.scan import SHORT_LENGTHS, Tlv, ber_length, each_comprehension, split_comprehension

__all__ = [
    "COMMAND_DETAILS",
    "DEVICE_IDENTITIES",
    "RESULT",
    "CommandDetails",
    "Comprehension",
    "Device",
    "DeviceIdentities",
    "GeneralResult",
    "Result",
]


def _required(tag: int) -> bytes:
    return bytes((tag | 0x80,))


class Comprehension(Template):
    """Base of declared objects whose parts are COMPREHENSION-TLVs; subclasses are frozen, keyword-only dataclasses.

    They have no slots: of up to forty possible parts few are there, and only those are written into a new object.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    _walk: ClassVar[bool] = False  # they do not nest: splitting reads every byte
    _each: ClassVar[Callable[[bytes], Iterable[tuple[int, bytes]]]] = staticmethod(each_comprehension)
    _split: ClassVar[Callable[[bytes], list[Tlv]]] = staticmethod(split_comprehension)
    _head: ClassVar[Callable[[int], bytes]] = staticmethod(_required)

    @classmethod
    def _made(cls, values: dict[str, Any]) -> Self:
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)  # what is not among them is found in the class: its default
        return made

    def but(self, **changes: Any) -> Self:
        """The same with other values: `dataclasses.replace` without a look at every part."""
        if not changes.keys() <= type(self).__dataclass_fields__.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(changes)}")
        return self._made({**vars(self), **changes})

    def value(self) -> bytes:
        """Build the value field; as a rule from what was written into the object, without a look at every part."""
        if self._by_tag is None:
            self._declared()
        declared = self._by_name
        parts: list[bytes] = []
        last = -1
        for name, content in vars(self).items():
            if content is None or content is False or content == ():
                continue
            item = declared[name]
            if item.position < last or item.many:
                return super().value()
            last = item.position
            built = item.build(content)
            length = len(built)
            parts += item.head, SHORT_LENGTHS[length] if length < 0x80 else ber_length(length), built
        return b"".join(parts)


class CommandDetails(NamedTuple):
    """Which proactive command: number, type, qualifier (TS 102 223 8.6)."""

    number: int
    type: int
    qualifier: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the three bytes."""
        if len(raw) != 3:
            raise DecodeError(f"command details have 3 bytes, not {len(raw)}")
        return tuple.__new__(cls, raw)


class DeviceIdentities(NamedTuple):
    """From whom to whom (TS 102 223 8.7); values without a name in `Device` stay as they are."""

    source: int
    destination: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the two bytes."""
        if len(raw) != 2:
            raise DecodeError(f"device identities have 2 bytes, not {len(raw)}")
        return tuple.__new__(cls, raw)


class Result(NamedTuple):
    """General result and what follows it."""

    general: int
    additional: bytes = b""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read one byte and the rest."""
        if not raw:
            raise DecodeError("a result has at least one byte")
        return tuple.__new__(cls, (raw[0], raw[1:]))

    def to_bytes(self) -> bytes:
        """Build it."""
        return bytes((self.general,)) + self.additional

    @property
    def performed(self) -> bool:
        """Whether the command was carried out, perhaps with something missing: 0X."""
        return self.general < 0x10


# every command and every answer begins with these, and there are few that differ: each is made once
COMMAND_DETAILS: Final = Leaf(None, lru_cache(maxsize=4096)(CommandDetails.from_bytes), bytes)
DEVICE_IDENTITIES: Final = Leaf(None, lru_cache(maxsize=64)(DeviceIdentities.from_bytes), bytes)
RESULT: Final = Leaf(None, lru_cache(maxsize=64)(Result.from_bytes), Result.to_bytes)
