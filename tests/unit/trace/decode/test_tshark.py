# SPDX-License-Identifier: Apache-2.0
"""A second opinion: Wireshark's gsm_sim dissector names the commands and files of the samples as the decoder does."""

from __future__ import annotations

import struct
import subprocess

import pytest

from apdu.trace.decode import Exchange, decode
from apdu.trace.decode.table import find, view
from tests.require import require
from tests.unit.trace.decode.samples import SAMPLES, events

require("tshark")

_GSMTAP_SIM = 4
_PORT = 4729
NAMES = {
    "SELECT": "SELECT",
    "READ BINARY": "READ BINARY",
    "UPDATE BINARY": "UPDATE BINARY",
    "READ RECORD": "READ RECORD",
    "UPDATE RECORD": "UPDATE RECORD",
    "SEARCH RECORD": "SEARCH RECORD",
    "INCREASE": "INCREASE",
    "RETRIEVE DATA": "RETRIEVE DATA",
    "SET DATA": "SET DATA",
    "STATUS": "STATUS",
    "VERIFY PIN": "VERIFY CHV",
    "CHANGE PIN": "CHANGE CHV",
    "DISABLE PIN": "DISABLE CHV",
    "ENABLE PIN": "ENABLE CHV",
    "UNBLOCK PIN": "UNBLOCK CHV",
    "CREATE FILE": "CREATE FILE",
    "DELETE FILE": "DELETE FILE",
    "DEACTIVATE FILE": "INVALIDATE",
    "ACTIVATE FILE": "ACTIVATE",
    "AUTHENTICATE": "AUTHENTICATE",
    "RUN GSM ALGORITHM": "RUN GSM ALGORITHM",
    "GET IDENTITY": "GET IDENTITY",
    "GET CHALLENGE": "GET CHALLENGE",
    "MANAGE CHANNEL": "MANAGE CHANNEL",
    "TERMINAL CAPABILITY": "TERMINAL CAPABILITY",
    "TERMINAL PROFILE": "TERMINAL PROFILE",
    "FETCH": "FETCH",
    "TERMINAL RESPONSE": "TERMINAL RESPONSE",
    "ENVELOPE": "ENVELOPE",
    "GET DATA": "GET DATA",
}
"""Our name of a command, and what the dissector calls it; it knows no others of GlobalPlatform."""
INSIDE = ("REFRESH", "OPEN CHANNEL", "SEND SHORT MESSAGE", "LOCATION STATUS", "TIMER EXPIRATION", "SMS-PP DOWNLOAD")
_ELSEWHERE = {"EF.ARR": "EF.PL", "EF.HPLMNWACT": "EF.HPLMNAcT", "EF.6F3A": "EF.ADN", "ADF.USIM": "DF.GSM"}
"""Names of the dissector that are others: 2F06 is EF.ARR (TS 102 221 13.4), 6F62 EF.HPLMNwAcT (TS 31.102 4.2.54); 6F3A
and 7F20 lie in directories of a SIM that a USIM has in other places."""


def _frame(apdu: bytes) -> bytes:
    tap = struct.pack(">BBBBHbBIBBBB", 2, 4, _GSMTAP_SIM, 0, 0, 0, 0, 0, 0, 0, 0, 0) + apdu
    udp = struct.pack(">HHHH", _PORT, _PORT, 8 + len(tap), 0) + tap
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The dissector's line of each sample."""
    path = tmp_path_factory.mktemp("tshark") / "samples.pcap"
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, 101)
    for command, response in SAMPLES:
        frame = _frame(bytes.fromhex(command + response))
        content += struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    path.write_bytes(content)
    command_line = ["tshark", "-r", str(path), "-T", "fields", "-e", "_ws.col.Info"]
    done = subprocess.run(command_line, capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == len(SAMPLES)
    return lines


def test_commands_and_files_have_the_names_that_tshark_gives_them(said: list[str]) -> None:
    lines = {bytes.fromhex(command): line for (command, _), line in zip(SAMPLES, said, strict=True)}
    compared = files = 0
    for entry in decode(events()):
        assert isinstance(entry, Exchange)
        assert isinstance(entry.command, bytes)
        line = lines[entry.command]
        seen = view(entry)
        row = None if seen is None else find(seen.command)
        if row is None or row.name not in NAMES:
            continue
        assert NAMES[row.name] in line, (entry.summary, line)
        compared += 1
        for word in ("File ", "/"):
            if row.name == "SELECT" and word in line and "Application" not in line:
                theirs = line.split(word)[-1].split()[0]
                ours = entry.summary.removeprefix("SELECT ").split(":")[0]
                assert _ELSEWHERE.get(ours, ours).casefold() == theirs.casefold(), (entry.summary, line)
                files += 1
                break
    assert compared >= 60
    assert files >= 10


def test_toolkit_commands_have_the_names_that_tshark_gives_them(said: list[str]) -> None:
    ours = " ".join(entry.summary for entry in decode(events())).upper().replace("SMS PP", "SMS-PP")
    theirs = " ".join(said).upper()
    for name in INSIDE:
        assert name in ours, name
        assert name in theirs, name
