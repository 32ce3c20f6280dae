# SPDX-License-Identifier: Apache-2.0
"""Wireshark's dissectors read what the device builds: answers, envelopes, TERMINAL PROFILE, and messages in them."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from apdu.cat.codes import LocationStatus
from apdu.cat.envelope import MenuSelection, SmsPpDownload, TimerExpiration
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver
from apdu.sms.userdata import Element, UserData
from emulator.device.device import Surroundings
from emulator.network.network import Network
from tests.require import require
from tests.unit.device.fake import Bench
from tests.unit.device.test_commands import EXCHANGES, bench

require("tshark")

_GSMTAP_SIM = 4
_PORT = 4729


def _frame(apdu: bytes) -> bytes:
    """One command with its status, as GSMTAP over UDP over IP."""
    tap = struct.pack(">BBBBHbBIBBBB", 2, 4, _GSMTAP_SIM, 0, 0, 0, 0, 0, 0, 0, 0, 0) + apdu
    udp = struct.pack(">HHHH", _PORT, _PORT, 8 + len(tap), 0) + tap
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp


def dissect(path: Path, apdus: Sequence[bytes], *fields: str) -> list[dict[str, list[str]]]:
    """What tshark says of each command, field by field."""
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, 101)
    for apdu in apdus:
        frame = _frame(apdu)
        content += struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    path.write_bytes(content)
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|", "-E", "aggregator=;"]
    asked = ("_ws.malformed", *fields)
    for field in asked:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == len(apdus)
    found = [
        dict(zip(asked, (cell.split(";") if cell else [] for cell in line.split("|")), strict=True)) for line in lines
    ]
    assert not any(row["_ws.malformed"] for row in found)
    return found


def _sent(on: Bench, ins: int) -> list[bytes]:
    return [command + b"\x90\x00" for command in on.card.log if command[1] == ins]


def _numbers(values: list[str]) -> list[int]:
    return [int(value, 0) for value in values]


def test_terminal_responses(tmp_path: Path) -> None:
    on = bench()
    for _, command, _ in EXCHANGES:
        on.ask(command)
    responses = _sent(on, 0x14)
    prefix = "etsi_cat.comp_tlv."
    fields = [
        prefix + name for name in ("cmd_type", "cmd_nr", "src_dev", "dst_dev", "result", "timer_val.sec", "loci.lac")
    ]
    for raw, row in zip(responses, dissect(tmp_path / "responses.pcap", responses, *fields), strict=True):
        assert _numbers(row[prefix + "cmd_type"]) == [raw[8]]
        assert _numbers(row[prefix + "cmd_nr"]) == [1]
        assert _numbers(row[prefix + "src_dev"]) == [0x82]
        assert _numbers(row[prefix + "dst_dev"]) == [0x81]
        assert _numbers(row[prefix + "result"]) == [raw[16]]


def test_envelopes_and_the_message_in_one(tmp_path: Path) -> None:
    network = Network()
    on = Bench(around=Surroundings(network=network))
    on.ask("D00D 8103010500 82028182 99020304")
    on.device.tell(TimerExpiration.of(3, 3723))
    on.device.tell(MenuSelection.of(7))
    on.device.press_key()
    network.lose_coverage()
    on.device.settle()
    network.restore()
    on.device.settle()
    message = Deliver(
        originator=Address.of("+4915112345"),
        time=datetime(2026, 11, 28, 12, 30, tzinfo=UTC),
        data=UserData(bytes(30), (Element(0x70),)),
    )
    on.device.deliver(message.encode(), Address.of("+491710760000"))
    envelopes = _sent(on, 0xC2)
    assert read_tags(envelopes) == [0xD7, 0xD3, 0xD6, 0xD6, 0xD6, 0xD1]
    prefix = "etsi_cat.comp_tlv."
    names = ("timer_val.hr", "timer_val.min", "timer_val.sec", "event", "loc_status")
    rows = dissect(
        tmp_path / "envelopes.pcap", envelopes, *(prefix + name for name in names), "gsm_sms.tp-oa", "gsm_sms.tp-pid"
    )
    # shown as they are coded: swapped
    assert rows[0][prefix + "timer_val.hr"] == ["0x10"]
    assert rows[0][prefix + "timer_val.min"] == ["0x20"]
    assert rows[0][prefix + "timer_val.sec"] == ["0x30"]
    assert [_numbers(row[prefix + "event"]) for row in rows[2:5]] == [[4], [3], [3]]
    assert [_numbers(row[prefix + "loc_status"]) for row in rows[3:5]] == [
        [LocationStatus.NO_SERVICE],
        [LocationStatus.NORMAL],
    ]
    assert rows[5]["gsm_sms.tp-oa"] == ["4915112345"]
    assert _numbers(rows[5]["gsm_sms.tp-pid"]) == [0x7F]
    assert SmsPpDownload.from_tlv(envelopes[5][5:-3]).tpdu == message.encode()


def read_tags(envelopes: Sequence[bytes]) -> list[int]:
    return [envelope[5] for envelope in envelopes]


ANNOUNCED = (
    "pa.display_text", "pa.refresh", "pa.send_sms", "timer_exp", "evt.loc_status", "pa.prov_loci_date", "menu_sel",
)  # fmt: skip
NOT_ANNOUNCED = ("pa.open_chan", "evt.data_avail", "cb_data_dld", "cc_sim", "pa.run_at_command", "mo_sms_sim")


def test_terminal_profile(tmp_path: Path) -> None:
    fields = [f"gsm_sim.tp.{name}" for name in (*ANNOUNCED, *NOT_ANNOUNCED)]
    (row,) = dissect(tmp_path / "profile.pcap", _sent(bench(), 0x10), *fields)
    assert {name: row[f"gsm_sim.tp.{name}"] for name in ANNOUNCED} == {name: ["1"] for name in ANNOUNCED}
    assert {name: row[f"gsm_sim.tp.{name}"] for name in NOT_ANNOUNCED} == {name: ["0"] for name in NOT_ANNOUNCED}
