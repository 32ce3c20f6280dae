# SPDX-License-Identifier: Apache-2.0
"""Security domains of the enabled profile: MNO-SD and supplementary ones, ES6, and what a profile switch does to them.

GPCS 11, SGP.02 v4.2 2.2.1.4, 4.1.2; two cards' worth of profiles with the same AIDs (CC-CV-02).
"""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES

from apdu.channel.scp03 import SecurityLevel
from apdu.errors import M2mError
from apdu.gp.codes import LifeCycle
from apdu.ids import ISD_R, MNO_SD, Aid
from apdu.keys.secret import KeySet, SecretKey
from tests.protocol.test_isd_p import kcv, put_keys
from tests.protocol.test_isd_r import answer, lv, status
from tests.protocol.test_isd_r_profiles import disable, enable
from tests.protocol.test_state_machines import MEDIA, S, card_with
from tests.support.flow import FIRST, SECOND
from tests.support.lab import Lab, SecureHost
from tests.support.profile import USIM, subscriber
from tests.support.sm_dp import SmDp, challenge

SSD = Aid(bytes.fromhex("A000000151535042"))
LOAD_FILE, MODULE = "A0000001515350", "A000000151535041"
NEW = tuple(bytes.fromhex(digit * 32) for digit in "ABC")
OWN = "A0000005591010FFFFFFFF8900000F00"


def keys_of(number: int) -> KeySet:
    """The SCP03 set of a subscriber's MNO-SD."""
    keys = subscriber(number).domain_keys
    return KeySet(0x30, *(SecretKey(keys[0x30, kid]) for kid in (1, 2, 3)))


def card() -> Lab:
    """A card with the second profile enabled, the first one disabled."""
    return card_with(MEDIA[S.ENABLED])


def session(lab: Lab, keys: KeySet | None = None, *, aid: Aid = MNO_SD, channel: int = 0) -> SecureHost:
    host = SecureHost(lab.card, keys or keys_of(2), aid, SecurityLevel.ALL, channel, bytes(range(8)))
    host.open()
    return host


def install(aid: Aid = SSD, *, p1: int = 0x0C, privileges: str = "808000", parameters: str = "C90481020370") -> str:
    fields = (LOAD_FILE, MODULE, str(aid), privileges, parameters, "")
    return f"80E6{p1:02X}00{lv(''.join(map(lv, fields)))}00"


def personalize(aid: str) -> str:
    return f"80E62000{lv('0000' + lv(aid) + '000000')}00"


def load(keys: KeySet, kvn: int, new: tuple[bytes, ...]) -> str:
    """DGI 00B9 and 8113 for each key (card.md 3.4)."""
    dek = keys.dek.reveal()
    data = ""
    for number, key in enumerate(new):
        usage = ("38", "34", "C8")[number]
        reference = f"9501{usage}8001888101108201{number + 1:02X}8301{kvn:02X}8403{kcv(key)}"
        data += "00B9" + lv("B9" + lv(reference))
        data += "8113" + lv(AES.new(dek, AES.MODE_CBC, iv=bytes(16)).encrypt(key).hex().upper())
    return f"80E28800{lv(data)}"


# --- registry


def test_get_status_of_the_mno_sd() -> None:
    host = session(card())
    assert answer(host, status(p1=0x80, tags="4F9F70C5")) == f"E3134F08{MNO_SD}9F70010FC50382DC009000"
    assert answer(host, status(tags="4F")) in ("6A88",)  # nothing is under it yet
    assert answer(host, install()) == "009000"
    assert answer(host, status(tags="4F9F70")) == f"E30E4F08{SSD}9F7001079000"


def test_cc_cv_01_the_mno_sd_sees_no_isd_p() -> None:
    host = session(card())
    for aid in (FIRST, SECOND, ISD_R):
        assert answer(host, status(str(aid))) == "6A88"
        for p2 in ("00", "40", "80"):
            assert answer(host, f"80E400{p2}{lv('4F' + lv(str(aid)))}00") in ("6A88", "6985", "6A86")
    assert session(card(), aid=MNO_SD).command("80CAFF2100").sw == 0x6A88


