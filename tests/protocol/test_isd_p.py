# SPDX-License-Identifier: Apache-2.0
"""An ISD-P selected on a lab card: its own SCP03 session, PUT KEY, STORE DATA, GET DATA (annex 11)."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES

from apdu.channel.scp03 import SecurityLevel
from apdu.command.cla import INTERINDUSTRY, class_byte
from apdu.errors import SecurityError
from apdu.gp.codes import LifeCycle
from apdu.ids import ISD_R, Aid
from apdu.keys.secret import KeySet, SecretKey
from tests.protocol.test_isd_r import answer, lv
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab, SecureHost
from tests.support.sm_dp import SmDp, challenge, run

ISD_P = Aid.isd_p(0x13)
NEW = tuple(bytes.fromhex(digit * 32) for digit in "ABC")
S = LifeCycle


def personalized(lab: Lab, number: int = 0x13) -> KeySet:
    """An ISD-P with a key set of its own."""
    aid = lab.put_isd_p(number, S.SELECTABLE)
    host, dp = lab.open_isd_r(), SmDp(lab, ephemeral_scalar=bytes((0x11, number)) * 16)
    assert run(host, dp.second(dp.payload(challenge(host, dp, aid))))[-4:] == "9000"
    keys = dp.keys()
    return KeySet(0x30, SecretKey(keys.enc), SecretKey(keys.mac), SecretKey(keys.dek))


def opened(lab: Lab, keys: KeySet, *, number: int = 0x13, channel: int = 0) -> SecureHost:
    host = SecureHost(lab.card, keys, Aid.isd_p(number), SecurityLevel.ALL, channel, bytes(range(8)))
    host.open()
    return host


def kcv(key: bytes) -> str:
    """First three bytes of the encryption of 16 times 01 (card.md 3.1)."""
    return AES.new(key, AES.MODE_ECB).encrypt(b"\x01" * 16)[:3].hex().upper()


def wrapped(key: bytes, keys: KeySet, *, with_length: bool = False) -> str:
    """A key component block: AES-CBC under the DEK, IV zero, with or without a clear length (card.md 3.3)."""
    block = AES.new(keys.dek.reveal(), AES.MODE_CBC, iv=bytes(16)).encrypt(key).hex().upper()
    return lv(f"10{block}" if with_length else block)


def put_keys(keys: KeySet, kvn: str, *, p1: str = "00", new: tuple[bytes, ...] = NEW, with_length: bool = False) -> str:
    data = kvn + "".join(f"88{wrapped(key, keys, with_length=with_length)}{lv(kcv(key))}" for key in new)
    return f"80D8{p1}81{lv(data)}00"


# --- selection


@pytest.mark.parametrize("channel", [0, 1, 5])
def test_selection_on_a_lab_card(lab: Lab, channel: int) -> None:
    lab.put_isd_p(0x13, S.SELECTABLE)
    if channel:
        lab.send(f"007000{channel:02X}")
    cla = f"{class_byte(INTERINDUSTRY, channel):02X}"
    assert lab.send(f"{cla}A4040010{ISD_P}00") == f"6F1A8410{ISD_P}A50673009F6501FF9000"


def test_no_selection_on_a_production_card(make_lab: MakeLab) -> None:
    lab = make_lab(lab=False)
    for state in (S.SELECTABLE, S.PERSONALIZED, S.DISABLED):
        lab.put_isd_p(0x13, state)
        assert lab.send(f"00A4040010{ISD_P}00") == "6A82"
        assert lab.send(f"00A404000D{str(ISD_P)[:26]}00") == f"6F1A8410{ISD_R}A50673009F6501FF9000"


def test_an_isd_p_that_does_not_exist(lab: Lab) -> None:
    assert lab.send(f"00A4040010{ISD_P}00") == "6A82"


def test_an_isd_p_deleted_while_it_is_selected(lab: Lab) -> None:
    keys = personalized(lab)
    lab.send("0070000001")
    host, isd_r = opened(lab, keys, channel=1), lab.open_isd_r()
    assert answer(isd_r, f"80E40040124F10{ISD_P}00") == "009000"
    before = lab.snapshot()
    for command in ("80CA004500", "80CA00E000", f"80E28800{lv('3A0705A003810101')}", put_keys(keys, "31")):
        assert answer(host, command)[-4:] in ("6A88", "6985", "6982", "6882", "6D00")
    assert lab.snapshot() == before
    assert lab.send("8150300008000000000000000000") in ("6A88", "6D00")
    assert lab.send(f"01A4040010{ISD_P}00") == "6A82"
    lab.restart()
    assert [key for key in lab.snapshot() if key.startswith("isdp/")] == []


def test_no_session_without_keys(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.SELECTABLE)
    lab.send(f"00A4040010{ISD_P}00")
    for kvn in ("00", "30"):
        assert lab.send(f"8050{kvn}0008000000000000000000") == "6A88"


def test_keys_of_one_are_none_of_another(lab: Lab) -> None:
    first, second = personalized(lab, 0x13), personalized(lab, 0x14)
    assert first != second
    with pytest.raises(SecurityError):
        opened(lab, first, number=0x14)
    opened(lab, second, number=0x14)
    with pytest.raises(SecurityError):
        opened(lab, lab.keys)


def test_the_challenge_depends_on_the_isd_p(lab: Lab) -> None:
    """The AID is part of the pseudo-random challenge (card.md 3.2.1): same counter, other ISD-P, other challenge."""
    personalized(lab, 0x13)
    record = lab.card.memory.get("isdp/000013/key/30")
    assert record is not None
    lab.put_isd_p(0x14, S.PERSONALIZED)
    lab.card.memory.put("isdp/000014/key/30", record)
    lab.card.memory.commit()
    answers = []
    for aid in (ISD_P, Aid.isd_p(0x14)):
        lab.send(f"00A4040010{aid}00")
        answers.append(lab.send("8050300008000000000000000000"))
    assert answers[0][-10:] == answers[1][-10:] == "0000019000"
    assert answers[0][26:42] != answers[1][26:42]


@pytest.mark.parametrize("level", [0x00, 0x01, 0x03, 0x11, 0x13])
def test_level_33_only(lab: Lab, level: int) -> None:
    keys = personalized(lab)
    host = SecureHost(lab.card, keys, ISD_P, SecurityLevel(level), 0, bytes(8))
    with pytest.raises(Exception, match="6A86"):
        host.open()


# --- what it does not know


@pytest.mark.parametrize(
    "command",
    [
        "80F24002024F0000",
        f"80E40040124F10{ISD_P}00",
        f"80E6200016000010{ISD_P}00000000",
        "80E60C00010000",
        "80E80000010000",
    ],
)
def test_commands_that_an_isd_p_does_not_know(lab: Lab, command: str) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    before = lab.snapshot()
    assert answer(host, command) in ("6D00", "6985", "6A86")  # F2 with a P1 that STATUS does not know: 6A86
    assert lab.snapshot() == before


PLAIN_REFUSED = [f"80E28800{lv('3A0705A003810101')}", "80D8000101" + "70", "80E2890003000000"]


@pytest.mark.parametrize("command", PLAIN_REFUSED)
def test_nothing_changes_without_a_session(lab: Lab, command: str) -> None:
    personalized(lab)
    before = lab.snapshot()
    lab.send(f"00A4040010{ISD_P}00")
    assert lab.send(command) == "6982"
    assert lab.snapshot() == before


# --- PUT KEY


@pytest.mark.parametrize("with_length", [False, True])
def test_put_key_adds_a_set(lab: Lab, with_length: bool) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    expected = "31" + "".join(kcv(key) for key in NEW)
    assert answer(host, put_keys(keys, "31", with_length=with_length)) == f"{expected}9000"
    new = KeySet(0x31, *map(SecretKey, NEW))
    opened(lab, new)
    host = opened(lab, keys)  # the first set is still there
    listed = "".join(f"C004{kid:02X}{kvn:02X}8810" for kvn in (0x30, 0x31) for kid in (1, 2, 3))
    assert answer(host, "80CA00E000") == f"E0{len(listed) // 2:02X}{listed}9000"


def test_put_key_replaces_the_set_and_its_counter(lab: Lab) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    for _ in range(3):
        host = opened(lab, keys)
    assert answer(host, "80CA00C100") == "C1030000049000"
    old = [key.reveal() for key in (keys.enc, keys.mac, keys.dek)]
    assert all(key in lab.flash.contents() for key in old)
    assert answer(host, put_keys(keys, "30", p1="30"))[-4:] == "9000"
    assert not any(key in lab.flash.contents() for key in old)  # not even where the journal had it
    new = KeySet(0x30, *map(SecretKey, NEW))
    host = opened(lab, new)
    assert answer(host, "80CA00C100") == "C1030000019000"
    with pytest.raises(SecurityError):
        opened(lab, keys)


def test_put_key_replaces_a_set_by_one_with_another_number(lab: Lab) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    assert answer(host, put_keys(keys, "32", p1="30"))[-4:] == "9000"
    opened(lab, KeySet(0x32, *map(SecretKey, NEW)))
    lab.send(f"00A4040010{ISD_P}00")
    assert lab.send("8050300008000000000000000000") == "6A88"


def test_the_token_key(lab: Lab) -> None:
    """card.md 4.6: `80D8 00 01 L 70 88 11 10 <AES-CBC(DEK, key)> 03 <KCV>` as an SM-DP sent it."""
    keys = personalized(lab)
    host = opened(lab, keys)
    key = bytes.fromhex("20212223242526270101010101010101")
    data = f"7088{wrapped(key, keys, with_length=True)}03{kcv(key)}"
    assert answer(host, f"80D80001{lv(data)}00") == f"70{kcv(key)}9000"
    assert "C00401708810" in answer(host, "80CA00E000")


def test_an_empty_check_value_is_not_checked(lab: Lab) -> None:
    """KCV length 00 (card.md 3.3): allowed; the answer names the value all the same."""
    keys = personalized(lab)
    host = opened(lab, keys)
    data = "31" + "".join(f"88{wrapped(key, keys)}00" for key in NEW)
    assert answer(host, f"80D80081{lv(data)}00") == f"31{''.join(map(kcv, NEW))}9000"


def _wrong_put_keys(keys: KeySet) -> dict[str, tuple[str, set[str]]]:
    good = put_keys(keys, "31")
    data = good[10:-2]
    block = wrapped(NEW[0], keys)
    wrong_kcv = data.replace(kcv(NEW[1]), "000000")
    return {
        "check value": (f"80D80081{lv(wrong_kcv)}00", {"9485"}),
        "check value of two bytes": (f"80D80081{lv('3188' + block + '020000')}00", {"9485", "6A80"}),
        "other DEK": (put_keys(lab_keys(), "31"), {"9485"}),
        "key type DES": (f"80D80081{lv('3180' + block + '00')}00", {"9484", "6A80"}),
        "key type unknown": (f"80D80081{lv('31A1' + block + '00')}00", {"9484", "6A80"}),
        "extended format": (f"80D80081{lv('31FF88' + block + '00')}00", {"9484", "6A80"}),
        "public key": (f"80D80081{lv('31B0' + lv('04' + '00' * 64) + 'F0010000')}00", {"9484", "6A80"}),
        "set exists": (put_keys(keys, "30"), {"6A80", "6985", "6A88"}),
        "set to replace is missing": (put_keys(keys, "31", p1="31"), {"6A88"}),
        "version of SCP80": (put_keys(keys, "01"), {"6985", "6A80"}),
        "version of SCP81": (put_keys(keys, "40"), {"6985", "6A80"}),
        "version 00": (put_keys(keys, "00"), {"6985", "6A80"}),
        "version 7F": (put_keys(keys, "7F"), {"6985", "6A80"}),
        "version FF": (put_keys(keys, "FF"), {"6985", "6A80"}),
        "more follow": (put_keys(keys, "31", p1="80"), {"6A86"}),
        "too few to replace under another number": (put_keys(keys, "31", p1="30", new=NEW[:2]), {"6A80"}),
        "longer keys": (put_keys(keys, "30", p1="30", new=tuple(key * 2 for key in NEW)), {"6A80"}),
        "block of 15": (f"80D80081{lv('31880F' + '00' * 15 + '00')}00", {"6A80"}),
        "block of 18": (f"80D80081{lv('318812' + '00' * 18 + '00')}00", {"6A80"}),
        "clear length too large": (f"80D80081{lv('31881111' + '00' * 16 + '00')}00", {"6A80"}),
        "block longer than the data": (f"80D80081{lv('318840' + '00' * 16)}00", {"6A80"}),
        "no check value": (f"80D80081{lv('3188' + block)}00", {"6A80"}),
        "only a version": (f"80D80081{lv('31')}00", {"6A80"}),
        "no data": ("80D8008100", {"6A80", "6700"}),
        "identifier 00": (good.replace("80D80081", "80D80080"), {"6A86", "6A80"}),
        "identifiers beyond 7F": (good.replace("80D80081", "80D800FE"), {"6A86", "6A80"}),
        "one key without b8 of P2": (f"80D80001{lv(data)}00", {"6A80", "6A86"}),
    }


def lab_keys() -> KeySet:
    return KeySet(0x30, *(SecretKey(bytes((n,)) * 16) for n in range(3)))


@pytest.mark.parametrize("name", _wrong_put_keys(lab_keys()))
def test_put_key_refused(lab: Lab, name: str) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    before = lab.snapshot()
    command, expected = _wrong_put_keys(keys)[name]
    assert answer(host, command) in expected
    assert lab.snapshot() == before
    opened(lab, keys)


# --- STORE DATA


def test_identity_objects(lab: Lab) -> None:
    """card.md 3.4, 11: 42, 45 and 5F20 in DGI 0070, as an SM-DP set them."""
    keys = personalized(lab)
    host = opened(lab, keys)
    assert answer(host, "80CA004500") == "6A88"
    objects = [("42", "4953445001"), ("45", "495344505344494E01"), ("5F20", "47534D4101")]
    for tag, value in objects:
        assert answer(host, f"80E28800{lv('0070' + lv(tag + lv(value)))}") == "9000"
    for tag, value in objects:
        assert answer(host, f"80CA{tag:0>4}00") == f"{tag}{lv(value)}9000"
    lab.restart()
    lab.send(f"00A4040010{ISD_P}00")
    for tag, value in objects:
        assert lab.send(f"80CA{tag:0>4}00") == f"{tag}{lv(value)}9000"


def test_connectivity_parameters(lab: Lab) -> None:
    """card.md 4.11, byte for byte: SMSC +33689924111."""
    keys = personalized(lab)
    host = opened(lab, keys)
    assert answer(host, "80E288000E 3A070B A009 0607 913386994211F1") == "9000"
    record = lab.card.registry.require(ISD_P)
    assert list(record.connectivity) == [bytes.fromhex("A0090607913386994211F1")]
    assert answer(host, "80E2880005 3A0702 A000") == "9000"  # an empty object clears
    assert list(lab.card.registry.require(ISD_P).connectivity) == []


@pytest.mark.parametrize(
    "data, expected",
    [
        ("3A0700", "6A80"),
        ("3A0703A30100", "6A80"),  # the SM-SR's parameters are not the profile's
        ("3A0703A00281", "6A80"),
        ("3A0704A000A000", "6A80"),
        ("3A0603810100", "6A88"),  # POL1 belongs to the operator
        ("3A03124F10A0000005591010FFFFFFFF8900001300", "6A88"),
        ("3A0804 4E020000", "6A88"),
        ("3A0900", "6A88"),
        ("007000", "6A80"),
        ("0070034301AA", "6A80"),
        ("00700242", "6A80"),
        ("0070024200", "6A80"),
        ("0070134211" + "00" * 17, "6A80"),
        ("00B90000", "6A88"),
        ("3A", "6A80"),
        ("3A07FF", "6A80"),
    ],
)
def test_store_data_refused(lab: Lab, data: str, expected: str) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    before = lab.snapshot()
    data = data.replace(" ", "")
    assert answer(host, f"80E28800{lv(data)}") in (expected, "6A80" if data == "00B90000" else expected)
    assert lab.snapshot() == before


def test_a_good_grouping_before_a_wrong_one_changes_nothing(lab: Lab) -> None:
    keys = personalized(lab)
    host = opened(lab, keys)
    before = lab.snapshot()
    assert answer(host, f"80E28800{lv('0070074205' + '00' * 5 + '3A0700')}") == "6A80"
    assert lab.snapshot() == before


@pytest.mark.parametrize("encryption", ["A8", "E8"])
def test_encrypted_store_data(lab: Lab, encryption: str) -> None:
    """b7 b6 of P1 announce data encrypted once more, which none of these functions has: not taken for clear."""
    keys = personalized(lab)
    host = opened(lab, keys)
    before = lab.snapshot()
    assert answer(host, f"80E2{encryption}00{lv('0070074205' + '00' * 5)}") in ("6A86", "6A80", "6985")
    assert lab.snapshot() == before
