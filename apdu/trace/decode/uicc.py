# SPDX-License-Identifier: Apache-2.0
"""Commands of a UICC (ISO/IEC 7816-4, TS 102 221, TS 31.102, TS 102 223) in the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.files.catalogue import label
from apdu.trace.decode.model import Node
from apdu.trace.decode.table import Command, View, register

__all__: list[str] = []


def _nothing(_: View) -> Iterable[Node]:
    return ()


def _named(name: str) -> Callable[[View], str]:
    return lambda _: name


def _with_file(name: str) -> Callable[[View], str]:
    """The name of the command and of the file that is selected."""

    def title(view: View) -> str:
        file = view.exchange.place.file
        return f"{name} {label(file)}" if file else name

    return title


def _select(view: View) -> str:
    return f"SELECT {view.command.data.hex().upper()}".rstrip()


_ROWS: Final[tuple[tuple[int, int, str, str], ...]] = (
    (INTERINDUSTRY, 0x20, "VERIFY PIN", "TS 102 221 11.1.9"),
    (INTERINDUSTRY, 0x24, "CHANGE PIN", "TS 102 221 11.1.10"),
    (INTERINDUSTRY, 0x26, "DISABLE PIN", "TS 102 221 11.1.11"),
    (INTERINDUSTRY, 0x28, "ENABLE PIN", "TS 102 221 11.1.12"),
    (INTERINDUSTRY, 0x2C, "UNBLOCK PIN", "TS 102 221 11.1.13"),
    (INTERINDUSTRY, 0x70, "MANAGE CHANNEL", "TS 102 221 11.1.17"),
    (INTERINDUSTRY, 0x88, "AUTHENTICATE", "TS 31.102 7.1.2"),
    (PROPRIETARY, 0x10, "TERMINAL PROFILE", "TS 102 221 11.2.1"),
    (PROPRIETARY, 0x12, "FETCH", "TS 102 221 11.2.3"),
    (PROPRIETARY, 0x14, "TERMINAL RESPONSE", "TS 102 221 11.2.4"),
    (PROPRIETARY, 0xC2, "ENVELOPE", "TS 102 221 11.2.2"),
)
_FILE_ROWS: Final[tuple[tuple[int, int, str, str], ...]] = (
    (INTERINDUSTRY, 0xB0, "READ BINARY", "TS 102 221 11.1.3"),
    (INTERINDUSTRY, 0xB2, "READ RECORD", "TS 102 221 11.1.5"),
    (INTERINDUSTRY, 0xD6, "UPDATE BINARY", "TS 102 221 11.1.4"),
    (INTERINDUSTRY, 0xDC, "UPDATE RECORD", "TS 102 221 11.1.6"),
)

register(INTERINDUSTRY, 0xA4, Command("SELECT", _select, _nothing, "TS 102 221 11.1.1"))
for _kind, _ins, _name, _clause in _ROWS:
    register(_kind, _ins, Command(_name, _named(_name), _nothing, _clause))
for _kind, _ins, _name, _clause in _FILE_ROWS:
    register(_kind, _ins, Command(_name, _with_file(_name), _nothing, _clause))