def test_cc_ec_05_no_security_domain_of_a_profile_gets_a_service_of_the_ecasd() -> None:
    """Key establishment with a good certificate, from the MNO-SD and from one under it, for itself and for ISD-Ps."""
    lab = card()
    empty = lab.put_isd_p(0x20, LifeCycle.SELECTABLE)
    certificate = SmDp(lab).first()
    host = session(lab)
    assert answer(host, install()) == "009000"
    assert answer(host, personalize(str(SSD))) == "9000"
    assert answer(host, load(keys_of(2), 0x30, NEW)) == "9000"
    for domain in (session(lab), session(lab, KeySet(0x30, *map(SecretKey, NEW)), aid=SSD)):
        before = lab.snapshot()
        for target in (None, MNO_SD, SSD, SECOND, empty, OWN):
            if target is not None:
                answer(domain, personalize(str(target)))
            answers = [answer(domain, command) for command in certificate]
            assert not any(each.startswith("8510") for each in answers), target
            assert answers[-1][-4:] in ("6985", "6982", "6A88", "6A80", "6A86", "6D00"), (target, answers)
        assert lab.snapshot() == before
    assert challenge(lab.open_isd_r(), SmDp(lab), empty)  # the ISD-R may


# --- supplementary security domains


def test_a_supplementary_security_domain_from_installation_to_deletion() -> None:
    lab = card()
    host = session(lab)
    assert answer(host, install()) == "009000"
    assert answer(host, install()) == "6A80"  # the AID is taken
    assert answer(host, personalize(str(SSD))) == "9000"
    assert answer(host, load(keys_of(2), 0x30, NEW)) == "9000"
    own = KeySet(0x30, *map(SecretKey, NEW))
    ssd = session(lab, own, aid=SSD)
    listed = "".join(f"C004{kid:02X}308810" for kid in (1, 2, 3))
    assert answer(ssd, "80CA00E000") == f"E0{len(listed) // 2:02X}{listed}9000"
    lab.restart()
    session(lab, own, aid=SSD)
    host = session(lab)
    assert answer(host, f"80E40000{lv('4F' + lv(str(SSD)))}00") == "009000"
    assert lab.send(f"00A4040008{SSD}00") == "6A82"
    assert not any("/app/" in key or f"/sd/{SSD}" in key for key in lab.snapshot())


def test_installed_is_not_yet_selectable() -> None:
    lab = card()
    host = session(lab)
    assert answer(host, install(p1=0x04)) == "009000"
    assert lab.send(f"01A4040008{SSD}00") == "6881"
    lab.send("0070000001")
    assert lab.send(f"01A4040008{SSD}00") == "6A82"
    assert answer(host, f"80E60800{lv('0000' + lv(str(SSD)) + lv('808000') + '0000')}00") == "009000"
    assert lab.send(f"01A4040008{SSD}00")[-4:] == "9000"
    assert answer(host, f"80E60800{lv('0000' + lv(str(SSD)) + lv('808000') + '0000')}00") == "6985"


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"privileges": "008000"}, "6A80"),  # no security domain
        ({"privileges": "828000"}, "009000"),  # the MNO-SD has 82 DC 00 itself
        ({"privileges": "90C000"}, "6A80"),  # card lock is not its own to give
        ({"privileges": "80C080"}, "6A80"),
        ({"aid": MNO_SD}, "6A80"),
        ({"aid": ISD_R}, "6A80"),
        ({"aid": FIRST}, "6A80"),
        ({"aid": Aid.from_string(USIM)}, "6A80"),
    ],
)
def test_installation_of_a_security_domain_refused(changes: dict[str, object], expected: str) -> None:
    lab = card()
    host = session(lab)
    before = lab.snapshot()
    assert answer(host, install(**changes)) == expected  # type: ignore[arg-type]
    if expected != "009000":
        assert lab.snapshot() == before


