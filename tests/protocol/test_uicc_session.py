# SPDX-License-Identifier: Apache-2.0
"""A card session from the outside: ATR, PPS, what is not there, and the files of a profile that is not enabled."""

from __future__ import annotations

import json

import pytest

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from emulator.card import Card
from emulator.factory.eum import Bootstrap
from emulator.memory import JournalBackend, Memory
from emulator.profile.loader import base_of
from emulator.sd.records import IsdPRecord
from emulator.sd.registry import Registry, isd_p_prefix
from tests.require import require
from tests.support.domains import description, package_with
from tests.support.flow import flow_lab
from tests.support.lab import Lab
from tests.support.profile import ADM1, subscriber
from tests.unit.fs.builder import SmallCard, standard

FIRST, SECOND = Aid.isd_p(0x10), Aid.isd_p(0x13)
USIM, OTHER_USIM = "A0000000871002FF49FF0589", "A0000000871002FF49FF0599"


def test_cc_ui_01_cold_reset_atr_as_pyscard_reads_it() -> None:
    require("pyscard")
    from smartcard.ATR import ATR

    raw = Lab().card.power_on()
    parsed = ATR(list(raw))
    check = 0
    for byte in raw[1:]:
        check ^= byte
    assert check == 0
    assert parsed.checksumOK
    assert parsed.getSupportedProtocols() == {"T=0": True, "T=15": True}
    assert parsed.getTA1() == 0x96
    assert bytes(parsed.getHistoricalBytes()) == raw[-14:-1]
    assert raw[-14:].startswith(bytes.fromhex("8031E073FE21"))
    assert len(raw) <= 33


def test_cc_ui_01_every_reset_gives_the_same_atr() -> None:
    card = Lab().card
    cold = card.power_on()
    assert card.reset() == cold
    card.power_off()
    assert card.transmit(bytes.fromhex("00A40004023F00")) == b""
    assert card.power_on() == cold


@pytest.mark.parametrize(
    "request_bytes, answer",
    [
        ("FF10957A", "FF10957A"),  # F = 512, D = 16
        ("FF109679", "FF109679"),  # what TA1 offers
        ("FF1011FE", "FF1011FE"),
        ("FF00FF", "FF00FF"),
        ("FF109775", ""),  # a wrong PCK: no answer, the default rates stay
        ("FF109577", ""),
        ("FF1095", ""),
        ("FE109579", ""),
        ("", ""),
        ("FF109F70", "FF00FF"),  # a rate that TA1 does not offer: the default ones
        ("FF11957B", "FF00FF"),  # T=1
    ],
)
def test_cc_ui_03_pps(request_bytes: str, answer: str) -> None:
    card = Lab().card
    assert card.pps(bytes.fromhex(request_bytes)).hex().upper() == answer
    assert card.transmit(bytes.fromhex("00A4000C023F00")) in (b"\x90\x00", b"\x6a\x82")


@pytest.mark.parametrize("p2", ["00", "04", "0C"])
def test_cc_ui_05_unknown_file_identifier_changes_nothing(p2: str) -> None:
    card = SmallCard(standard().build())
    card.usim()
    card.select(0x6FAD)
    for fid in ("6FFF", "0000", "FFFF", "3FFF"):
        assert card(f"00A400{p2}02{fid}") == "6A82"
        assert card("00B0000001") == "809000"


def two_profiles(enabled: Aid) -> Card:
    """A card with two profiles whose USIMs have different AIDs."""
    lab = Lab(bootstrap=Bootstrap(package_with(), FIRST))
    elements = json.loads(json.dumps(description()).replace(USIM, OTHER_USIM))
    other = encode_package(build_package(elements))
    memory = Memory(JournalBackend(lab.flash))
    registry = Registry(memory)
    memory.put(f"{isd_p_prefix(SECOND)}/pkg", other)
    used = base_of(other, lab=True).footprint
    registry.save(IsdPRecord(aid=SECOND, state=LifeCycle.DISABLED, granted=0, used=used, pol1=0))
    for record in list(registry.isd_ps()):
        registry.set_state(record, LifeCycle.ENABLED if record.aid == enabled else LifeCycle.DISABLED)
    memory.commit()
    return lab.restart()


def two_operators() -> Lab:
    """A card with two whole profiles that differ in EF.ICCID, EF.IMSI and EF.AD; the first one is enabled."""
    lab = flow_lab()
    elements = description()
    for element in elements:
        if "usim" in element:
            element["usim"]["ef-ad"] = {"content": "80000003"}
        if "mf" in element:
            element["mf"]["ef-iccid"] = {"content": subscriber(2).iccid.swapped.hex().upper()}
    package = encode_package(build_package(elements))
    memory = Memory(JournalBackend(lab.flash))
    memory.put(f"{isd_p_prefix(SECOND)}/pkg", package)
    used = base_of(package, lab=True).footprint
    Registry(memory).save(IsdPRecord(aid=SECOND, state=LifeCycle.DISABLED, granted=0, used=used, pol1=0))
    memory.commit()
    lab.restart()
    return lab


