# SPDX-License-Identifier: Apache-2.0
"""`euicc shell` on files, codes, channels and the card itself, with right and with wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from Crypto.Cipher import AES

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters
from apdu.keys.entropy import SeededEntropy
from emulator.network.auc import AuC
from emulator.network.auc import Subscriber as NetworkSubscriber
from tests.support.lab import EID
from tests.support.profile import ADM1, MNO_SD, USIM, subscriber
from tests.support.shell import Bench, flow_bench, rich_bench

ISD_P = "A0000005591010FFFFFFFF8900001000"
SPN = "select ADF.USIM/EF.SPN"
FDN = "select ADF.USIM/EF.FDN"
OBJECTS = "select ADF.USIM/EF.XCAPCONFIGDATA"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return flow_bench(tmp_path / "my.card")


@pytest.fixture
def rich(tmp_path: Path) -> Bench:
    return rich_bench(tmp_path / "rich.card")


# --- files


def test_what_is_selected_shows_in_the_prompt(bench: Bench) -> None:
    turns = bench.talk(
        "select ADF.USIM", "select EF.IMSI", "select EF.SPN", "select ..", "select ..", "select ADF.USIM/6F07",
        "select MF/DF.TELECOM", f"select {USIM}", "select isd-r", f"select {MNO_SD}", "select EF.ICCID", "pwd",
    )  # fmt: skip
    assert [turn.place for turn in turns] == [
        "00:MF",
        "00:MF/ADF.USIM",
        "00:MF/ADF.USIM/EF.IMSI",
        "00:MF/ADF.USIM/EF.SPN",
        "00:MF/ADF.USIM",
        "00:MF",
        "00:MF/ADF.USIM/EF.IMSI",
        "00:MF/DF.TELECOM",
        "00:MF/ADF.USIM",
        "00:ISD-R",
        "00:MNO-SD",
        "00:MF/EF.ICCID",
    ]
    assert turns[1].output == "MF/ADF.USIM/EF.IMSI  6F07  transparent 9 SFI 07\n"


def test_a_list_of_applications_that_is_none_keeps_nobody_out(bench: Bench) -> None:
    bench.run("fs", "update", "EF.DIR", "617F4F", "--record", 1, "--adm", ADM1)
    assert bench.say("pwd") == "MF\n"
    assert "127 bytes" in bench.say("select EF.DIR", "read_record_decoded 1")


def test_a_select_that_fails_leaves_what_was_selected(bench: Bench) -> None:
    turns = bench.talk("select ADF.USIM/EF.IMSI", "select MF/DF.TELECOM/EF.NOPE", "read_binary", "select EF.NOPE")
    assert "neither a file identifier" in turns[1].output
    assert turns[2].place == "00:MF/ADF.USIM/EF.IMSI"
    assert turns[2].output.strip() == subscriber(1).imsi.ef_imsi.hex().upper()
    assert turns[3].place == "00:MF/ADF.USIM/EF.IMSI"


def test_reading_says_what_the_profile_and_euicc_fs_say(bench: Bench) -> None:
    iccid, imsi = subscriber(1).iccid, subscriber(1).imsi
    assert bench.say("select EF.ICCID", "read_binary") == iccid.swapped.hex().upper() + "\n"
    assert bench.say("select EF.ICCID", "read_binary --offset 2 --length 3") == iccid.swapped[2:5].hex().upper() + "\n"
    assert json.loads(bench.say("select EF.ICCID", "read_binary_decoded")) == {"iccid": str(iccid)}
    assert json.loads(bench.say("select ADF.USIM/EF.IMSI", "read_binary_decoded")) == {"imsi": str(imsi)}
    records = json.loads(bench.run("fs", "read", "EF.ARR", "--json").stdout)["content"]
    listed = bench.say("select EF.ARR", "read_records").splitlines()
    assert listed == [f"{number:03d} {record}" for number, record in enumerate(records, 1)]
    assert bench.say("select EF.ARR", "read_record 2 --count 2").splitlines() == listed[1:3]
    application = json.loads(bench.say("select EF.DIR", "read_record_decoded 1"))
    assert application == {"aid": USIM, "label": "USIM"}
    assert json.loads(bench.say("select EF.DIR", "read_records_decoded")) == [application]


def test_lists_are_those_of_euicc_fs(bench: Bench) -> None:
    whole = bench.run("fs", "tree").output
    assert bench.say("tree") == whole
    assert bench.say("select ADF.USIM", "tree") == bench.run("fs", "tree", "ADF.USIM").output
    top = [line for line in whole.splitlines() if not line.startswith("    ")]
    assert bench.say("dir").splitlines() == bench.say("ls").splitlines() == top
    turns = bench.talk("select ADF.USIM/EF.IMSI", "dir", "pwd")
    assert turns[2].output == "MF/ADF.USIM/EF.IMSI\n"
    parameters = bench.say("select ADF.USIM/EF.IMSI", "fcp")
    assert "Access rule  record 2 of 6F06\n" in parameters
    assert bench.say("select ADF.USIM", "status").startswith("File         MF/ADF.USIM  7FD0\n")
    assert f"AID          {USIM}\n" in bench.say("select ADF.USIM", "status")


def test_writing_is_what_euicc_fs_reads(bench: Bench) -> None:
    turns = bench.talk(
        SPN,
        "update_binary 01",
        f"verify_adm {ADM1}",
        "update_binary 014D594E4554",
        "update_binary --offset 1 58",
        "enable_chv 1234",
        FDN,
        "verify_chv --pin-nr 2 9876",
        "update_record 2 4D324D",
        "search_record 4D324D",
        "search_record --start 3 4D324D",
    )
    assert "verify_chv or verify_adm" in turns[1].output
    assert turns[-2].output == "2\n"
    assert turns[-1].output == "no record holds that\n"
    assert "name: XYNET" in bench.run("fs", "read", "ADF.USIM/EF.SPN").output
    pin = ("--pin", "1234")
    written = json.loads(bench.run("fs", "read", "ADF.USIM/EF.FDN", "--json", *pin).stdout)["content"][1]
    assert written == "4D324D".ljust(52, "F")


def test_a_file_is_deactivated_and_activated(bench: Bench) -> None:
    turns = bench.talk(
        SPN, "deactivate_file", f"verify_adm {ADM1}", "deactivate_file", "read_binary", "select ..",
        "activate_file EF.SPN", "read_binary",
    )  # fmt: skip
    assert "6982" in turns[1].output
    assert turns[3].output == "MF/ADF.USIM/EF.SPN deactivated\n"
    assert "6984" in turns[4].output
    assert turns[7].output.startswith("01")


def test_objects_and_counters(rich: Bench) -> None:
    turns = rich.talk(
        OBJECTS, "retrieve_tags", "retrieve_data 9F70", "verify_adm 55555555", f"set_data 81 {'5A' * 400}",
        "retrieve_data 81", "del_data 80", "retrieve_tags", "retrieve_data 80", "select 6F39", "increase 000002",
        "read_record 1", "increase FFFFFF",
    )  # fmt: skip
    assert [turns[1].output, turns[2].output] == ["80 9F70\n", "9F7003AABBCC\n"]
    assert turns[5].output == "81820190" + "5A" * 400 + "\n"
    assert turns[7].output == "9F70 81\n"
    assert "6A88" in turns[8].output
    assert [turns[10].output, turns[11].output] == ["000007 (added 000002)\n", "001 000007\n"]
    assert "9850" in turns[12].output
    read = json.loads(rich.run("fs", "read", "ADF.USIM/EF.XCAPCONFIGDATA", "--json").stdout)
    assert read["content"][0] == "9F7003AABBCC"


# --- codes


def test_codes(bench: Bench) -> None:
    answers = [turn.output for turn in bench.talk(
        "verify_chv 1234", "enable_chv 1234", "enable_chv 1234", "verify_chv 1111", "verify_chv 1234",
        "change_chv 4321 1111", "change_chv 4321 1234", "verify_chv 1234", "verify_chv 1234", "verify_chv 1234",
        "verify_chv 4321", "unblock_chv 00000000 1234", "unblock_chv 11111111 1234", "disable_chv 0000",
        "disable_chv 1234", "verify_adm 00000000", f"verify_adm {ADM1.encode().hex()}", "select ADF.USIM",
        "verify_chv --pin-nr 2 9876",
    )]  # fmt: skip
    words = [
        "disabled", "enabled\n", "enabled already", "2 tries left", "verified\n", "2 tries left", "changed\n",
        "2 tries left", "1 tries left", "0 tries left", "unblocked first", "9 tries left", "unblocked\n",
        "2 tries left", "disabled\n", "9 tries left", "verified\n", "MF/ADF.USIM", "verified\n",
    ]  # fmt: skip
    assert [word for word, answer in zip(words, answers, strict=True) if word not in answer] == []


# --- the card


def test_apdu_reset_and_info(bench: Bench) -> None:
    plain = bench.run("apdu", "00A40004023F0000").output
    turns = bench.talk("apdu 00 A4 00 04 02 3F 00 00", "apdu A40004:2FE2/00=9000", "pwd", "reset", "pwd")
    assert turns[0].output == plain
    assert turns[1].output.endswith("< 9000 (done)\n")
    assert turns[2].output == "?\n"  # somebody may have selected anything
    assert turns[3].output == f"ATR {json.loads(bench.run('card', 'info', '--json').stdout)['atr']['bytes']}\n"
    assert turns[4].output == "MF\n"
    assert "6A82 (file or application not found) instead of 9000" in bench.say("apdu A4000C:1234 --expect-sw 9000")
    assert bench.say("info", keys=True) == bench.run("card", "info", keys=True).output
    assert bench.say("get_eid") == f"{EID}\n"
    assert bench.say("reconnect").startswith("ATR 3B")


def test_channels_have_selections_of_their_own(bench: Bench) -> None:
    turns = bench.talk(
        "select ADF.USIM/EF.IMSI", "open_channel", "switch_channel 1", "select EF.ICCID", "read_binary",
        "switch_channel 0", "read_binary", "open_channel 5", "switch_channel 5", "select isd-r", "establish_scp03",
        "get_status isd", "close_channel 5", "close_channel 5", "switch_channel 5", keys=True,
    )  # fmt: skip
    assert turns[1].output == "channel 1 is open\n"
    assert turns[4].output.strip() == subscriber(1).iccid.swapped.hex().upper()
    assert turns[6].place == "00:MF/ADF.USIM/EF.IMSI"
    assert turns[6].output.strip() == subscriber(1).imsi.ef_imsi.hex().upper()
    assert turns[11].place == "05:ISD-R SCP03"
    assert "PERSONALIZED" in turns[11].output
    assert turns[13].place == "00:MF/ADF.USIM/EF.IMSI"
    assert "was not open" in turns[13].output
    assert "is not open" in turns[14].output


def test_authenticate(bench: Bench) -> None:
    one = subscriber(1)
    auc = AuC(SeededEntropy(b"network"))
    auc.add(NetworkSubscriber(one.imsi, AlgorithmParameters(AlgorithmId.MILENAGE, one.k, one.opc)))
    vector = auc.vector(one.imsi)
    line = f"authenticate {vector.rand.hex()} {vector.autn.hex()}"
    turns = bench.talk("select ADF.USIM", line, line, f"authenticate {vector.rand.hex()} {bytes(16).hex()}")
    assert f"res  {vector.xres.hex().upper()}\n" in turns[1].output
    assert f"ck   {vector.ck.hex().upper()}\n" in turns[1].output
    assert turns[2].output.startswith("auts ")  # the same challenge again
    assert "9862" in turns[3].output


# --- security domains


def test_a_session_and_what_it_allows(bench: Bench) -> None:
    turns = bench.talk(
        "select isd-r", "get_status", "establish_scp03", "get_status", "get_data E0", "release_scp", "release_scp",
        "establish_scp03 --key-ver 31", "establish_scp03 --security-level 11", keys=True,
    )  # fmt: skip
    assert "establish_scp03 opens a session" in turns[1].output
    assert turns[3].place == "00:ISD-R SCP03"
    assert turns[3].output == bench.run("gp", "list", keys=True).output
    assert turns[4].output.startswith("E0")
    assert "no session" in turns[6].output
    assert "no SCP03 keys of version 31" in turns[7].output
    assert "--security-level names another" in turns[8].output


def test_keys_of_the_mno_sd_are_replaced(bench: Bench) -> None:
    old = [subscriber(1).domain_keys[0x30, kid].hex() for kid in (1, 2, 3)]
    new = [f"{number:02X}" * 16 for number in (1, 2, 3)]
    names = ("--key-enc", "--key-mac", "--key-dek")
    given = [" ".join(f"{name} {key}" for name, key in zip(names, keys, strict=True)) for keys in (old, new)]
    put = "put_key --key-version-nr 31 " + " ".join(f"--key-data {key}" for key in new)
    turns = bench.talk(
        "select mno-sd",
        put,
        f"establish_scp03 {given[0]}",
        put,
        f"establish_scp03 --key-ver 31 {given[1]}",
        f"establish_scp03 --key-ver 30 {given[0]}",
        "delete_key --key-ver 31",
        "release_scp",
        f"establish_scp03 --key-ver 31 {given[1]}",
        f"establish_scp03 --key-ver 30 {given[1]}",
    )
    check = [AES.new(bytes.fromhex(key), AES.MODE_ECB).encrypt(b"\x01" * 16)[:3].hex().upper() for key in new]
    assert "establish_scp03 opens one" in turns[1].output
    assert turns[3].output == f"KVN 31 written, check values {' '.join(check)}\n"
    assert [turn.output for turn in turns[4:7]] == [*["SCP03 session at level 33\n"] * 2, "deleted\n"]
    assert "no SCP03 keys of version 31" in turns[8].output
    assert "are these the keys of version 30 (--key-ver)?" in turns[9].output


def test_store_data_and_delete(bench: Bench) -> None:
    delete = f"delete_card_content {ISD_P}"
    turns = bench.talk("select isd-r", "establish_scp03", "store_data 3A0300", delete, keys=True)
    assert "STORE DATA block 00: 6A80" in turns[2].output
    assert "DELETE: 6985" in turns[3].output  # it is enabled