def test_cc_e6_08_no_authorized_management() -> None:
    """A supplementary domain without the privilege installs nothing (6985)."""
    lab = card()
    host = session(lab)
    assert answer(host, install()) == "009000"
    assert answer(host, personalize(str(SSD))) == "9000"
    assert answer(host, load(keys_of(2), 0x30, NEW)) == "9000"
    ssd = session(lab, KeySet(0x30, *map(SecretKey, NEW)), aid=SSD)
    before = lab.snapshot()
    assert answer(ssd, install(Aid(bytes(SSD) + b"\x01"))) == "6985"
    assert answer(ssd, f"80E40000{lv('4F' + lv(str(MNO_SD)))}00") in ("6985", "6A88")
    assert lab.snapshot() == before


def test_locking_and_unlocking() -> None:
    lab = card()
    host = session(lab)
    assert answer(host, install()) == "009000"
    lock, unlock = f"80F04080{lv(str(SSD))}", f"80F04000{lv(str(SSD))}"
    assert answer(host, unlock) == "6985"
    assert answer(host, lock) == "9000"
    assert answer(host, lock) == "6985"
    assert answer(host, status(str(SSD), tags="9F70")) == "E3049F7001879000"
    lab.send("0070000001")
    assert lab.send(f"01A4040008{SSD}00") == "6A82"
    assert answer(host, personalize(str(SSD))) == "6985"
    assert answer(host, unlock) == "9000"
    assert lab.send(f"01A4040008{SSD}00")[-4:] == "9000"
    for other in (MNO_SD, ISD_R, SECOND):
        assert answer(host, f"80F04080{lv(str(other))}") in ("6985", "6A88")


def test_deleting_what_is_in_use() -> None:
    lab = card()
    host = session(lab)
    assert answer(host, install()) == "009000"
    lab.send("0070000001")
    lab.send(f"01A4040008{SSD}00")
    gone = f"80E40000{lv('4F' + lv(str(SSD)))}00"
    assert answer(host, gone) == "6985"
    lab.send("00708001")
    assert answer(host, gone) == "009000"
    assert answer(host, gone) == "6A88"
    assert answer(host, f"80E40000{lv('4F' + lv(str(MNO_SD)))}00") in ("6985", "6A88")
    assert answer(host, "80E4000003D2013000") == "6985"  # the set of the session
    assert answer(host, "80E4000003D2017700") == "6A88"


# --- keys of the MNO-SD


@pytest.mark.parametrize("kvn", ["01", "02", "0F", "31", "40", "70"])
def test_put_key_on_the_mno_sd(kvn: str) -> None:
    lab = card()
    host = session(lab)
    there = kvn in ("01", "40")
    reply = answer(host, put_keys(keys_of(2), kvn, new=NEW))
    assert reply == ("6A80" if there else f"{kvn}{''.join(map(kcv, NEW))}9000")


@pytest.mark.parametrize("kvn", ["00", "10", "11", "2F", "50", "6F", "71", "7F", "80", "FF"])
def test_put_key_of_other_versions(kvn: str) -> None:
    lab = card()
    host = session(lab)
    before = lab.snapshot()
    assert answer(host, put_keys(keys_of(2), kvn, new=NEW)) in ("6985", "6A80")
    assert lab.snapshot() == before


def test_replaced_keys_stay_with_their_profile() -> None:
    """A change is a delta of the ISD-P: it outlives power and a switch, and goes with the profile."""
    lab = card()
    host = session(lab)
    assert answer(host, put_keys(keys_of(2), "30", p1="30", new=NEW))[-4:] == "9000"
    new = KeySet(0x30, *map(SecretKey, NEW))
    lab.restart()
    session(lab, new)
    with pytest.raises(M2mError):
        session(lab, keys_of(2))
    switch_to(lab, FIRST)
    session(lab, keys_of(1))
    with pytest.raises(M2mError):
        session(lab, new)
    switch_to(lab, SECOND)
    session(lab, new)


# --- ES6


def pol1(lab: Lab) -> int:
    return lab.card.registry.require(SECOND).pol1


