# SPDX-License-Identifier: Apache-2.0
"""Commands that change the tree of files: life cycle, creation, size (TS 102 221 11.1.14, TS 102 222 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.files.catalogue import by_identifier, label
from apdu.trace.decode.model import Node, visible
from apdu.trace.decode.objects import tree_nodes
from apdu.trace.decode.rows.select import parameters, place_name
from apdu.trace.decode.table import GSM, Command, View, plain_node, register

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


def _resize_detail(view: View) -> Iterator[Node]:
    yield from tree_nodes(view.data) or (plain_node("data", view.data),)


_FILES: Final = ((0x04, "DEACTIVATE FILE", "TS 102 221 11.1.14"), (0x44, "ACTIVATE FILE", "TS 102 221 11.1.15"),
                 (0xE4, "DELETE FILE", "TS 102 222 6.4"), (0xE6, "TERMINATE DF", "TS 102 222 6.7"),
                 (0xE8, "TERMINATE EF", "TS 102 222 6.8"))  # fmt: skip
for _ins, _name, _clause in _FILES:
    register(INTERINDUSTRY, _ins, Command(_name, _on_file(_name), _on_file_detail, _clause))
register(GSM, 0x04, Command("INVALIDATE", _on_file("INVALIDATE"), _on_file_detail, "TS 51.011 9.2.14"))
register(GSM, 0x44, Command("REHABILITATE", _on_file("REHABILITATE"), _on_file_detail, "TS 51.011 9.2.15"))
register(INTERINDUSTRY, 0xE0, Command("CREATE FILE", _with_template("CREATE FILE"), _create_detail, "TS 102 222 6.3"))
register(PROPRIETARY, 0xD4, Command("RESIZE FILE", _with_template("RESIZE FILE"), _resize_detail, "TS 102 222 6.10"))
