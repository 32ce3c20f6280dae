# SPDX-License-Identifier: Apache-2.0
"""SELECT and STATUS: what is asked for, and the parameters of the file or application in the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.command.fcp import FcpTemplate, ProprietaryInformation
from apdu.files.catalogue import label
from apdu.gp.fci import FileControlInformation, ProprietaryData
from apdu.gp.recognition import CardRecognition
from apdu.tlv.scan import read_header
from apdu.trace.decode.model import HOME, Node, Place, part, visible
from apdu.trace.decode.objects import FORMATS, NAMES, object_nodes, template_node, tree_nodes
from apdu.trace.decode.table import GSM, Command, View, plain_node, register
from apdu.trace.decode.words import aid_name, words
from apdu.trace.events import Octets

__all__ = ["parameters", "place_name"]

_INS: Final = 0xA4
_STATUS: Final = 0xF2
_BY_AID: Final = 0x04
_METHODS: Final = {
    0x00: "by file identifier",
    0x01: "child directory",
    0x03: "parent directory",
    0x04: "by AID",
    0x08: "by path from the MF",
    0x09: "by path from the current directory",
}
_ANSWERS: Final = {0x00: "return FCI", 0x04: "return FCP", 0x0C: "return nothing"}
_OCCURRENCES: Final = ("first or only", "last", "next", "previous")
_LIFE_CYCLES: Final = {
    0x01: "creation", 0x03: "initialisation", 0x05: "operational, activated", 0x04: "operational, deactivated",
}  # fmt: skip


def _life_cycle(value: object) -> str:
    assert isinstance(value, int)
    if value & 0xFC == 0x0C:
        return "termination"
    return _LIFE_CYCLES.get(value & 0xFD if value & 0xFC == 0x04 else value, f"{value:02X}")


def _short_identifier(value: object) -> str:
    return f"{value:02X}" if value else "none"


def _hexadecimal(value: object) -> str:
    return f"{value:02X}" if isinstance(value, int) else words(value)


def _identifier(value: object) -> str:
    return f"{value:04X}"


NAMES.update(
    {
        (FcpTemplate, "descriptor"): "file descriptor",
        (FcpTemplate, "fid"): "file identifier",
        (FcpTemplate, "name"): "DF name",
        (FcpTemplate, "proprietary"): "proprietary information",
        (FcpTemplate, "lcs"): "life cycle status",
        (FcpTemplate, "security"): "access rule",
        (FcpTemplate, "compact"): "compact security attributes",
        (FcpTemplate, "expanded"): "expanded security attributes",
        (FcpTemplate, "pin_status"): "PIN status",
        (FcpTemplate, "size"): "file size",
        (FcpTemplate, "total_size"): "total file size",
        (FcpTemplate, "sfi"): "short file identifier",
        (ProprietaryInformation, "characteristics"): "UICC characteristics",
        (ProprietaryInformation, "power"): "application power consumption",
        (ProprietaryInformation, "minimum_clock"): "minimum application clock frequency",
        (ProprietaryInformation, "available_memory"): "amount of available memory",
        (ProprietaryInformation, "details"): "file details",
        (ProprietaryInformation, "environment"): "UICC environmental conditions",
        (ProprietaryInformation, "special"): "special file information",
        (FileControlInformation, "aid"): "AID",
        (FileControlInformation, "proprietary"): "proprietary data",
        (ProprietaryData, "management_data"): "security domain management data",
        (ProprietaryData, "production_data"): "production life cycle data",
        (ProprietaryData, "maximum_length"): "maximum length of a command's data",
    }
)
FORMATS.update(
    {
        (FcpTemplate, "fid"): _identifier,
        (FcpTemplate, "lcs"): _life_cycle,
        (FcpTemplate, "sfi"): _short_identifier,
        (ProprietaryInformation, "characteristics"): _hexadecimal,
        (ProprietaryInformation, "details"): _hexadecimal,
        (ProprietaryInformation, "supported_commands"): _hexadecimal,
        (ProprietaryInformation, "environment"): _hexadecimal,
        (ProprietaryInformation, "special"): _hexadecimal,
    }
)

_TEMPLATES: Final = {
    0x62: ("FCP", FcpTemplate),
    0x6F: ("FCI", FileControlInformation),
}


def parameters(octets: Octets) -> tuple[Node, ...]:
    """File control parameters or information, 62 or 6F; other objects as they are."""
    raw = visible(octets)
    if not raw:
        return ()
    tag, start, end = read_header(raw, 0, len(raw))
    known = _TEMPLATES.get(tag)
    if known is None:
        return tree_nodes(octets) or (plain_node("data", octets),)
    name, kind = known
    node = template_node(name, kind, part(octets, start, end - start))
    nodes = [_with_management_data(node)]
    if end != len(raw):
        nodes.append(plain_node("more", part(octets, end, len(raw) - end)))
    return tuple(nodes)


def _with_management_data(node: Node) -> Node:
    """The recognition data inside a security domain's FCI, where they are not empty."""
    found = node.find("security domain management data")
    if found is None or not isinstance(found.raw, bytes) or len(found.raw) <= 2:
        return node
    inside = object_nodes(CardRecognition, found.raw[2:])
    return Node(node.name, node.value, node.raw, (*node.children, Node(found.name, "", found.raw, inside)), node.layer)