@pytest.mark.parametrize("rules", range(8))
def test_cc_e6_01_update_pol1(rules: int) -> None:
    lab = card()
    host = session(lab)
    assert answer(host, personalize(OWN)) in ("9000", "009000")
    assert answer(host, f"80E28800{lv(f'3A06038101{rules:02X}')}") == "9000"
    assert pol1(lab) == rules
    lab.restart()
    assert pol1(lab) == rules
    isd_r = lab.open_isd_r()
    assert answer(isd_r, disable(str(SECOND))) == ("69E1" if rules & 1 else "9000")


@pytest.mark.parametrize(
    "data", ["3A0603810108", "3A06038101FF", "3A060481020000", "3A06028100", "3A0600", "3A0603820100"]
)
def test_cc_e6_02_wrong_rules(data: str) -> None:
    lab = card()
    host = session(lab)
    answer(host, personalize(OWN))
    before = lab.snapshot()
    assert answer(host, f"80E28800{lv(data)}") == "6A80"
    assert lab.snapshot() == before


def test_cc_e6_03_keys_of_another_profile() -> None:
    lab = card()
    with pytest.raises(M2mError):
        session(lab, keys_of(1))
    assert pol1(lab) == 0


@pytest.mark.parametrize(
    "aid", [str(FIRST), str(ISD_R), "A0000005591010FFFFFFFF8900000200", "A0000005591010FFFFFFFF8900009900"]
)
def test_cc_e6_04_another_isd_p(aid: str) -> None:
    lab = card()
    host = session(lab)
    before = lab.snapshot()
    assert answer(host, personalize(aid)) in ("6A88", "6985")
    assert answer(host, f"80E28800{lv('3A0603810107')}") in ("6A88", "6985", "6A80")
    assert lab.snapshot() == before


def test_cc_e6_04_only_the_mno_sd_itself() -> None:
    """A supplementary domain is not the operator's: POL1 is none of its business."""
    lab = card()
    host = session(lab)
    assert answer(host, install(privileges="80C000")) == "009000"
    assert answer(host, personalize(str(SSD))) == "9000"
    assert answer(host, load(keys_of(2), 0x30, NEW)) == "9000"
    ssd = session(lab, KeySet(0x30, *map(SecretKey, NEW)), aid=SSD)
    assert answer(ssd, personalize(OWN)) in ("6985", "6A88")
    assert answer(ssd, f"80E28800{lv('3A0603810107')}") != "9000"
    assert pol1(lab) == 0


def test_cc_e6_05_connectivity_parameters() -> None:
    lab = card()
    host = session(lab)
    answer(host, personalize(OWN))
    assert answer(host, "80E288000E3A070BA0090607913386994211F1") == "9000"
    assert bytes.fromhex("A0090607913386994211F1") in lab.card.registry.require(SECOND).connectivity


@pytest.mark.parametrize(
    "data", ["3A0700", "3A0703A00181", "3A0703A30100", "3A0704A000A000", "3A09024F00", "3A03024F00"]
)
def test_cc_e6_06_wrong_parameters(data: str) -> None:
    lab = card()
    host = session(lab)
    answer(host, personalize(OWN))
    before = lab.snapshot()
    assert answer(host, f"80E28800{lv(data)}") in ("6A80", "6A88")
    assert lab.snapshot() == before


# --- two profiles with the same AIDs


def switch_to(lab: Lab, aid: Aid) -> None:
    host = lab.open_isd_r()
    assert answer(host, enable(str(aid)))[:2] in ("90", "91")
    lab.card.reset()


def imsi(lab: Lab) -> str:
    assert lab.send(f"00A404000C{USIM}00")[-4:] == "9000"
    assert lab.send("00A4000C026F07") == "9000"
    return lab.send("00B0000009")[:-4]


def iccid(lab: Lab) -> str:
    lab.send("00A4000C023F00")
    assert lab.send("00A4000C022FE2") == "9000"
    return lab.send("00B000000A")[:-4]


