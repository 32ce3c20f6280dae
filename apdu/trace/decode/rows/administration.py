# SPDX-License-Identifier: Apache-2.0
"""Commands that change the tree of files: life cycle, creation, size (TS 102 221 11.1.14, TS 102 222 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.errors import DecodeError
from apdu.files.catalogue import by_identifier, label
from apdu.tlv.declare import UINT, UINT16, Template, tlv
from apdu.tlv.scan import read_header
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.objects import FORMATS, NAMES, template_node
from apdu.trace.decode.rows.select import parameters, place_name
from apdu.trace.decode.table import GSM, Command, View, register

__all__: list[str] = []


def _file(view: View) -> str:
    """The file that an identifier in the data names, or the one that is selected."""
    data, place = view.command.data, view.exchange.place
    if len(data) == 2:
        fid = data[0] << 8 | data[1]
        entry = by_identifier(place.directory, fid) or by_identifier("mf", fid)
        return label(entry.name) if entry is not None else f"file {fid:04X}"
    return data.hex().upper() if data else place_name(place)


def _on_file(name: str) -> Callable[[View], str]:
    return lambda view: f"{name} {_file(view)}"


def _on_file_detail(view: View) -> Iterator[Node]:
    yield Node("file", _file(view), view.data)


def _template_file(view: View) -> str:
    data = visible(view.data) or b""
    at = data.find(b"\x83\x02")
    if at < 0 or at + 4 > len(data):
        return ""
    fid = data[at + 2] << 8 | data[at + 3]
    entry = by_identifier(view.exchange.place.directory, fid)
    return f" {label(entry.name)}" if entry is not None else f" {fid:04X}"


def _with_template(name: str) -> Callable[[View], str]:
    return lambda view: f"{name}{_template_file(view)}"


def _create_detail(view: View) -> Iterator[Node]:
    yield from parameters(view.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resize(Template, tag=0x62, clause="TS 102 222 6.10.2", open=True):
    """Data of RESIZE FILE."""

    fid: int = tlv(0x83, UINT16)
    size: int | None = tlv(0x80, UINT, optional=True)
    total_size: int | None = tlv(0x81, UINT, optional=True)


NAMES.update({(_Resize, "fid"): "file identifier", (_Resize, "size"): "new file size",
              (_Resize, "total_size"): "new total file size"})  # fmt: skip
FORMATS[_Resize, "fid"] = lambda value: f"{value:04X}"


def _resize_detail(view: View) -> Iterator[Node]:
    raw = visible(view.data) or b""
    tag, start, end = read_header(raw, 0, len(raw))
    if tag != _Resize.TAG:
        raise DecodeError(f"object {tag:X} where {_Resize.TAG:X} stands")
    yield template_node("parameters", _Resize, part(view.data, start, end - start))


_FILES: Final = ((0x04, "DEACTIVATE FILE", "TS 102 221 11.1.14"), (0x44, "ACTIVATE FILE", "TS 102 221 11.1.15"),
                 (0xE4, "DELETE FILE", "TS 102 222 6.4"), (0xE6, "TERMINATE DF", "TS 102 222 6.7"),
                 (0xE8, "TERMINATE EF", "TS 102 222 6.8"))  # fmt: skip
for _ins, _name, _clause in _FILES:
    register(INTERINDUSTRY, _ins, Command(_name, _on_file(_name), _on_file_detail, _clause))
register(GSM, 0x04, Command("INVALIDATE", _on_file("INVALIDATE"), _on_file_detail, "TS 51.011 9.2.14"))
register(GSM, 0x44, Command("REHABILITATE", _on_file("REHABILITATE"), _on_file_detail, "TS 51.011 9.2.15"))
register(INTERINDUSTRY, 0xE0, Command("CREATE FILE", _with_template("CREATE FILE"), _create_detail, "TS 102 222 6.3"))
register(PROPRIETARY, 0xD4, Command("RESIZE FILE", _with_template("RESIZE FILE"), _resize_detail, "TS 102 222 6.10"))