def place_name(place: Place | None) -> str:
    """A directory or file by the name that the specification prints."""
    if place is None:
        return ""
    if place.file:
        return label(place.file)
    if not place.directory:
        return aid_name(place.application)
    return label(place.directory)


def _title(view: View) -> str:
    command = view.command
    if command.p1 == _BY_AID:
        name = f"SELECT {aid_name(command.data)}"
        return f"{name}, terminate" if command.p2 & 0x60 == 0x40 else name
    target = view.exchange.target
    if target is None:  # no response says whether it was selected
        return f"SELECT {command.data.hex().upper()}".rstrip()
    return f"SELECT {place_name(target)}"


def _detail(view: View) -> Iterator[Node]:
    command = view.command
    yield Node("method", _METHODS.get(command.p1, f"reserved {command.p1:02X}"))
    answer = _ANSWERS.get(command.p2 & 0x0C, "return FMD")
    yield Node("occurrence", f"{_OCCURRENCES[command.p2 & 3]}, {answer}")
    if command.p1 == _BY_AID:
        yield Node("application", aid_name(command.data), view.data)
    elif command.data:
        yield Node("file", place_name(view.exchange.target) or command.data.hex().upper(), view.data)
    if view.exchange.target not in (None, HOME) and command.p1 != _BY_AID:
        assert view.exchange.target is not None
        yield Node("directory", label(view.exchange.target.directory) if view.exchange.target.directory else "unknown")
    yield from parameters(view.answer)


# --- the class A0: what a SIM answers (TS 51.011 9.2.1)

_GSM_TYPES: Final = {0x01: "MF", 0x02: "DF", 0x04: "EF"}
_GSM_STRUCTURES: Final = {0x00: "transparent", 0x01: "linear fixed", 0x03: "cyclic"}


def gsm_parameters(octets: Octets) -> Iterator[Node]:
    """The header of a file as a SIM gives it."""
    raw = visible(octets)
    if raw is None or len(raw) < 14:
        if raw:
            yield plain_node("parameters", octets)
        return
    yield Node("file identifier", raw[4:6].hex().upper(), raw[4:6])
    kind = _GSM_TYPES.get(raw[6], f"type {raw[6]:02X}")
    yield Node("type", kind, raw[6:7])
    if raw[6] == 0x04:
        yield Node("file size", str(raw[2] << 8 | raw[3]), raw[2:4])
        yield Node("access conditions", raw[8:11].hex().upper(), raw[8:11])
        yield Node("file status", "not invalidated" if raw[11] & 1 else "invalidated", raw[11:12])
        yield Node("structure", _GSM_STRUCTURES.get(raw[13], f"{raw[13]:02X}"), raw[13:14])
        if len(raw) > 14 and raw[14]:
            yield Node("record length", str(raw[14]), raw[14:15])
        return
    yield Node("free memory", str(raw[2] << 8 | raw[3]), raw[2:4])
    if len(raw) >= 22:
        yield Node("CHV1 tries left", str(raw[18] & 0x0F), raw[18:19])
        yield Node("CHV1", "disabled" if raw[13] & 0x80 else "enabled", raw[13:14])


def _gsm_detail(view: View) -> Iterator[Node]:
    yield Node("file", place_name(view.exchange.target) or view.command.data.hex().upper(), view.data)
    yield from gsm_parameters(view.answer)


# --- STATUS

_INDICATIONS: Final = {
    0x00: "no indication",
    0x01: "the application is initialised",
    0x02: "the application will be terminated",
}
_STATUS_ANSWERS: Final = {0x00: "return FCP", 0x01: "return the DF name", 0x0C: "return nothing"}


def is_status(command: CommandApdu) -> bool:
    """P1 tells STATUS from GET STATUS of GlobalPlatform."""
    return command.p1 <= 0x02


def _status_title(view: View) -> str:
    indication = "" if not view.command.p1 else f", {_INDICATIONS[view.command.p1]}"
    return f"STATUS {place_name(view.exchange.place._replace(file=''))}{indication}"


def _status_detail(view: View) -> Iterator[Node]:
    command = view.command
    yield Node("indication", _INDICATIONS.get(command.p1, f"reserved {command.p1:02X}"))
    yield Node("answer", _STATUS_ANSWERS.get(command.p2, f"reserved {command.p2:02X}"))
    yield from parameters(view.answer)


def _gsm_status(view: View) -> Iterator[Node]:
    return gsm_parameters(view.answer)


register(INTERINDUSTRY, _INS, Command("SELECT", _title, _detail, "TS 102 221 11.1.1, GPCS 11.9"))
register(GSM, _INS, Command("SELECT", _title, _gsm_detail, "TS 51.011 9.2.1"))
register(PROPRIETARY, _STATUS, Command("STATUS", _status_title, _status_detail, "TS 102 221 11.1.2", is_status))
register(GSM, _STATUS, Command("STATUS", lambda view: "STATUS", _gsm_status, "TS 51.011 9.2.2"))