def test_cc_cv_02_cc_ui_27_the_same_aids_in_two_profiles() -> None:
    lab = card()
    for _ in range(2):
        for aid, number in ((SECOND, 2), (FIRST, 1)):
            if lab.state_of(aid) is not LifeCycle.ENABLED:
                switch_to(lab, aid)
            assert imsi(lab) == subscriber(number).imsi.ef_imsi.hex().upper()
            assert iccid(lab) == subscriber(number).iccid.swapped.hex().upper()
            session(lab, keys_of(number))
            with pytest.raises(M2mError):
                session(lab, keys_of(3 - number))


def test_the_switch_shows_at_the_reset() -> None:
    """Annex 6.2: the registry changes with the command, the file system at the next reset."""
    lab = card()
    assert imsi(lab) == subscriber(2).imsi.ef_imsi.hex().upper()
    host = lab.open_isd_r()
    assert answer(host, enable(str(FIRST))) == "9000"
    assert answer(host, status(str(FIRST), tags="9F70")) == "E3049F70013F9000"
    assert answer(host, status(str(SECOND), tags="9F70")) == "E3049F70011F9000"
    assert imsi(lab) == subscriber(2).imsi.ef_imsi.hex().upper()
    lab.card.reset()
    assert imsi(lab) == subscriber(1).imsi.ef_imsi.hex().upper()


def test_a_profile_that_is_still_seen_is_not_deleted() -> None:
    lab = card()
    host = lab.open_isd_r()
    assert answer(host, enable(str(FIRST))) == "9000"
    gone = f"80E40040124F10{SECOND}00"
    before = lab.snapshot()
    assert answer(host, gone) == "6985"
    assert lab.snapshot() == before
    lab.card.reset()
    host = lab.open_isd_r()
    assert answer(host, gone) == "009000"
    assert imsi(lab) == subscriber(1).imsi.ef_imsi.hex().upper()


def test_cc_cv_01_what_one_profile_installed_is_not_in_the_other() -> None:
    lab = card()
    host = session(lab)
    assert answer(host, install()) == "009000"
    switch_to(lab, FIRST)
    assert lab.send(f"00A4040008{SSD}00") == "6A82"
    assert answer(session(lab, keys_of(1)), status(str(SSD))) == "6A88"
    switch_to(lab, SECOND)
    assert lab.send(f"00A4040008{SSD}00")[-4:] == "9000"


def test_cc_e5_10_delete_on_disable_with_real_profiles() -> None:
    """The whole way: POL1 by the operator, switch, reset, confirmation; nothing of the profile is left."""
    lab = card()
    host = session(lab)
    answer(host, personalize(OWN))
    assert answer(host, f"80E28800{lv('3A0603810104')}") == "9000"
    isd_r = lab.open_isd_r()
    assert answer(isd_r, disable(str(SECOND))) == "9000"
    sequence = lab.card.registry.isd_r.sequence - 1
    confirmation = f"80E28900073A08044E02{sequence:04X}00"
    before = lab.snapshot()
    assert answer(isd_r, confirmation) == "6985"  # the terminal still sees it: not yet
    assert lab.snapshot() == before
    lab.card.reset()
    assert answer(lab.open_isd_r(), confirmation) == f"80124F10{SECOND}9000"
    assert not any(key.startswith("isdp/000013") for key in lab.snapshot())
    profile = subscriber(2)
    for secret in (profile.k, profile.opc, *profile.domain_keys.values()):
        assert secret not in lab.flash.contents()


def test_no_profile_no_file_system() -> None:
    """A card whose profile is gone at the reset: CC-UI-28, and the card lives."""
    lab = card_with(MEDIA[None])
    isd_r = lab.open_isd_r()
    assert lab.state_of(FIRST) is LifeCycle.ENABLED
    assert answer(isd_r, disable(str(FIRST))) == "6985"  # the fall-back profile stays
    empty = Lab()
    assert empty.send("00A40004023F0000") == "6A82"
    assert empty.send(f"00A404000C{USIM}00") == "6A82"
    assert empty.send(f"00A4040008{MNO_SD}00") == "6A82"
