# SPDX-License-Identifier: Apache-2.0
"""The ISD-R: CreateISDP, DeleteProfile, audit, what is refused without a session (SGP.02 v4.2 4.1.1, GPCS 11)."""

from __future__ import annotations

import itertools

import pytest

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab, SecureHost

PREFIX = "A0000005591010FFFFFFFF8900"
ISD_R, ECASD = f"{PREFIX}000100", f"{PREFIX}000200"
LOAD_FILE, MODULE = f"{PREFIX}000D00", f"{PREFIX}000E00"
FIRST, SECOND = f"{PREFIX}001300", f"{PREFIX}001400"
SCP03_I70 = "C90481020370"


def lv(value: str) -> str:
    return f"{len(value) // 2:02X}{value}"


def create(
    aid: str = FIRST,
    *,
    load_file: str = LOAD_FILE,
    module: str = MODULE,
    privileges: str = "80C000",
    parameters: str = SCP03_I70,
    token: str = "",
    more: str = "",
) -> str:
    fields = (load_file, module, aid, privileges, parameters, token)
    return f"80E60C00{lv(''.join(map(lv, fields)) + more)}00"


def delete(aid: str) -> str:
    return f"80E40040{lv('4F' + lv(aid))}00"


def status(aid: str = "", tags: str = "4F9F70", p1: int = 0x40, p2: int = 0x02) -> str:
    return f"80F2{p1:02X}{p2:02X}{lv('4F' + lv(aid) + ('5C' + lv(tags) if tags else ''))}00"


def answer(host: SecureHost, command: str) -> str:
    response = host.command(command)
    return response.data.hex().upper() + f"{response.sw:04X}"


def resources(host: SecureHost) -> tuple[int, int]:
    """Installed applications and free memory, from FF21 read by hand."""
    response = host.command("80CAFF2100")
    data = response.data
    assert (response.sw, data[:2].hex().upper(), data[2]) == (0x9000, "FF21", len(data) - 3)
    values: dict[int, int] = {}
    at = 3
    while at < len(data):
        values[data[at]] = int.from_bytes(data[at + 2 : at + 2 + data[at + 1]], "big")
        at += 2 + data[at + 1]
    assert set(values) == {0x81, 0x82, 0x83}
    return values[0x81], values[0x82]


# --- ES5.CreateISDP


def test_cc_e5_01_create_isdp(lab: Lab) -> None:
    host = lab.open_isd_r()
    assert answer(host, create()) == "009000"
    assert answer(host, status(FIRST)) == f"E3164F10{FIRST}9F7001079000"
    assert lab.state_of(Aid.from_string(FIRST)) is LifeCycle.SELECTABLE


def test_cc_e5_01_the_captured_command(lab: Lab) -> None:
    """card.md 4.1, byte for byte as a real SM-SR sent it."""
    host = lab.open_isd_r()
    command = (
        "80E60C003F 10A0000005591010FFFFFFFF8900000D00 10A0000005591010FFFFFFFF8900000E00"
        " 10A0000005591010FFFFFFFF8900001300 0380C000 06C90481020370 00 00"
    )
    assert create() == command.replace(" ", "")
    assert answer(host, command) == "009000"


@pytest.mark.parametrize("quota", ["83021000", "8302FFFF", "830400010000", "830100", "830200FF", "83020000"])
def test_cc_e5_01_with_a_quota(lab: Lab, quota: str) -> None:
    host = lab.open_isd_r()
    _, free = resources(host)
    granted = int(quota[4:], 16)
    assert answer(host, create(parameters=f"{SCP03_I70}EF{lv(quota)}")) == "009000"
    applications, left = resources(host)
    assert applications == 1
    assert granted <= free - left <= granted + 1024  # and a little for the registry entry
    shown = "8F" + lv(f"{granted:04X}" if granted <= 0xFFFF else f"{granted:08X}")
    assert shown in answer(host, status(FIRST, "8F91"))
    if granted:  # nothing is used yet
        assert "91" + shown[2:] in answer(host, status(FIRST, "8F91"))


@pytest.mark.parametrize("number", ["0010", "0011", "00FF", "0100", "8000", "FFFF"])
def test_cc_e5_01_the_whole_range(lab: Lab, number: str) -> None:
    host = lab.open_isd_r()
    aid = f"{PREFIX}{number}00"
    assert answer(host, create(aid)) == "009000"
    assert answer(host, status(aid)) == f"E3164F10{aid}9F7001079000"


