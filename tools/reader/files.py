# SPDX-License-Identifier: Apache-2.0
"""The file system of the card in the reader: select by path, read, write, verify PINs (TS 102 221 11.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.fcp import FcpTemplate
from apdu.command.status import SW, StatusWord
from apdu.errors import DecodeError, StatusError
from apdu.files import catalogue
from apdu.gp.status import decode_tag_list
from apdu.ids import Aid
from apdu.tlv.scan import split
from tools.errors import ToolError
from tools.reader.connection import OpenCard

__all__ = ["ADM", "PIN1", "Application", "Files", "Place"]

PIN1: Final = 0x01
ADM: Final = 0x0A
_MF_FID, _EF_DIR = 0x3F00, 0x2F00
_PIECE: Final = 255
_LAST_OFFSET: Final = 0x7FFF
_CODE_SIZE: Final = 8
_TAG_LIST: Final = b"\x5c"
_FIRST_BLOCK, _NEXT_BLOCK = 0x80, 0x00
_MAX_OBJECT: Final = 0x10000


class Application(NamedTuple):
    """A record of EF.DIR."""

    aid: Aid
    label: str


class Place(NamedTuple):
    """A file that is selected: how it is called, what the catalogue calls it, and its parameters."""

    path: str
    name: str
    fcp: FcpTemplate


class Files:
    """What of the card is files."""

    def __init__(self, card: OpenCard) -> None:
        self._card = card

    # --- selecting

    def select(self, fid: int) -> FcpTemplate | None:
        """SELECT by identifier; None when there is no such file here."""
        return self._selected(CommandApdu(0x00, 0xA4, 0x00, 0x04, fid.to_bytes(2, "big"), 256))

    def select_adf(self, aid: bytes) -> FcpTemplate | None:
        """SELECT an application by (partial) AID."""
        return self._selected(CommandApdu(0x00, 0xA4, 0x04, 0x04, aid, 256))

    def _selected(self, command: CommandApdu) -> FcpTemplate | None:
        response = self._card.send(command)
        if response.sw in (SW.FILE_NOT_FOUND, SW.WRONG_P1P2):
            return None
        if not response.status.is_success and response.sw != SW.FILE_DEACTIVATED:
            raise StatusError(f"SELECT {command.data.hex().upper()}", response.sw)
        try:
            return FcpTemplate.from_tlv(response.data)
        except DecodeError as error:
            raise ToolError(f"SELECT {command.data.hex().upper()}: the parameters cannot be read: {error}") from None

    def applications(self) -> tuple[Application, ...]:
        """What EF.DIR lists; nothing when the card has none."""
        if self.select(_MF_FID) is None:
            return ()
        fcp = self.select(_EF_DIR)
        found: list[Application] = []
        for record in self.records(fcp) if fcp is not None else ():
            if record[:1] == b"\x61":
                values = {tag: value for tlv in split(record.rstrip(b"\xff")) for tag, value in split(tlv.value)}
                if 0x4F in values:
                    label = values.get(0x50, b"").decode("utf-8", "replace")
                    found.append(Application(Aid(values[0x4F]), label))
        return tuple(found)

    def go(self, path: str) -> Place:
        """Select a file by its path: identifiers or names, from the MF."""
        steps = [step for step in path.replace("\\", "/").split("/") if step]
        if steps and steps[0].casefold() in ("mf", "3f00"):
            steps = steps[1:]
        fcp = self.select(_MF_FID)
        if fcp is None:
            raise ToolError("the card has no file system now: no profile is enabled")
        place = Place("MF", catalogue.MF, fcp)
        for step in steps:
            place = self._step(place, step)
        return place

    def _step(self, place: Place, step: str) -> Place:
        if not place.fcp.descriptor.is_directory:
            raise ToolError(f"{place.path} is a file: nothing lies below it")
        name = step.casefold().replace(".", "-")
        if step.casefold() in ("7fff", "adf"):
            name = "adf-usim"
        if name in catalogue.ADFS:
            fcp = self.select_adf(catalogue.ADFS[name])
        else:
            entry = catalogue.find(place.name, step)
            fid = entry.fid if entry is not None else _identifier(step, place)
            known = next((each.name for each in catalogue.children(place.name) if each.fid == fid), f"ef-{fid:04x}")
            name, fcp = known, self.select(fid)
        path = f"{place.path}/{catalogue.label(name)}"
        if fcp is None:
            raise ToolError(f"{path} is not on the card: `euicc fs tree` shows what is")
        return Place(path, name, fcp)

    # --- reading and writing

    def read(self, fcp: FcpTemplate) -> bytes:
        """The whole body of the selected transparent file."""
        size = fcp.size or 0
        body = bytearray()
        while len(body) < size:
            if len(body) > _LAST_OFFSET:
                raise ToolError(f"READ BINARY reaches the first {_LAST_OFFSET + 1} bytes only")
            piece = self._expect(_binary(0xB0, len(body), le=min(_PIECE, size - len(body))), "READ BINARY").data
            if not piece:
                raise ToolError("READ BINARY gave nothing")
            body += piece
        return bytes(body)

    def records(self, fcp: FcpTemplate) -> Iterator[bytes]:
        """The records of the selected linear or cyclic file."""
        length = fcp.descriptor.record_length or 0
        for number in range(1, (fcp.descriptor.records or 0) + 1):
            yield self._expect(CommandApdu(0x00, 0xB2, number, 0x04, b"", length), f"READ RECORD {number}").data

    def update(self, data: bytes, offset: int) -> None:
        """UPDATE BINARY of the selected file, piece by piece."""
        for at in range(0, len(data), _PIECE):
            self._expect(_binary(0xD6, offset + at, data[at : at + _PIECE]), "UPDATE BINARY")

    def update_record(self, number: int, data: bytes, cyclic: bool = False) -> None:
        """UPDATE RECORD of the selected file; the oldest of a cyclic one, in mode "previous"."""
        command = CommandApdu(0x00, 0xDC, 0, 0x03, data) if cyclic else CommandApdu(0x00, 0xDC, number, 0x04, data)
        self._expect(command, "UPDATE RECORD")

    def objects(self) -> Iterator[bytes]:
        """The objects of the selected BER-TLV file, each whole, as the list of their tags has them."""
        try:
            (listed,) = split(self._retrieve(_TAG_LIST))
            tags = decode_tag_list(listed.value)
        except (DecodeError, ValueError):
            raise ToolError("RETRIEVE DATA: the list of tags cannot be read") from None
        for tag in tags:
            yield self._retrieve(tag.to_bytes((tag.bit_length() + 7) // 8, "big"))

    def _retrieve(self, tag: bytes) -> bytes:
        """RETRIEVE DATA, block by block."""
        what = f"RETRIEVE DATA {tag.hex().upper()}"
        whole = bytearray()
        command = CommandApdu(0x80, 0xCB, 0x00, _FIRST_BLOCK, tag, 256)
        while True:
            response = self._expect(command, what, SW.MORE_DATA_AVAILABLE)
            whole += response.data
            if response.sw != SW.MORE_DATA_AVAILABLE:
                return bytes(whole)
            if not response.data or len(whole) > _MAX_OBJECT:
                raise ToolError(f"{what}: the object does not end")
            command = CommandApdu(0x80, 0xCB, 0x00, _NEXT_BLOCK, b"", 256)

    def set_object(self, data: bytes) -> None:
        """SET DATA of the selected file, block by block; an object of length 0 deletes the one with its tag."""
        for at in range(0, len(data), _PIECE):
            block = _NEXT_BLOCK if at else _FIRST_BLOCK
            command = CommandApdu(0x80, 0xDB, 0x00, block, data[at : at + _PIECE])
            self._expect(command, "SET DATA", SW.MORE_DATA_EXPECTED if at + _PIECE < len(data) else SW.OK)

    def verify(self, reference: int, code: bytes) -> None:
        """VERIFY a PIN or ADM code; the code is padded to eight bytes."""
        self._card.keep_secret(code)
        if not 1 <= len(code) <= _CODE_SIZE:
            raise ToolError(f"a PIN has 1 to {_CODE_SIZE} bytes, not {len(code)}")
        command = CommandApdu(0x00, 0x20, 0x00, reference, code.ljust(_CODE_SIZE, b"\xff"))
        response = self._card.send(command)
        if not response.status.is_success:
            raise ToolError(f"VERIFY of key reference {reference:02X}: {_verdict(response.status)}")

    def _expect(self, command: CommandApdu, what: str, also: int = SW.OK) -> ResponseApdu:
        response = self._card.send(command)
        if response.sw == SW.SECURITY_STATUS:
            raise ToolError(f"{what}: {response.status}: give the code with --pin or --adm")
        if not response.status.is_success and response.sw != also:
            raise StatusError(what, response.sw)
        return response


def _verdict(status: StatusWord) -> str:
    if status.name == "AUTHENTICATION_BLOCKED":
        return f"{status}: it has to be unblocked first"
    if status.name == "DATA_INVALIDATED":
        return "the code is disabled, so it is not asked for: leave it out"
    return f"wrong code, {status.meaning}" if status.name == "TRIES_LEFT" else str(status)


def _identifier(step: str, place: Place) -> int:
    try:
        raw = bytes.fromhex(step)
    except ValueError:
        raw = b""
    if len(raw) != 2:
        raise ToolError(f"{step!r} is neither a file identifier (6F07) nor a known name of a file in {place.path}")
    return int.from_bytes(raw, "big")


def _binary(ins: int, offset: int, data: bytes = b"", le: int | None = None) -> CommandApdu:
    if offset > _LAST_OFFSET:
        raise ToolError(f"an offset is 0 to {_LAST_OFFSET}, not {offset}")
    return CommandApdu(0x00, ins, offset >> 8, offset & 0xFF, data, le)
