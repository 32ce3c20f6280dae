# SPDX-License-Identifier: Apache-2.0
"""Codes and terminal profile bits are those that Wireshark's dissectors know."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

import pytest

from apdu.cat.codes import (
    BipProblem,
    CommandType,
    Device,
    Event,
    GeneralResult,
    LocalInformation,
    LocationStatus,
    RefreshMode,
    TerminalProblem,
    TimerAction,
)
from apdu.cat.terminal import Facility, TerminalProfile
from tests.require import require

require("tshark")


@lru_cache
def _glossary(name: str) -> list[list[str]]:
    done = subprocess.run(["tshark", "-G", name], capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


def _values(field: str) -> dict[int, str]:
    return {
        int(row[2], 0): row[3]
        for row in _glossary("values")
        if row[0] == "V" and row[1] == f"etsi_cat.comp_tlv.{field}"
    }


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]{3,}", text.lower()))


TABLES: list[tuple[str, type[IntEnum], set[int]]] = [
    ("cmd_type", CommandType, {0x81}),  # end of the session: an answer of the terminal's interface, no command
    ("result", GeneralResult, set()),
    ("result.term", TerminalProblem, set()),
    ("result.bip", BipProblem, set()),
    ("event", Event, {0x1A}),  # void
    ("cmd_qual.refresh", RefreshMode, set()),
    ("cmd_qual.loci", LocalInformation, set()),
    ("cmd_qual.timer_mgmt", TimerAction, set()),
    ("loc_status", LocationStatus, set()),
    ("src_dev", Device, set(range(0x31, 0x40))),  # eCAT clients
]


@pytest.mark.parametrize("field, codes, others", TABLES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_code_is_known(field: str, codes: type[IntEnum], others: set[int]) -> None:
    assert {int(code) for code in codes} == _values(field).keys() - others


@pytest.mark.parametrize("field, codes", [("cmd_type", CommandType)])
def test_names_of_commands_agree(field: str, codes: type[IntEnum]) -> None:
    names = _values(field)
    assert {code.name.replace("_", " ") for code in codes} == {
        names[code].removeprefix("3GPP ") for code in map(int, codes)
    }


def _profile_bits() -> dict[tuple[int, int], str]:
    """Byte and bit of every flag of the terminal profile; its bytes are listed before their bits."""
    found: dict[tuple[int, int], str] = {}
    byte = 0
    for row in _glossary("fields"):
        if row[0] != "F" or not row[2].startswith("gsm_sim.tp."):
            continue
        if header := re.fullmatch(r"gsm_sim\.tp\.b(\d+)", row[2]):
            byte = int(header[1])
        elif row[3] == "FT_BOOLEAN":
            found[byte, int(row[6], 0).bit_length()] = row[1]
    return found


def _only(profile: Iterable[int]) -> set[tuple[int, int]]:
    return {(at + 1, bit + 1) for at, byte in enumerate(profile) for bit in range(8) if byte >> bit & 1}


@pytest.mark.parametrize("type", list(CommandType), ids=lambda type: str(type.name))
def test_bit_that_announces_a_command(type: CommandType) -> None:
    (place,) = _only(TerminalProfile.of(type)) - {(1, 1)}
    name = type.name.removesuffix("_REQUEST").removesuffix("_NOTIFICATION")
    name = {"GET_FRAMES_STATUS": "GET_FRAMES_STATUS", "PERFORM_CARD_APDU": "PERFORM_CARD_APDU"}.get(name, name)
    said = _profile_bits()[place].replace("SETUP", "SET UP")
    assert _words(name.replace("_", " ")) <= _words(said) | {"notif"}, said


@pytest.mark.parametrize("facility", list(Facility), ids=lambda facility: str(facility.name))
def test_bit_that_announces_a_facility(facility: Facility) -> None:
    said = _profile_bits()[facility.value].lower()
    words = {"cell": "cb", "broadcast": "cb", "tcp": "tcp", "get": "get", "imeisv": "imeisv"}
    name = facility.name.lower().replace("_", " ").split()
    name = [words.get(word, word) for word in name]
    said = said.replace("e-utran", "e utran").replace("nmr", "network measurement").replace("data download", "download")
    said = said.replace("call control by usim", "call control").replace("mo sms control", "mo sms control")
    assert {word for word in name if len(word) > 1} <= set(re.findall(r"[a-z0-9]+", said)) | {
        "binary", "value", "for",
    }, said  # fmt: skip