WRONG_CREATE = [
    ("cc-e5-04 reserved AID 0F00", create(f"{PREFIX}000F00"), "6A80"),
    ("cc-e5-04 above the range", create("A0000005591010FFFFFFFF8901001000"), "6A80"),
    ("cc-e5-04 15 bytes", create(FIRST[:-2]), "6A80"),
    ("cc-e5-04 last byte", create(f"{PREFIX}001001"), "6A80"),
    ("cc-e5-04 the ISD-R", create(ISD_R), "6A80"),
    ("cc-e5-04 the ECASD", create(ECASD), "6A80"),
    ("cc-e5-04 the load file", create(LOAD_FILE), "6A80"),
    ("cc-e5-04 other RID", create("A0000001511010FFFFFFFF8900001300"), "6A80"),
    ("cc-e5-04 4 bytes", create("A0000005"), "6A80"),
    ("cc-e5-04 none", create(""), "6A80"),
    ("cc-e5-04 17 bytes", create(FIRST + "00"), "6A80"),
    ("load file", create(load_file=MODULE), "6A80"),
    ("module", create(module=LOAD_FILE), "6A80"),
    ("no load file", create(load_file=""), "6A80"),
    ("no privileges", create(privileges=""), "6A80"),
    ("one byte of privileges", create(privileges="80"), "6A80"),
    ("two bytes of privileges", create(privileges="80C0"), "6A80"),
    ("more privileges", create(privileges="80DC00"), "6A80"),
    ("fewer privileges", create(privileges="808000"), "6A80"),
    ("no application", create(privileges="00C000"), "6A80"),
    ("four bytes of privileges", create(privileges="80C00000"), "6A80"),
    ("no parameters", create(parameters=""), "6A80"),
    ("empty C9", create(parameters="C900"), "6A80"),
    ("SCP02", create(parameters="C90481020255"), "6A80"),
    ("i without R-MAC", create(parameters="C90481020310"), "6A80"),
    ("two C9", create(parameters=SCP03_I70 * 2), "6A80"),
    ("parameter unknown", create(parameters=SCP03_I70 + "CA0100"), "6A80"),
    ("system parameter unknown", create(parameters=SCP03_I70 + "EF03990100"), "6A80"),
    ("other quota", create(parameters=SCP03_I70 + "EF04C8021000"), "6A80"),
    ("quota of five bytes", create(parameters=SCP03_I70 + "EF0783050000001000"), "6A80"),
    ("quota of no bytes", create(parameters=SCP03_I70 + "EF028300"), "6A80"),
    ("quota longer than its parent", create(parameters=SCP03_I70 + "EF0483031000"), "6A80"),
    ("parameters longer than the field", create(parameters="C90581020370"), "6A80"),
    ("a token", create(token="00" * 16), "6A80"),
    ("bytes after the token", create(more="00"), "6A80"),
    ("no token field", f"80E60C00{lv(''.join(map(lv, (LOAD_FILE, MODULE, FIRST, '80C000', SCP03_I70))))}00", "6A80"),
    ("an LV field too long", f"80E60C00{lv('11' + LOAD_FILE)}00", "6A80"),
    ("one byte", "80E60C00010000", "6A80"),
    ("P2", create().replace("80E60C00", "80E60C01"), "6A86"),
    ("INSTALL [for install] alone", create().replace("80E60C00", "80E60400"), "6A86"),
    ("INSTALL [for make selectable]", f"80E60800{lv('0000' + lv(FIRST) + lv('80C000') + '0000')}00", "6A86"),
    ("INSTALL [for load]", f"80E60200{lv(lv(LOAD_FILE) + lv(ISD_R) + '000000')}00", "6A86"),
    ("INSTALL [for extradition]", f"80E61000{lv(lv(ECASD) + '00' + lv(ISD_R) + '000000')}00", "6A86"),
    ("GP chaining is not supported", create().replace("80E60C00", "80E68C00"), "6A86"),
    ("P1 unknown", create().replace("80E60C00", "80E60100"), "6A86"),
]


