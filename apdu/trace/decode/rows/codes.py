# SPDX-License-Identifier: Apache-2.0
"""Commands with PINs and PUKs: which key reference, and what the status word says of it. Values are never shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apdu.command.cla import INTERINDUSTRY
from apdu.files.uiccfiles import key_reference
from apdu.trace.decode.model import Node
from apdu.trace.decode.table import GSM, Command, View, register

__all__: list[str] = []

_OUTCOMES: Final = {0x9000: "right", 0x6983: "blocked", 0x6984: "disabled, or enabled already", 0x9804: "wrong",
                    0x9840: "blocked"}  # fmt: skip
_GSM_CODES: Final = {0x00: "CHV1 (for UNBLOCK)", 0x01: "CHV1", 0x02: "CHV2"}


def _reference(view: View) -> str:
    p2 = view.command.p2
    if view.command.cla == 0xA0:
        return _GSM_CODES.get(p2, f"CHV {p2:02X}")
    return key_reference(p2)


def _outcome(view: View) -> str:
    sw = view.sw
    if sw is None:
        return "no response"
    if sw & 0xFFF0 == 0x63C0:
        return f"{sw & 0x0F} tries left"
    return _OUTCOMES.get(sw, "")


def _title(name: str) -> Callable[[View], str]:
    def title(view: View) -> str:
        asked = "" if view.command.data else ", asks for the tries left"
        return f"{name.removesuffix(' PIN')} {_reference(view)}{asked}"

    return title


def _detail(parts: tuple[str, ...]) -> Callable[[View], Iterator[Node]]:
    def detail(view: View) -> Iterator[Node]:
        yield Node("key reference", _reference(view))
        size = len(view.data)
        if size:
            for name in parts:
                yield Node(name, f"{size // len(parts)} bytes, not shown")
        else:
            yield Node("asks for", "the number of tries left")
        outcome = _outcome(view)
        if outcome:
            yield Node("outcome", outcome)

    return detail


_PIN, _TWO, _PUK = ("PIN",), ("old PIN", "new PIN"), ("PUK", "new PIN")
_ROWS: Final = (
    (0x20, "VERIFY PIN", _PIN, "11.1.9"),
    (0x24, "CHANGE PIN", _TWO, "11.1.10"),
    (0x26, "DISABLE PIN", _PIN, "11.1.11"),
    (0x28, "ENABLE PIN", _PIN, "11.1.12"),
    (0x2C, "UNBLOCK PIN", _PUK, "11.1.13"),
)
for _ins, _name, _parts, _clause in _ROWS:
    register(INTERINDUSTRY, _ins, Command(_name, _title(_name), _detail(_parts), f"TS 102 221 {_clause}"))
    register(GSM, _ins, Command(_name, _title(_name), _detail(_parts), "TS 51.011 9.2"))
