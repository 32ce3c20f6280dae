# SPDX-License-Identifier: Apache-2.0
"""Commands that read and write the selected file."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Sequence

from apdu.tlv.scan import ber
from apdu.trace.events import Json
from tools.errors import ToolError
from tools.reader.content import check_fit, write
from tools.reader.decode import can_decode, decode
from tools.reader.filecommands import increase, object_tags, retrieve, search, set_object
from tools.reader.files import Place
from tools.reader.output import Done
from tools.shell.arguments import arg, command, number, octets, tag
from tools.shell.base import ShellSet

__all__ = ["ContentSet"]

_RECORD = arg("record_nr", type=number(1, 254), help="number of the record, from 1")
_DATA = arg("data", type=octets, metavar="HEX", help="bytes to write")
_TAG = arg("tag", type=tag, metavar="TAG", help="tag of the object, hexadecimal")


class ContentSet(ShellSet):
    """What is in files."""

    DEFAULT_CATEGORY = "Contents"

    # --- transparent files

    @command(
        "read_binary --offset 1 --length 4",
        arg("--offset", type=number(0, 0x7FFF), default=0, help="where to begin"),
        arg("--length", type=number(1, 0x8000), help="how many bytes; to the end otherwise"),
    )
    def do_read_binary(self, args: Namespace) -> None:
        """Read the selected transparent file (READ BINARY)."""
        place = self.session.file("transparent")
        left = max((place.fcp.size or 0) - args.offset, 0)
        length = left if args.length is None else args.length
        if not length or length > left:
            asked = f"{length or 'none'} from {args.offset} on"
            raise ToolError(f"{place.path} has {place.fcp.size} bytes: {asked} are not there")
        data = self.session.files.read_part(args.offset, length)
        self._digits(data)

    @command("read_binary_decoded")
    def do_read_binary_decoded(self, _: Namespace) -> None:
        """Read the selected transparent file and say what it means."""
        place = _decodable(self.session.file("transparent"))
        self._decoded([decode(place.name, self.session.files.read(place.fcp))], single=True)

    @command(
        "update_binary --offset 1 4D324D",
        arg("--offset", type=number(0, 0x7FFF), default=0, help="where to begin"),
        _DATA,
    )
    def do_update_binary(self, args: Namespace) -> None:
        """Write to the selected transparent file (UPDATE BINARY)."""
        self._write(self.session.file("transparent"), args.data, None, args.offset)

    # --- record files

    @command("read_record 1", _RECORD, arg("--count", type=number(1, 254), default=1, help="how many records"))
    def do_read_record(self, args: Namespace) -> None:
        """Read records of the selected file (READ RECORD)."""
        place = self.session.file("linear", "cyclic")
        numbers = range(args.record_nr, args.record_nr + args.count)
        self._records(place, [_within(place, each) for each in numbers])

    @command("read_records")
    def do_read_records(self, _: Namespace) -> None:
        """Read every record of the selected file."""
        place = self.session.file("linear", "cyclic")
        self._records(place, range(1, (place.fcp.descriptor.records or 0) + 1))

    @command("read_record_decoded 1", _RECORD)
    def do_read_record_decoded(self, args: Namespace) -> None:
        """Read a record of the selected file and say what it means."""
        place = _decodable(self.session.file("linear", "cyclic"))
        record = self.session.files.record(place.fcp, _within(place, args.record_nr))
        self._decoded([decode(place.name, record)], single=True)

    @command("read_records_decoded")
    def do_read_records_decoded(self, _: Namespace) -> None:
        """Read every record of the selected file and say what they mean."""
        place = _decodable(self.session.file("linear", "cyclic"))
        self._decoded([decode(place.name, each) for each in self.session.files.records(place.fcp)], single=False)

    @command(
        "update_record 1 4D324DFFFF",
        arg("record_nr", type=number(0, 254), help="number of the record; 0 is the oldest of a cyclic file"),
        _DATA,
    )
    def do_update_record(self, args: Namespace) -> None:
        """Write a record of the selected file (UPDATE RECORD); it is filled with FF."""
        self._write(self.session.file("linear", "cyclic"), args.data, args.record_nr or None, 0)

    @command(
        "search_record --start 2 4D32",
        arg("--start", type=number(1, 254), default=1, help="the record to begin with"),
        arg("data", type=octets, metavar="HEX", help="bytes to look for"),
    )
    def do_search_record(self, args: Namespace) -> None:
        """Look for the records that hold some bytes (SEARCH RECORD)."""
        place = self.session.file("linear", "cyclic")
        found = search(self.session.files, args.data, _within(place, args.start))
        self.show(Done((", ".join(map(str, found)) or "no record holds that",), {"records": found}))

    @command("increase 000001", arg("data", type=octets, metavar="HEX", help="what is added"))
    def do_increase(self, args: Namespace) -> None:
        """Add to the newest record of the selected cyclic file (INCREASE)."""
        self.session.file("cyclic")
        value, added = increase(self.session.files, args.data)
        members = {"value": value.hex().upper(), "added": added.hex().upper()}
        self.show(Done((f"{members['value']} (added {members['added']})",), members))

    # --- BER-TLV files

    @command("retrieve_tags")
    def do_retrieve_tags(self, _: Namespace) -> None:
        """List the tags of the objects in the selected BER-TLV file."""
        self.session.file("BER-TLV")
        tags = tuple(each.hex().upper() for each in object_tags(self.session.files))
        self.show(Done((" ".join(tags) or "the file is empty",), {"tags": tags}))

    @command("retrieve_data 80", _TAG)
    def do_retrieve_data(self, args: Namespace) -> None:
        """Read an object of the selected BER-TLV file (RETRIEVE DATA)."""
        self.session.file("BER-TLV")
        self._digits(retrieve(self.session.files, args.tag))

    @command("set_data 80 0102", _TAG, arg("data", type=octets, metavar="HEX", help="its value"))
    def do_set_data(self, args: Namespace) -> None:
        """Write an object of the selected BER-TLV file (SET DATA)."""
        self._set(args.tag, args.data, "written")

    @command("del_data 80", _TAG)
    def do_del_data(self, args: Namespace) -> None:
        """Delete an object of the selected BER-TLV file (SET DATA with length 0)."""
        self._set(args.tag, b"", "deleted")

    def _set(self, name: bytes, value: bytes, how: str) -> None:
        self.session.file("BER-TLV")
        set_object(self.session.files, ber(int.from_bytes(name, "big"), value))
        self.done(f"object {name.hex().upper()} {how}", tag=name.hex().upper())

    # --- common

    def _write(self, place: Place, data: bytes, record: int | None, offset: int) -> None:
        check_fit(place, data, record, offset)
        write(self.session.files, place, data, record, offset)
        self.done(f"{len(data)} bytes written", written=len(data))

    def _digits(self, data: bytes) -> None:
        self.show(Done((data.hex().upper(),), {"data": data.hex().upper()}))

    def _records(self, place: Place, numbers: Iterable[int]) -> None:
        found = {each: self.session.files.record(place.fcp, each).hex().upper() for each in numbers}
        lines = tuple(f"{each:03d} {data}" for each, data in found.items())
        self.show(Done(lines, [{"record": each, "data": data} for each, data in found.items()]))

    def _decoded(self, found: Sequence[Json], *, single: bool) -> None:
        value = found[0] if single else found
        self.show(Done(tuple(json.dumps(value, indent=2).splitlines()), value))


def _decodable(place: Place) -> Place:
    if not can_decode(place.name):
        raise ToolError(f"{place.path} has no decoder: read_binary and read_record show its bytes")
    return place


def _within(place: Place, record: int) -> int:
    count = place.fcp.descriptor.records or 0
    if not 1 <= record <= count:
        raise ToolError(f"{place.path} has records 1 to {count}, not {record}")
    return record