@pytest.mark.parametrize("name, command, expected", WRONG_CREATE, ids=[name for name, _, _ in WRONG_CREATE])
def test_create_isdp_refused(lab: Lab, name: str, command: str, expected: str) -> None:
    host = lab.open_isd_r()
    before, audited = lab.snapshot(), resources(host)
    assert answer(host, command) == expected
    assert lab.snapshot() == before
    assert resources(host) == audited
    assert answer(host, status()) == "6A88"


def test_cc_e5_02_cc_e5_05_the_aid_is_in_use(lab: Lab) -> None:
    """The same command again, as an SM-SR that lost the answer would send it: refused, and no second one is there."""
    host = lab.open_isd_r()
    assert answer(host, create()) == "009000"
    before = lab.snapshot()
    assert answer(host, create()) == "6A80"
    assert answer(host, create(parameters=f"{SCP03_I70}EF0483021000")) == "6A80"
    assert lab.snapshot() == before
    assert resources(host)[0] == 1


def test_cc_e5_03_not_enough_memory(make_lab: MakeLab) -> None:
    lab = make_lab(memory_size=0x8000)
    host = lab.open_isd_r()
    _, free = resources(host)
    assert free == 0x8000
    before = lab.snapshot()
    for quota in ("83048000" + "0000", "83028001", "8304FFFFFFFF", f"8302{free:04X}"):
        assert answer(host, create(parameters=f"{SCP03_I70}EF{lv(quota)}")) == "6A84"
    assert lab.snapshot() == before
    assert resources(host) == (0, free)


def test_memory_is_accounted_over_create_and_delete(make_lab: MakeLab) -> None:
    """I11: free = total - what is allocated, whatever comes and goes; ATK-24: a full card recovers."""
    lab = make_lab(memory_size=0x10000)
    host = lab.open_isd_r()
    start = resources(host)
    aids = [f"{PREFIX}{number:04X}00" for number in range(0x10, 0x400)]
    created: list[str] = []
    history = [start[1]]
    for aid in aids:
        reply = answer(host, create(aid, parameters=f"{SCP03_I70}EF0483021000"))
        if reply == "6A84":
            break
        assert reply == "009000"
        created.append(aid)
        history.append(resources(host)[1])
    assert 10 <= len(created) < 16
    steps = {before - after for before, after in itertools.pairwise(history)}
    assert len(steps) == 1  # every one takes the same
    before = lab.snapshot()
    assert answer(host, create(aids[-1], parameters=f"{SCP03_I70}EF0483021000")) == "6A84"
    assert lab.snapshot() == before
    for aid in reversed(created):
        assert resources(host)[1] == history.pop()
        assert answer(host, delete(aid)) == "009000"
    assert resources(host) == start
    assert [key for key in lab.snapshot() if key.startswith("isdp/")] == []


def test_cc_cv_03_tars_are_unique(lab: Lab) -> None:
    host = lab.open_isd_r()
    for number in range(0x10, 0x20):
        assert answer(host, create(f"{PREFIX}{number:04X}00")) == "009000"
    aids = [f"{PREFIX}{number:04X}00" for number in range(0x10, 0x20)]
    shown = "".join(answer(host, status(aid, "4F")) for aid in aids)
    assert shown == "".join(f"E3124F10{aid}9000" for aid in aids)
    listed = [Aid(record.aid) for record in lab.card.registry.isd_ps()]
    assert [aid.hex().upper() for aid in listed] == aids
    assert [aid.tar.hex().upper() for aid in listed] == [aid[24:30] for aid in aids]  # bytes 13 to 15
    assert answer(host, create(aids[0])) == "6A80"


# --- DELETE


@pytest.mark.parametrize("state", [LifeCycle.SELECTABLE, LifeCycle.PERSONALIZED, LifeCycle.DISABLED])
def test_cc_e5_21_delete_profile(lab: Lab, state: LifeCycle) -> None:
    before = lab.snapshot()
    lab.put_isd_p(0x13, state, granted=0x4000)
    host = lab.open_isd_r()
    free = resources(host)[1]
    assert answer(host, delete(FIRST)) == "009000"
    assert resources(host)[1] >= free + 0x4000
    assert answer(host, status(FIRST)) == "6A88"
    after = lab.snapshot()
    del before["isdr/ctr/30"], after["isdr/ctr/30"]  # a session was opened in between
    assert after == before  # nothing of the ISD-P is left
    assert answer(host, delete(FIRST)) == "6A88"