def identity(lab: Lab) -> dict[str, str]:
    """EF.ICCID, EF.IMSI and EF.AD as a terminal reads them, on a channel of its own."""
    assert lab.send("0070000001") == "019000"
    found = {}
    for name, commands in {
        "ICCID": ("01A4000C023F00", "01A4000C022FE2", "01B000000A"),
        "IMSI": (f"01A4040C0C{USIM}", "01A4000C026F07", "01B0000009"),
        "AD": (f"01A4040C0C{USIM}", "01A4000C026FAD", "01B0000004"),
    }.items():
        *selecting, reading = commands
        assert [lab.send(each) for each in selecting] == ["9000", "9000"], name
        found[name] = lab.send(reading)
    assert lab.send("00708001") == "9000"
    return found


def test_cc_ui_27_files_of_the_enabled_profile_after_refresh() -> None:
    """The old ICCID, IMSI and AD until the terminal has obeyed REFRESH, then the new ones."""
    lab = two_operators()
    old = identity(lab)
    assert old["ICCID"] == subscriber(1).iccid.swapped.hex().upper() + "9000"
    assert old["IMSI"] == subscriber(1).imsi.ef_imsi.hex().upper() + "9000"
    assert old["AD"] == "000000029000"
    assert lab.send("8010000014" + "FF" * 20) == "9000"
    assert lab.open_isd_r().command(f"80E28800153A03124F10{SECOND}").sw >> 8 == 0x91
    assert lab.send("801200000B").startswith("D009810301")
    assert identity(lab) == old
    assert lab.card.reset()
    new = identity(lab)
    assert new["ICCID"] == subscriber(2).iccid.swapped.hex().upper() + "9000"
    assert new["AD"] == "800000039000"
    assert new["IMSI"] not in (old["IMSI"], "6982")


def test_cc_ui_02_warm_reset_of_a_whole_card() -> None:
    """MF selected, nothing verified, the basic channel alone, no session."""
    lab = flow_lab()
    assert lab.send(f"00A4040C0C{USIM}") == "9000"
    assert lab.send(f"0020000A08{ADM1.encode().hex()}") == "9000"
    assert lab.send("00A4000C026F46") == lab.send("00D60000014D") == "9000"
    assert lab.send("0070000001") == "019000"
    host = lab.open_isd_r(1)
    assert lab.card.reset() == lab.card.atr
    assert lab.send("80F2000000") == lab.send("00A40004023F0000")
    assert lab.send("01A4000C023F00") == "6881"
    assert lab.send(f"00A4040C0C{USIM}") == "9000"
    assert lab.send("00A4000C026F46") == "9000"
    assert lab.send("00D60000014D") == "6982"
    assert lab.send("0070000001") == "019000"
    assert lab.send("01A4040010A0000005591010FFFFFFFF890000010000").endswith("9000")
    assert lab.card.transmit(host.session.wrap(host.parse("81CAFF2100")).encode()) == b"\x69\x82"


@pytest.mark.parametrize(
    "enabled, seen, hidden", [(FIRST, USIM, OTHER_USIM), (SECOND, OTHER_USIM, USIM)], ids=["first", "second"]
)
def test_cc_ui_28_files_of_a_disabled_profile_are_not_selectable(enabled: Aid, seen: str, hidden: str) -> None:
    card = two_profiles(enabled)

    def send(text: str) -> str:
        return card.transmit(bytes.fromhex(text)).hex().upper()

    assert send(f"00A4040C0C{hidden}") == "6A82"
    assert send(f"00A4040C0C{seen}") == "9000"
    assert send(f"00A4040C0C{hidden}") == "6A82"
    assert f"840C{seen}" in send("80F2000000")
    found = []
    occurrence = "00"
    while (answer := send(f"00A404{occurrence}07A000000087100200"))[-4:] == "9000":
        found.append(answer)
        occurrence = "02"
    assert len(found) == 1
    assert seen in found[0]
    assert hidden not in found[0]


def test_cc_ui_29_suspension_is_neither_declared_nor_there() -> None:
    card = SmallCard(standard().build())
    for command in ("80760000", "807600000402001010", "8076000004020010100B", "80760100083132333435363738"):
        assert card(command) == "6D00"
    assert "870101" in card("00A40004023F0000")  # TERMINAL CAPABILITY only (TS 102 221 11.1.1.4.6.8)
