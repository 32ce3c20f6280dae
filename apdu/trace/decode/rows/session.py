# SPDX-License-Identifier: Apache-2.0
"""Commands of a card session: channels, responses, challenges, capabilities, suspension (TS 102 221 11.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.cat.terminal import TerminalCapability
from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.tlv.scan import read_header
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.objects import FORMATS, NAMES, template_node
from apdu.trace.decode.table import GSM, Command, View, nothing, plain_node, register

__all__: list[str] = []


def _channel(view: View) -> str:
    command = view.command
    if command.p1 & 0x80:
        return f"MANAGE CHANNEL close {command.p2}"
    answer = visible(view.answer)
    number = answer[0] if answer else command.p2
    return f"MANAGE CHANNEL open {number}" if number else "MANAGE CHANNEL open"


def _channel_detail(view: View) -> Iterator[Node]:
    command = view.command
    yield Node("operation", "close" if command.p1 & 0x80 else "open")
    yield Node("channel", str(command.p2) if command.p2 else "the card chooses")
    answer = visible(view.answer)
    if answer:
        yield Node("channel opened", str(answer[0]), view.answer)


_CLASSES: Final = ((0x01, "A"), (0x02, "B"), (0x04, "C"), (0x08, "D"), (0x10, "E"))
_INTERFACES: Final = ((0x01, "SWP"), (0x02, "USB"))
_EUICC: Final = ((0x01, "LUI"), (0x02, "LPD"), (0x04, "LDS"), (0x08, "LUIe based on SCWS"),
                 (0x10, "metadata update alerting"))  # fmt: skip


def _bits(value: object, names: tuple[tuple[int, str], ...]) -> str:
    assert isinstance(value, bytes)
    byte = value[0] if value else 0
    return ", ".join(name for bit, name in names if byte & bit) or "none"


def _power(value: object) -> str:
    assert isinstance(value, bytes)
    if len(value) < 3:
        return value.hex().upper()
    clock = f", {value[2] / 10:g} MHz" if value[2] not in (0, 0xFF) else ""
    return f"voltage class {_bits(value, _CLASSES)}, {value[1]} mA{clock}"


NAMES[TerminalCapability, "euicc"] = "eUICC capabilities"
NAMES[TerminalCapability, "interfaces"] = "additional interfaces"
NAMES[TerminalCapability, "extended_channels"] = "extended logical channels"
FORMATS.update(
    {
        (TerminalCapability, "power"): _power,
        (TerminalCapability, "extended_channels"): lambda _: "supported",
        (TerminalCapability, "interfaces"): lambda value: _bits(value, _INTERFACES),
        (TerminalCapability, "euicc"): lambda value: _bits(value, _EUICC),
    }
)


def _capability(view: View) -> Iterator[Node]:
    raw = visible(view.data) or b""
    tag, start, end = read_header(raw, 0, len(raw))
    if tag == TerminalCapability.TAG:
        yield template_node("terminal capability", TerminalCapability, part(view.data, start, end - start))
    else:
        yield plain_node("data", view.data)


def _challenge(view: View) -> Iterator[Node]:
    yield plain_node("challenge", view.answer)


def _response(view: View) -> Iterator[Node]:
    yield plain_node("data", view.answer)


def _suspend(view: View) -> str:
    return "SUSPEND UICC resume" if view.command.p1 & 1 else "SUSPEND UICC suspend"


def _suspend_detail(view: View) -> Iterator[Node]:
    if view.command.p1 & 1:
        yield Node("resume token", f"{len(view.data)} bytes", view.data)
        return
    data = view.command.data
    for at, name in ((0, "minimum duration"), (2, "maximum duration")):
        if len(data) >= at + 2:
            yield Node(name, _duration(data[at : at + 2]), data[at : at + 2])
    answer = visible(view.answer) or b""
    if len(answer) >= 2:
        yield Node("maximum duration negotiated", _duration(answer[:2]), answer[:2])
        yield plain_node("resume token", answer[2:])


_UNITS: Final = ("seconds", "minutes", "hours", "days", "10-day units")


def _duration(value: bytes) -> str:
    unit = _UNITS[value[0]] if value[0] < len(_UNITS) else f"units {value[0]:02X}"
    return f"{value[1]} {unit}"


def _named(view: View) -> str:
    return _NAMES[view.command.ins]


_NAMES: Final = {0x84: "GET CHALLENGE", 0xC0: "GET RESPONSE", 0xAA: "TERMINAL CAPABILITY"}

register(INTERINDUSTRY, 0x70, Command("MANAGE CHANNEL", _channel, _channel_detail, "TS 102 221 11.1.17"))
register(INTERINDUSTRY, 0x84, Command("GET CHALLENGE", _named, _challenge, "TS 102 221 11.1.15"))
register(INTERINDUSTRY, 0xC0, Command("GET RESPONSE", _named, _response, "TS 102 221 7.3.1.1.5"))
register(GSM, 0xC0, Command("GET RESPONSE", _named, _response, "TS 51.011 9.2.18"))
register(PROPRIETARY, 0xAA, Command("TERMINAL CAPABILITY", _named, _capability, "TS 102 221 11.1.19"))
register(PROPRIETARY, 0x76, Command("SUSPEND UICC", _suspend, _suspend_detail, "TS 102 221 11.1.22"))
register(GSM, 0xFA, Command("SLEEP", lambda _: "SLEEP", nothing, "TS 51.011 9.2.19"))