def test_cc_e5_22_delete_what_must_stay(lab: Lab) -> None:
    lab.put_isd_p(0x13, LifeCycle.ENABLED)
    lab.put_isd_p(0x14, LifeCycle.DISABLED, fallback=True)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, delete(FIRST)) == "6985"
    assert answer(host, delete(SECOND)) == "6985"
    assert answer(host, delete(f"{PREFIX}001500")) == "6A88"
    assert lab.snapshot() == before


def test_cc_e5_23_pol1_forbids_deletion(lab: Lab) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED, pol1=0x02)
    lab.put_isd_p(0x14, LifeCycle.DISABLED, pol1=0x05)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, delete(FIRST)) == "69E1"
    assert lab.snapshot() == before
    assert answer(host, delete(SECOND)) == "009000"  # the other rules do not forbid it


WRONG_DELETE = [
    ("cc-e5-24 the ISD-R", delete(ISD_R), {"6985", "6A88"}),
    ("cc-e5-24 the ECASD", delete(ECASD), {"6985", "6A88"}),
    ("cc-e5-24 the ISD-R with P2 00", delete(ISD_R).replace("80E40040", "80E40000"), {"6985", "6A88"}),
    ("cc-e5-24 an MNO-SD", delete("A000000151000000"), {"6985", "6A88"}),
    ("the load file", delete(LOAD_FILE), {"6985", "6A88"}),
    ("the AID of the own ISD-P", delete(f"{PREFIX}000F00"), {"6985", "6A88"}),
    ("GPCS's DELETE of an ISD-P", delete(FIRST).replace("80E40040", "80E40000"), {"6A86"}),
    ("and related objects", delete(FIRST).replace("80E40040", "80E40080"), {"6A86"}),
    ("P1", delete(FIRST).replace("80E40040", "80E48040"), {"6A86"}),
    ("P2 unknown", delete(FIRST).replace("80E40040", "80E40041"), {"6A86"}),
    ("partial AID", delete(FIRST[:20]), {"6A88"}),
    ("AID of 4 bytes", delete("A0000005"), {"6A80"}),
    ("AID of 17 bytes", delete(FIRST + "00"), {"6A80"}),
    ("AID empty", delete(""), {"6A80"}),
    ("two AIDs", f"80E40040{lv(('4F' + lv(FIRST)) * 2)}00", {"6A80"}),
    ("no AID", "80E4004003B6010000", {"6A80"}),
    ("longer than its parent", f"80E4004012 4F11{FIRST}00", {"6A80"}),
    ("unknown object", f"80E40040{lv('5F' + lv(FIRST))}00", {"6A80"}),
    ("unknown object after it", f"80E40040{lv('4F' + lv(FIRST) + '990100')}00", {"6A80"}),
    ("F2 of two bytes", "80E4000004F202010100", {"6A80"}),
]


@pytest.mark.parametrize("name, command, expected", WRONG_DELETE, ids=[name for name, _, _ in WRONG_DELETE])
def test_delete_refused(lab: Lab, name: str, command: str, expected: set[str]) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, command) in expected
    assert lab.snapshot() == before


def test_key_sets_of_the_isd_r_are_not_deleted_by_gps_delete(lab: Lab) -> None:
    host = lab.open_isd_r()
    before = lab.snapshot()
    for data in ("D20130", "D00101", "D00101D20130", "D20101", "D20140"):
        assert answer(host, f"80E40000{lv(data)}00") in ("6985", "6A80", "6A88")
    assert lab.snapshot() == before


# --- other commands that an ISD-R knows


def test_cc_cv_04_locked_does_not_exist(lab: Lab) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    for command in (
        f"80F04080{lv(ISD_R)}",
        f"80F04080{lv(FIRST)}",
        f"80F06080{lv(FIRST)}",
        f"80F0403F{lv(FIRST)}",  # nor is an ISD-P's state changed this way
        f"80F0407F{lv(ECASD)}",
        "80F0807F",
        "80F080FF",
    ):
        assert answer(host, command) == "6985"
    assert lab.snapshot() == before
    lab.send(f"00A4040010{FIRST}00")
    assert lab.send(f"80F04080{lv(FIRST)}") == "6985"
    assert lab.snapshot() == before


