# SPDX-License-Identifier: Apache-2.0
"""What a device tells while it runs: lines for people, or an object a line for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import click

from apdu.cat.catalogue import command_name
from apdu.cat.codes import CommandType, GeneralResult, RefreshMode
from apdu.cat.proactive import ProactiveCommand
from apdu.errors import DecodeError
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.tlv.declare import Template
from apdu.trace.decode import rows  # the words of toolkit objects come with the rows of its commands
from apdu.trace.decode.objects import object_nodes
from emulator.device.device import Carried, Device
from emulator.network.sms import SentMessage
from tools.text import printable

__all__ = ["Report"]

_ = rows
_SKIPPED: Final = ("command details", "details", "device identities", "result")
_LONGEST: Final = 200
_WIDTH: Final = 12


def _objects(value: Template) -> dict[str, str]:
    """Every object of a command or an answer that says something of its own, by name."""
    found: dict[str, str] = {}
    for node in object_nodes(type(value), value.value()):
        if node.name not in _SKIPPED:
            words = "; ".join(_leaves(node.value, (child.value for child in node.children)))
            found[node.name] = f"{found[node.name]}, {words}" if node.name in found else words
    return found


def _leaves(own: str, inside: Iterable[str]) -> Iterable[str]:
    return filter(None, (own, *inside))


def _named(command: ProactiveCommand) -> str:
    name, qualifier = command_name(command.details.type), command.details.qualifier
    if command.details.type == CommandType.REFRESH and qualifier in RefreshMode.__members__.values():
        return f"{name}, {RefreshMode(qualifier).name.replace('_', ' ').lower()}"
    return f"{name}, qualifier {qualifier:02X}" if qualifier else name


def _result(general: int, additional: bytes) -> str:
    known = {int(result): result.name.replace("_", " ").lower() for result in GeneralResult}
    text = f"{general:02X} {known.get(general, 'not known')}"
    return f"{text}, {additional.hex().upper()}" if additional else text


class Report:
    """Prints what happens, each thing once. With the name of the device where there are several: then a line each."""

    def __init__(self, *, as_json: bool, name: str = "", say: Callable[[str], None] = click.echo) -> None:
        self._as_json = as_json
        self._out = say
        self._name = name
        self._state: tuple[object, ...] = ()

    def powered(self, atr: bytes) -> None:
        """The card was switched on."""
        self._say("card", {"atr": atr.hex().upper()}, atr.hex().upper())

    def carried(self, done: Carried) -> None:
        """A proactive command, and its answer."""
        asked = _objects(done.command)
        brings: dict[str, str] = {}
        name = _named(done.command)
        reset = done.command.details.type == CommandType.REFRESH
        if done.answer is None:
            answered = "the card was reset" if reset else "nothing"
        else:
            answered, brings = _result(*done.answer.result), _objects(done.answer)
        said: dict[str, object] = {"command": name, "objects": asked, "answer": answered, "brings": brings}
        self._say(
            "asked",
            said,
            f"{name}{_list(asked)}",
            f"{'':{_WIDTH}}answered {answered}{_list(brings)}",
        )

    def sent(self, message: SentMessage) -> None:
        """A short message from the card."""
        try:
            submit: Submit = message.submit()
            to, text = str(submit.destination), _text(submit)
        except DecodeError:
            to, text = "", message.tpdu.hex().upper()
        self._say("message", {"to": to, "text": text, "tpdu": message.tpdu.hex().upper()}, f"to {to}: {text}")

    def received(self, sender: Address, deliver: bytes, answer: DeliverReport) -> None:
        """A short message to the device, and what the network was told."""
        message, told = Deliver.decode(deliver), answer.encode()
        failure = answer.failure
        report = "taken" if failure is None else f"refused, {failure:02X}"
        data = answer.data.payload.hex().upper() if answer.data is not None else ""
        text = _text(message)
        self._say(
            "message",
            {"from": str(sender), "text": text, "tpdu": deliver.hex().upper(), "report": told.hex().upper()},
            f"from {sender}: {text}",
            f"{'':{_WIDTH}}{report}{'; ' if data else ''}{data}",
        )

    def session(self, text: str) -> None:
        """What became of the session with the SMSC."""
        self._say("smpp", {"state": text}, text)

    def state(self, device: Device) -> None:
        """USIM and network, when they changed."""
        identity, fault = device.identity, device.fault
        state = (identity, str(fault), device.service)
        if state == self._state:
            return
        self._state = state
        if identity is None:
            self._say("usim", {"error": str(fault)}, f"none: {fault}")
        else:
            said = {"imsi": str(identity.imsi), "iccid": str(identity.iccid), "aid": identity.usim.hex().upper()}
            self._say("usim", said, f"IMSI {identity.imsi}, ICCID {identity.iccid}")
            service = device.service.name.replace("_", " ").lower()
            if fault is None:
                self._say("network", {"service": service}, service)
            else:
                self._say("network", {"service": service, "error": str(fault)}, f"{service}: {fault}")

    def failed(self, text: str) -> None:
        """Something is wrong that no card and no network means."""
        self._say("error", {"error": text}, text)

    def _say(self, event: str, said: Mapping[str, object], *lines: str) -> None:
        if self._as_json:
            self._out(json.dumps({"event": event, **({"device": self._name} if self._name else {}), **said}))
        elif self._name:
            self._out(f"{self._name}  {event:{_WIDTH}}{'; '.join(line.strip() for line in lines)}")
        else:
            self._out(f"{event:{_WIDTH}}{lines[0]}")
            for line in lines[1:]:
                self._out(line)


def _list(objects: dict[str, str]) -> str:
    return "".join(f"; {name} {printable(value, _LONGEST)}" for name, value in objects.items() if value)


def _text(message: Submit | Deliver) -> str:
    if message.data.elements or message.dcs & 0x04:
        return message.data.payload.hex().upper()
    return printable(message.data.text(message.dcs), _LONGEST)
