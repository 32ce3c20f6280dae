# SPDX-License-Identifier: Apache-2.0
"""The file system of the card in the reader: select by path, read, write (TS 102 221 11.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.fcp import FcpTemplate
from apdu.command.status import SW
from apdu.errors import DecodeError, StatusError
from apdu.files import catalogue
from apdu.ids import Aid
from apdu.tlv.scan import split
from tools.errors import ToolError
from tools.reader.channel import CardAccess

__all__ = ["Application", "Files", "Place"]

_MF_FID, _EF_DIR = 0x3F00, 0x2F00
_PIECE: Final = 255
_LAST_OFFSET: Final = 0x7FFF


class Application(NamedTuple):
    """A record of EF.DIR (TS 102 221 13.1)."""

    aid: Aid
    label: str

    @classmethod
    def from_record(cls, record: bytes) -> Self | None:
        """Read an application template; None where a record holds none."""
        if record[:1] != b"\x61":
            return None
        values = {tag: value for tlv in split(record.rstrip(b"\xff")) for tag, value in split(tlv.value)}
        if 0x4F not in values:
            return None
        return cls(Aid(values[0x4F]), values.get(0x50, b"").decode("utf-8", "replace"))


class Place(NamedTuple):
    """A file that is selected: how it is called, what the catalogue calls it, and its parameters."""

    path: str
    name: str
    fcp: FcpTemplate


class Files:
    """What of the card is files."""

    def __init__(self, card: CardAccess) -> None:
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
        records = self.records(fcp) if fcp is not None else ()
        return tuple(each for record in records if (each := Application.from_record(record)) is not None)

    def go(self, path: str) -> Place:
        """Select a file by its path: identifiers or names, from the MF."""
        steps = [step for step in path.replace("\\", "/").split("/") if step]
        if steps and steps[0].casefold() in ("mf", "3f00"):
            steps = steps[1:]
        place = self.root()
        for step in steps:
            place = self.step(place, step)
        return place

    def root(self) -> Place:
        """Select the MF."""
        fcp = self.select(_MF_FID)
        if fcp is None:
            raise ToolError("the card has no file system now: no profile is enabled")
        return Place("MF", catalogue.MF, fcp)

    def step(self, place: Place, step: str) -> Place:
        """Select what lies in a directory that is selected."""
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
            raise ToolError(f"{path} is not on the card: {self._card.hints.tree}")
        return Place(path, name, fcp)

    # --- reading and writing

    def read(self, fcp: FcpTemplate) -> bytes:
        """The whole body of the selected transparent file."""
        return self.read_part(0, fcp.size or 0)

    def read_part(self, offset: int, size: int) -> bytes:
        """Bytes of the selected transparent file from an offset on."""
        body = bytearray()
        while len(body) < size:
            at = offset + len(body)
            if at > _LAST_OFFSET:
                raise ToolError(f"READ BINARY reaches the first {_LAST_OFFSET + 1} bytes only")
            piece = self.expect(_binary(0xB0, at, le=min(_PIECE, size - len(body))), "READ BINARY").data
            if not piece:
                raise ToolError("READ BINARY gave nothing")
            body += piece
        return bytes(body)

    def records(self, fcp: FcpTemplate) -> Iterator[bytes]:
        """The records of the selected linear or cyclic file."""
        for number in range(1, (fcp.descriptor.records or 0) + 1):
            yield self.record(fcp, number)

    def record(self, fcp: FcpTemplate, number: int) -> bytes:
        """One record of the selected linear or cyclic file."""
        length = fcp.descriptor.record_length or 0
        return self.expect(CommandApdu(0x00, 0xB2, number, 0x04, b"", length), f"READ RECORD {number}").data

    def update(self, data: bytes, offset: int) -> None:
        """UPDATE BINARY of the selected file, piece by piece."""
        for at in range(0, len(data), _PIECE):
            self.expect(_binary(0xD6, offset + at, data[at : at + _PIECE]), "UPDATE BINARY")

    def update_record(self, number: int, data: bytes, cyclic: bool = False) -> None:
        """UPDATE RECORD of the selected file; the oldest of a cyclic one, in mode "previous"."""
        command = CommandApdu(0x00, 0xDC, 0, 0x03, data) if cyclic else CommandApdu(0x00, 0xDC, number, 0x04, data)
        self.expect(command, "UPDATE RECORD")

    def expect(self, command: CommandApdu, what: str, also: int = SW.OK) -> ResponseApdu:
        """A successful answer, or one with another status word; ToolError or StatusError for any other."""
        response = self._card.send(command)
        if response.sw == SW.SECURITY_STATUS:
            raise ToolError(f"{what}: {response.status}: {self._card.hints.code}")
        if not response.status.is_success and response.sw != also:
            raise StatusError(what, response.sw)
        return response


def _identifier(step: str, place: Place) -> int:
    try:
        raw = bytes.fromhex(step.rpartition(".")[2])  # a file without a name is shown as EF.6FFF
    except ValueError:
        raw = b""
    if len(raw) != 2:
        raise ToolError(f"{step!r} is neither a file identifier (6F07) nor a known name of a file in {place.path}")
    return int.from_bytes(raw, "big")


def _binary(ins: int, offset: int, data: bytes = b"", le: int | None = None) -> CommandApdu:
    if offset > _LAST_OFFSET:
        raise ToolError(f"an offset is 0 to {_LAST_OFFSET}, not {offset}")
    return CommandApdu(0x00, ins, offset >> 8, offset & 0xFF, data, le)
