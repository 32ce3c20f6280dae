# SPDX-License-Identifier: Apache-2.0
"""Commands on the selected file beyond reading and writing (TS 102 221 11.1 and 11.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from apdu.command.apdu import CommandApdu
from apdu.command.fcp import FcpTemplate
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.status import decode_tag_list
from apdu.tlv.scan import split
from tools.errors import ToolError
from tools.reader.files import Files

__all__ = [
    "Increased",
    "activate",
    "deactivate",
    "increase",
    "object_tags",
    "objects",
    "retrieve",
    "search",
    "set_object",
    "status",
]

_FIRST, _NEXT = 0x80, 0x00
_TAG_LIST: Final = b"\x5c"
_BLOCK: Final = 255
_MAX_OBJECT: Final = 0x10000
_FORWARD: Final = 0x04


class Increased(NamedTuple):
    """What INCREASE answers."""

    value: bytes
    added: bytes


def status(files: Files) -> FcpTemplate:
    """STATUS: the parameters of the current directory."""
    return FcpTemplate.from_tlv(files.expect(CommandApdu(0x80, 0xF2, 0x00, 0x00, b"", 256), "STATUS").data)


def search(files: Files, text: bytes, start: int) -> tuple[int, ...]:
    """SEARCH RECORD forwards from a record on: the numbers of those that hold the bytes."""
    command = CommandApdu(0x00, 0xA2, start, _FORWARD, text, 256)
    return tuple(files.expect(command, "SEARCH RECORD", SW.END_OF_FILE).data)


def increase(files: Files, amount: bytes) -> Increased:
    """INCREASE the newest record of the selected cyclic file."""
    answer = files.expect(CommandApdu(0x80, 0x32, 0x00, 0x00, amount, 256), "INCREASE").data
    at = len(answer) - len(amount)
    return Increased(answer[:at], answer[at:])


def activate(files: Files) -> None:
    """ACTIVATE the selected file."""
    files.expect(CommandApdu(0x00, 0x44, 0x00, 0x00), "ACTIVATE FILE")


def deactivate(files: Files) -> None:
    """DEACTIVATE the selected file: only ACTIVATE FILE works on it then."""
    files.expect(CommandApdu(0x00, 0x04, 0x00, 0x00), "DEACTIVATE FILE")


# --- BER-TLV files


def objects(files: Files) -> Iterator[bytes]:
    """The objects of the selected file, each whole, as the list of their tags has them."""
    for tag in object_tags(files):
        yield retrieve(files, tag)


def object_tags(files: Files) -> tuple[bytes, ...]:
    """The tags of the objects in the selected file."""
    try:
        (listed,) = split(retrieve(files, _TAG_LIST))
        tags = decode_tag_list(listed.value)
    except (DecodeError, ValueError):
        raise ToolError("RETRIEVE DATA: the list of tags cannot be read") from None
    return tuple(tag.to_bytes((tag.bit_length() + 7) // 8, "big") for tag in tags)


def retrieve(files: Files, tag: bytes) -> bytes:
    """RETRIEVE DATA, block by block."""
    what = f"RETRIEVE DATA {tag.hex().upper()}"
    whole = bytearray()
    command = CommandApdu(0x80, 0xCB, 0x00, _FIRST, tag, 256)
    while True:
        response = files.expect(command, what, SW.MORE_DATA_AVAILABLE)
        whole += response.data
        if response.sw != SW.MORE_DATA_AVAILABLE:
            return bytes(whole)
        if not response.data or len(whole) > _MAX_OBJECT:
            raise ToolError(f"{what}: the object does not end")
        command = CommandApdu(0x80, 0xCB, 0x00, _NEXT, b"", 256)


def set_object(files: Files, data: bytes) -> None:
    """SET DATA of the selected file, block by block; an object of length 0 deletes the one with its tag."""
    for at in range(0, len(data), _BLOCK):
        command = CommandApdu(0x80, 0xDB, 0x00, _NEXT if at else _FIRST, data[at : at + _BLOCK])
        files.expect(command, "SET DATA", SW.MORE_DATA_EXPECTED if at + _BLOCK < len(data) else SW.OK)