@pytest.mark.parametrize("kvn", ["30", "31", "01", "40", "70", "71"])
def test_put_key_on_the_isd_r_is_refused(lab: Lab, kvn: str) -> None:
    host = lab.open_isd_r()
    before = lab.snapshot()
    key = "88" + "11" + "10" + "00" * 16 + "03" + "000000"
    for p1 in ("00", kvn):
        assert answer(host, f"80D8{p1}81{lv(kvn + key * 3)}00") == "6985"
        assert answer(host, f"80D8{p1}01{lv(kvn + key)}00") == "6985"
    assert lab.snapshot() == before


@pytest.mark.parametrize("dgi", ["3A00", "3A06", "3A09", "3A0A", "3A0B", "3AFF", "0070", "7F49", "00B9", "8113"])
def test_unknown_data_groupings(lab: Lab, dgi: str) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, f"80E28800{lv(dgi + lv('4F' + lv(FIRST)))}") == "6A88"
    assert lab.snapshot() == before


@pytest.mark.parametrize(
    "command, expected",
    [
        ("80E28801", "6A86"),  # block 01 first
        ("80E28880", "6A86"),
        ("80E28A00", "6A86"),  # P1 b2: reserved
        ("80E28C00", "6A86"),
        ("80E29800", "6A86"),  # b5 b4 11: reserved
        ("80E2C800", "6A86"),  # b7 b6 10: reserved
        ("80E29000", "6A80"),  # BER-TLV: no function of the ISD-R
        ("80E28000", "6A80"),
    ],
)
def test_store_data_with_wrong_parameters(lab: Lab, command: str, expected: str) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, command + lv("3A03" + lv("4F" + lv(FIRST)))) == expected
    assert lab.snapshot() == before


def test_store_data_block_numbers(lab: Lab) -> None:
    """Annex 12: a block out of order is 6A86 and the chain is dropped."""
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    grouping = f"3A0312 4F10{FIRST}".replace(" ", "")
    first, second = grouping[:12], grouping[12:]
    before = lab.snapshot()
    assert answer(host, f"80E20800{lv(first)}") == "9000"
    assert answer(host, f"80E28802{lv(second)}") == "6A86"
    assert answer(host, f"80E28801{lv(second)}") == "6A86"  # dropped: 00 is expected again
    assert answer(host, f"80E20800{lv(first)}") == "9000"
    assert answer(host, f"80E20800{lv(first)}") == "6A86"
    assert lab.snapshot() == before
    assert answer(host, f"80E20800{lv(first)}") == "9000"
    assert answer(host, f"80E28801{lv(second)}") == "9000"
    assert lab.state_of(Aid.from_string(FIRST)) is LifeCycle.ENABLED


# --- without a session


PLAIN_REFUSED = [
    ("CreateISDP", create()),
    ("cc-e5-49 enable", f"80E2880015 3A0312 4F10{FIRST}"),
    ("cc-e5-49 disable", f"80E2880015 3A0412 4F10{FIRST}"),
    ("cc-e5-49 set fall-back", f"80E2880015 3A0512 4F10{FIRST}"),
    ("cc-e5-49 addressing", "80E28800083A0705A303810100"),
    ("cc-e5-49 confirmation", "80E28900073A08044E020000"),
    ("key establishment", "80E20900063A01037F210000"),
    ("delete", delete(FIRST)),
    ("INSTALL [for personalization]", f"80E6200016000010{FIRST}00000000"),
    ("PUT KEY", "80D8000101" + "70"),
    ("GET STATUS", status()),
]


@pytest.mark.parametrize("name, command", PLAIN_REFUSED, ids=[name for name, _ in PLAIN_REFUSED])
@pytest.mark.parametrize("lab_card", [True, False])
def test_cc_e5_49_without_a_session(make_lab: MakeLab, lab_card: bool, name: str, command: str) -> None:
    lab = make_lab(lab=lab_card)
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    before = lab.snapshot()
    lab.send(f"00A4040010{ISD_R}00")
    assert lab.send(command) == "6982"
    assert lab.snapshot() == before


@pytest.mark.parametrize("name, command", PLAIN_REFUSED, ids=[name for name, _ in PLAIN_REFUSED])
def test_cc_e5_49_between_initialize_update_and_external_authenticate(lab: Lab, name: str, command: str) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    lab.send(f"00A4040010{ISD_R}00")
    assert lab.send("805030000801020304050607 0800")[-4:] == "9000"
    before = lab.snapshot()
    assert lab.send(command) == "6982"
    assert lab.snapshot() == before
