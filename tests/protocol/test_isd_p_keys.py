# SPDX-License-Identifier: Apache-2.0
"""ES8.EstablishISDPKeySet through the card, against a host that shares no code with it (SGP.02 v4.2 4.1.3.1)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from apdu.channel.scp03 import SecurityLevel
from apdu.errors import SecurityError
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from apdu.keys.ec import Curve
from apdu.keys.secret import KeySet, SecretKey
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab, SecureHost
from tests.support.sm_dp import Crt, Parts, SmDp, certificate, challenge, dgi, point, private_key, run, tlv

ISD_P = Aid.isd_p(0x13)
OTHER = Aid.isd_p(0x14)
S = LifeCycle


def ready(lab: Lab, *aids: Aid, channel: int = 0) -> tuple[SecureHost, SmDp]:
    """Empty ISD-Ps, a session with the ISD-R, an SM-DP."""
    for aid in aids or (ISD_P,):
        if lab.state_of(aid) is None:
            lab.put_isd_p(aid[13] << 8 | aid[14], S.SELECTABLE)
    return lab.open_isd_r(channel), SmDp(lab)


def opens(lab: Lab, aid: Aid, keys: KeySet) -> bool:
    """Whether an SCP03 session with the ISD-P opens under keys."""
    host = SecureHost(lab.card, keys, aid, SecurityLevel.ALL, 0, bytes(8))
    try:
        host.open()
    except (AssertionError, SecurityError):
        return False
    return host.command("80CA00D300").data == b"\xd3\x01\x33"


def key_set(kvn: int, dp: SmDp, dr: bytes = b"", sin: bytes = b"") -> KeySet:
    keys = dp.keys(dr=dr, sin=sin)
    return KeySet(kvn, *(SecretKey(key) for key in (keys.enc, keys.mac, keys.dek)))


# --- what works


@pytest.mark.parametrize("curve", [Curve.P256, Curve.BRAINPOOL_P256R1])
def test_cc_e8_01_cc_e8_02_key_establishment(make_lab: MakeLab, curve: Curve) -> None:
    lab = make_lab(curve=curve)
    host, dp = ready(lab)
    assert run(host, [dp.personalize(ISD_P)]) in ("9000", "009000")
    rc = challenge(host, dp, ISD_P)
    assert len(rc) == 16
    expected = dp.receipt(dp.keys()).hex().upper()
    assert run(host, dp.second(dp.payload(rc))) == f"8610{expected}9000"
    assert lab.state_of(ISD_P) is S.PERSONALIZED
    assert opens(lab, ISD_P, key_set(0x30, dp))


OPTIONS = list(itertools.product((False, True), (False, True), (16, 24, 32)))


@pytest.mark.parametrize("with_dr, with_ids, length", OPTIONS)
def test_cc_e8_06_options(lab: Lab, with_dr: bool, with_ids: bool, length: int) -> None:
    host, dp = ready(lab)
    sin, sdin = lab.made.sin, lab.made.sdin
    options = 0x09 | (0x02 if with_dr else 0) | (0x04 if with_ids else 0)
    dp.crt = Crt(options=options, length=length, sdin=sdin if with_ids else None, host_id=b"DP" if with_ids else None)
    answer = bytes.fromhex(run(host, dp.second(dp.payload(challenge(host, dp, ISD_P)))))
    dr = b""
    if with_dr:
        assert answer[:2] == b"\x85\x10"
        dr, answer = answer[2:18], answer[18:]
    expected = dp.receipt(dp.keys(dr=dr, sin=sin), dr)
    assert answer == b"\x86\x10" + expected + b"\x90\x00"
    assert opens(lab, ISD_P, key_set(0x30, dp, dr, sin))


FORMS: dict[str, Callable[[SmDp], bytes]] = {
    "04 X Y, as captured": lambda dp: point(dp.ephemeral),
    "X Y": lambda dp: point(dp.ephemeral)[1:],
    "B0": lambda dp: tlv(0xB0, point(dp.ephemeral)),
    "B0 F0": lambda dp: tlv(0xB0, point(dp.ephemeral)) + b"\xf0\x01\x00",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_ephemeral_key(lab: Lab, form: str) -> None:
    """card.md 5.3: real hosts send it in four ways."""
    host, dp = ready(lab)
    payload = dp.payload(challenge(host, dp, ISD_P), key=FORMS[form](dp))
    assert run(host, dp.second(payload)) == f"8610{dp.receipt(dp.keys()).hex().upper()}9000"


def test_certificates_with_usage_88_and_with_an_effective_date(lab: Lab) -> None:
    """Captured certificates carry 95 01 88; 5F25 is optional (annex 9)."""
    host, dp = ready(lab)

    def older(parts: Parts) -> None:
        parts[3] = (0x95, b"\x88")
        parts.insert(4, (0x5F25, bytes.fromhex("20200101")))

    challenge(host, dp, ISD_P, dp.certificate(older))


def test_an_expired_certificate_is_the_servers_business(lab: Lab) -> None:
    """Annex 9: the card has no clock and does not check 5F24."""
    host, dp = ready(lab)
    challenge(host, dp, ISD_P, dp.certificate(lambda parts: parts.__setitem__(4, (0x5F24, bytes.fromhex("19990101")))))


@pytest.mark.parametrize("counter", [None, b"", b"\x00\x05", b"\x00\x00\x07", b"\x00\x00\x01\x02\x03"])
def test_the_sequence_counter_begins_where_91_says(lab: Lab, counter: bytes | None) -> None:
    host, dp = ready(lab)
    dp.crt = Crt(counter=counter)
    assert run(host, dp.second(dp.payload(challenge(host, dp, ISD_P))))[-4:] == "9000"
    lab.send(f"00A4040010{ISD_P}00")
    expected = int.from_bytes(counter or b"", "big")
    assert lab.send("80CA00C100") == f"C103{expected:06X}9000"
    assert lab.send("8050300008" + "00" * 8 + "00")[-10:] == f"{expected + 1:06X}9000"


@pytest.mark.parametrize("kvn", [0x30, 0x31, 0x3F])
def test_version_numbers_and_access(lab: Lab, kvn: int) -> None:
    host, dp = ready(lab)
    dp.crt = Crt(kvn=kvn, access=b"\x00")
    assert run(host, dp.second(dp.payload(challenge(host, dp, ISD_P))))[-4:] == "9000"
    lab.send(f"00A4040010{ISD_P}00")
    entries = "".join(f"C004{kid:02X}{kvn:02X}8810" for kid in (1, 2, 3))
    assert lab.send("80CA00E000") == f"E0{len(entries) // 2:02X}{entries}9000"
    assert opens(lab, ISD_P, key_set(kvn, dp))


def test_a_lost_receipt_is_answered_by_doing_it_again(lab: Lab) -> None:
    host, dp = ready(lab)
    old = key_set(0x30, dp)
    assert run(host, dp.second(dp.payload(challenge(host, dp, ISD_P))))[-4:] == "9000"
    again = SmDp(lab, ephemeral_scalar=b"\x12" * 32)
    assert run(host, again.second(again.payload(challenge(host, again, ISD_P))))[-4:] == "9000"
    assert opens(lab, ISD_P, key_set(0x30, again))
    assert not opens(lab, ISD_P, old)


def test_existing_keys_are_deleted_when_the_options_say_so(lab: Lab) -> None:
    host, dp = ready(lab)
    assert run(host, dp.second(dp.payload(challenge(host, dp, ISD_P))))[-4:] == "9000"
    kept = SmDp(lab, crt=Crt(options=0x08, kvn=0x31))
    assert run(host, kept.second(kept.payload(challenge(host, kept, ISD_P))))[-4:] == "9000"
    lab.send(f"00A4040010{ISD_P}00")
    assert lab.send("80CA00E000").count("C004") == 6
    host = lab.open_isd_r()
    alone = SmDp(lab, crt=Crt(options=0x09, kvn=0x32))
    assert run(host, alone.second(alone.payload(challenge(host, alone, ISD_P))))[-4:] == "9000"
    lab.send(f"00A4040010{ISD_P}00")
    assert lab.send("80CA00E000") == "E012" + "".join(f"C004{kid:02X}328810" for kid in (1, 2, 3)) + "9000"


@pytest.mark.parametrize("size", [1, 7, 100, 239])
def test_blocks_of_any_size(lab: Lab, size: int) -> None:
    """GPCS 11.11: a data grouping may straddle blocks; block numbers go on over both commands (card.md 3.4)."""
    host, dp = ready(lab)
    first = dp.store(dgi(0x3A01, dp.certificate()), p1=0x09, p2=0, size=max(size, 3))
    rc = bytes.fromhex(run(host, [dp.personalize(ISD_P), *first])[4:-4])
    payload = dp.payload(rc)
    size = max(size, len(payload) // (255 - len(first)) + 1)
    second = dp.store(payload, p1=0x89, p2=len(first), size=size)
    assert run(host, second) == f"8610{dp.receipt(dp.keys()).hex().upper()}9000"


# --- 3A01 refused

CERTIFICATES: dict[str, Callable[[SmDp], bytes]] = {
    "cc-e8-03 an SM-SR's": lambda dp: dp.certificate(role=2),
    "role 00": lambda dp: dp.certificate(role=0),
    "role 03": lambda dp: dp.certificate(role=3),
    "cc-e8-04 tampered": lambda dp: bytes([*dp.certificate()[:-1], dp.certificate()[-1] ^ 1]),
    "cc-e8-04 tampered inside": lambda dp: dp.certificate().replace(bytes.fromhex("8001020304"), bytes(5)),
    "cc-e8-04 signed by itself": lambda dp: certificate(dp.parts(), dp.key),
    "cc-e8-04 other CA": lambda dp: dp.certificate(lambda parts: parts.__setitem__(1, (0x42, b"other CI"))),
    "cc-e8-04 no key usage": lambda dp: dp.certificate(lambda parts: parts.pop(3)),
    "cc-e8-04 key agreement only": lambda dp: dp.certificate(lambda parts: parts.__setitem__(3, (0x95, b"\x00\x80"))),
    "not a certificate": lambda dp: bytes(100),
    "nothing": lambda dp: b"",
    "truncated": lambda dp: dp.certificate()[:-1],
    "longer than its parent": lambda dp: dp.certificate() + b"\x00",
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_cc_e8_03_cc_e8_04_certificates_refused(lab: Lab, name: str) -> None:
    host, dp = ready(lab)
    before = lab.snapshot()
    assert run(host, [dp.personalize(ISD_P), *dp.first(CERTIFICATES[name](dp))]) == "6A80"
    assert lab.snapshot() == before
    rest = dp.second(dp.payload(bytes(16)))
    assert run(host, rest) in ("6985", "6A86", "6A88")  # no RC: the chain is dropped, nobody waits
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(bytes(16)), p2=0)]) == "6985"
    assert lab.snapshot() == before


@pytest.mark.parametrize("state", [S.DISABLED, S.ENABLED])
def test_an_isd_p_with_a_profile_takes_no_new_key_set(lab: Lab, state: LifeCycle) -> None:
    lab.put_isd_p(0x13, state)
    host, dp = ready(lab)
    before = lab.snapshot()
    assert run(host, [dp.personalize(ISD_P), *dp.first()]) == "6985"
    assert lab.snapshot() == before


def test_installation_for_an_unknown_isd_p(lab: Lab) -> None:
    host, dp = ready(lab)
    for aid in (OTHER, Aid.from_string("A0000005591010FFFFFFFF8900000200"), Aid.from_string(f"{str(ISD_P)[:-2]}01")):
        assert run(host, [dp.personalize(aid)]) == "6A88"
    assert run(host, dp.first()) in ("6A80", "6A88")  # for the ISD-R itself, which takes no 3A01 of an SM-DP


# --- 3A02 refused

Change = Callable[[SmDp, bytes], bytes]


def _off_curve(dp: SmDp) -> bytes:
    good = point(dp.ephemeral)
    return good[:-1] + bytes((good[-1] ^ 1,))


SECOND_COMMANDS: dict[str, Change] = {
    "cc-e8-05 signature wrong": lambda dp, rc: dp.payload(rc)[:-1] + bytes((dp.payload(rc)[-1] ^ 1,)),
    "cc-e8-05 signed over another RC": lambda dp, rc: dp.payload(bytes(16)),
    "cc-e8-05 not signed over RC": lambda dp, rc: dp.payload(rc)[:-67] + dp.payload(b"")[-67:],
    "signature of zeros": lambda dp, rc: dp.payload(rc)[:-64] + bytes(64),
    "signature short": lambda dp, rc: dp.payload(rc)[:-67] + dgi(0x5F37, dp.payload(rc)[-63:]),
    "no signature": lambda dp, rc: dp.payload(rc)[:-67],
    "crt changed": lambda dp, rc: dp.payload(rc).replace(b"\x83\x01\x30", b"\x83\x01\x31"),
    "cc-e5-36 point off the curve": lambda dp, rc: dp.payload(rc, key=_off_curve(dp)),
    "point of zeros": lambda dp, rc: dp.payload(rc, key=b"\x04" + bytes(64)),
    "infinity": lambda dp, rc: dp.payload(rc, key=b"\x00"),
    "coordinate not smaller than p": lambda dp, rc: dp.payload(rc, key=b"\x04" + b"\xff" * 64),
    "compressed point": lambda dp, rc: dp.payload(rc, key=b"\x02" + point(dp.ephemeral)[1:33]),
    "no point": lambda dp, rc: dp.payload(rc, key=b""),
    "other curve named": lambda dp, rc: dp.payload(rc, key=tlv(0xB0, point(dp.ephemeral)) + b"\xf0\x01\x03"),
    "unknown curve named": lambda dp, rc: dp.payload(rc, key=tlv(0xB0, point(dp.ephemeral)) + b"\xf0\x01\x07"),
    "scenario": lambda dp, rc: dp.payload(rc, crt=Crt(scenario=1).encode()),
    "options reserved": lambda dp, rc: dp.payload(rc, crt=Crt(options=0x19).encode()),
    "usage unknown": lambda dp, rc: dp.payload(rc, crt=Crt(usage=b"\x11").encode()),
    "usage of two bytes": lambda dp, rc: dp.payload(rc, crt=Crt(usage=b"\x10\x00").encode()),
    "base key": lambda dp, rc: dp.payload(rc, crt=Crt(usage=b"\x5c").encode()),
    "key type DES": lambda dp, rc: dp.payload(rc, crt=Crt(type=0x80).encode()),
    "key type TLS-PSK": lambda dp, rc: dp.payload(rc, crt=Crt(type=0x85).encode()),
    "key length 8": lambda dp, rc: dp.payload(rc, crt=Crt(length=8).encode()),
    "key length 17": lambda dp, rc: dp.payload(rc, crt=Crt(length=17).encode()),
    "key length 00": lambda dp, rc: dp.payload(rc, crt=Crt(length=0).encode()),
    "first key is 02": lambda dp, rc: dp.payload(rc, crt=Crt(kid=2).encode()),
    "version of SCP80": lambda dp, rc: dp.payload(rc, crt=Crt(kvn=0x01).encode()),
    "version of SCP81": lambda dp, rc: dp.payload(rc, crt=Crt(kvn=0x40).encode()),
    "version 2F": lambda dp, rc: dp.payload(rc, crt=Crt(kvn=0x2F).encode()),
    "version 70": lambda dp, rc: dp.payload(rc, crt=Crt(kvn=0x70).encode()),
    "counter of 1 byte": lambda dp, rc: dp.payload(rc, crt=Crt(counter=b"\x01").encode()),
    "counter too large": lambda dp, rc: dp.payload(rc, crt=Crt(counter=b"\x01\x00\x00\x00\x00").encode()),
    "ids without the option": lambda dp, rc: dp.payload(rc, crt=Crt(sdin=b"\x01", host_id=b"\x01").encode()),
    "option without ids": lambda dp, rc: dp.payload(rc, crt=Crt(options=0x0D).encode()),
    "another card's SDIN": lambda dp, rc: dp.payload(rc, crt=Crt(options=0x0D, sdin=b"x", host_id=b"h").encode()),
    "unknown object in the CRT": lambda dp, rc: dp.payload(rc, crt=Crt(more=b"\x99\x01\x00").encode()),
    "object twice": lambda dp, rc: dp.payload(rc, crt=Crt(more=b"\x83\x01\x30").encode()),
    "CRT truncated": lambda dp, rc: dp.payload(rc, crt=Crt().encode()[:-1]),
    "CRT with a byte after it": lambda dp, rc: dp.payload(rc, crt=Crt().encode() + b"\x00"),
    "CRT with another tag": lambda dp, rc: dp.payload(rc, crt=b"\xa5" + Crt().encode()[1:]),
    "no CRT": lambda dp, rc: dp.payload(rc, crt=b""),
    "order of the groupings": lambda dp, rc: dp.payload(rc)[-67:] + dp.payload(rc)[:-67],
    "something after the signature": lambda dp, rc: dp.payload(rc) + dgi(0x0070, b"\x45\x01\x01"),
}


@pytest.mark.parametrize("name", SECOND_COMMANDS)
def test_cc_e8_05_second_command_refused_and_rc_consumed(lab: Lab, name: str) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    before = lab.snapshot()
    refused = run(host, dp.second(SECOND_COMMANDS[name](dp, rc)))
    assert refused in (("6A80", "6A88") if "order" in name or "after the sig" in name else ("6A80",))
    assert lab.snapshot() == before
    good = dp.payload(rc)
    assert run(host, dp.second(good)) in ("6985", "6A86", "6A88")  # its chain is gone
    assert run(host, [dp.personalize(ISD_P), *dp.second(good, p2=0)]) == "6985"  # and RC with it
    assert lab.snapshot() == before
    assert lab.state_of(ISD_P) is S.SELECTABLE


def test_cc_e5_35_rc_is_used_once(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    assert run(host, dp.second(dp.payload(rc)))[-4:] == "9000"
    before = lab.snapshot()
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(rc), p2=0)]) == "6985"
    assert lab.snapshot() == before


def test_cc_e5_33_without_the_first_command(lab: Lab) -> None:
    host, dp = ready(lab)
    before = lab.snapshot()
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(bytes(16)), p2=0)]) == "6985"
    assert lab.snapshot() == before


def test_cc_e5_33_after_a_reset(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    lab.card.reset()
    host = lab.open_isd_r()
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(rc), p2=0)]) == "6985"


def test_cc_e5_33_after_power_was_lost(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    lab.restart()
    host = lab.open_isd_r()
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(rc), p2=0)]) == "6985"


def test_cc_e5_33_on_another_channel(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    lab.send("0070000001")
    other = lab.open_isd_r(1)
    assert run(other, [dp.personalize(ISD_P), *dp.second(dp.payload(rc), p2=0)]) == "6985"
    assert run(host, dp.second(dp.payload(rc)))[-4:] == "9000"  # where it belongs it still counts


def test_cc_e5_33_after_another_selection(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    host = lab.open_isd_r()
    assert run(host, dp.second(dp.payload(rc))) in ("6985", "6A86")
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(rc), p2=0)]) == "6985"


def test_cc_e5_33_after_a_new_session_without_selection(lab: Lab) -> None:
    """The chain belongs to the secure channel: a new one resets it (card.md 3.4)."""
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    again = SecureHost(lab.card, lab.keys, host.aid, SecurityLevel.ALL, 0, bytes(range(8)))
    answer = again.send(again.session.initialize_update())
    again.session.authenticated(again.send(again.session.external_authenticate(answer)))
    assert run(again, dp.second(dp.payload(rc))) in ("6985", "6A86", "6A88")
    assert lab.state_of(ISD_P) is S.SELECTABLE


def test_cc_e8_05_rc_of_another_isd_p(lab: Lab) -> None:
    host, dp = ready(lab, ISD_P, OTHER)
    rc = challenge(host, dp, ISD_P)
    assert run(host, [dp.personalize(OTHER), *dp.second(dp.payload(rc), p2=0)]) == "6985"
    assert lab.state_of(OTHER) is S.SELECTABLE
    assert run(host, [dp.personalize(ISD_P), *dp.second(dp.payload(rc), p2=0)]) == "6985"  # INSTALL began anew
    assert lab.state_of(ISD_P) is S.SELECTABLE


def test_cc_e8_05_rc_of_an_earlier_first_command(lab: Lab) -> None:
    host, dp = ready(lab)
    old = challenge(host, dp, ISD_P)
    new = challenge(host, dp, ISD_P)
    assert old != new
    assert run(host, dp.second(dp.payload(old))) == "6A80"
    assert lab.state_of(ISD_P) is S.SELECTABLE


def test_a_first_command_that_fails_takes_the_rc_before_with_it(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    broken = dp.store(dgi(0x3A01, dp.certificate(role=2)), p1=0x09, p2=1)
    assert run(host, broken) == "6A80"
    assert run(host, dp.second(dp.payload(rc))) in ("6985", "6A86", "6A88")
    assert lab.state_of(ISD_P) is S.SELECTABLE


def test_an_isd_p_deleted_in_between(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    assert run(host, [f"80E40040124F10{ISD_P}00"]) == "009000"
    assert run(host, dp.second(dp.payload(rc))) in ("6A88", "6985")
    assert [key for key in lab.snapshot() if key.startswith("isdp/")] == []


def test_both_commands_in_one(lab: Lab) -> None:
    """The challenge must have gone out before anything can answer it."""
    host, dp = ready(lab)
    payload = dgi(0x3A01, dp.certificate()) + dp.payload(bytes(16))
    answer = run(host, [dp.personalize(ISD_P), *dp.store(payload, p1=0x89, p2=0)])
    assert answer[-4:] != "9000"
    assert lab.state_of(ISD_P) is S.SELECTABLE


@pytest.mark.parametrize("tag", ["3A03", "3A04", "3A05", "3A06", "3A07", "3A08", "3A09", "3AFF", "0070", "7F49"])
def test_functions_that_an_isd_p_does_not_take_from_the_isd_r(lab: Lab, tag: str) -> None:
    """CC-E5-50: an ES5 command sent to an ISD-P; unknown data groupings (annex 12)."""
    lab.put_isd_p(0x13, S.PERSONALIZED)
    host, dp = ready(lab)
    before = lab.snapshot()
    grouping = dgi(int(tag, 16), bytes.fromhex(f"4F10{ISD_P}"))
    assert run(host, [dp.personalize(ISD_P), *dp.store(grouping, p1=0x89, p2=0)]) == "6A88"
    assert lab.snapshot() == before


def test_the_forwarding_ends_with_the_last_block(lab: Lab) -> None:
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    assert run(host, dp.second(dp.payload(rc)))[-4:] == "9000"
    assert run(host, dp.first()) in ("6A80", "6A88")  # for the ISD-R itself again


@pytest.mark.parametrize(
    "data, expected",
    [
        ("0000", "6A80"),
        (f"000010{ISD_P}0000", "6A80"),
        (f"000010{ISD_P}00000000", "6A80"),
        (f"010010{ISD_P}000000", "6A80"),
        (f"000010{ISD_P}010000", "6A80"),
        (f"000011{ISD_P}000000", "6A80"),
        (f"00000F{str(ISD_P)[:-2]}000000", "6A88"),
        ("000000000000", "6A80"),
    ],
)
def test_install_for_personalization_refused(lab: Lab, data: str, expected: str) -> None:
    host, dp = ready(lab)
    before = lab.snapshot()
    assert run(host, [f"80E62000{len(data) // 2:02X}{data}00"]) == expected
    assert run(host, dp.first()) in ("6A80", "6A88")
    assert lab.snapshot() == before


def test_the_other_curve_is_not_the_cards(make_lab: MakeLab) -> None:
    """A certificate for a brainpool key on a P-256 card: nothing that the card could use."""
    lab = make_lab()
    host, dp = ready(lab)
    foreign = private_key(b"\x11" * 32, Curve.BRAINPOOL_P256R1)

    def other(parts: Parts) -> None:
        parts[-1] = (0x7F49, tlv(0xB0, point(foreign)) + b"\xf0\x01\x03")

    answer = run(host, [dp.personalize(ISD_P), *dp.first(dp.certificate(other))])
    if answer[-4:] == "9000":  # it may verify signatures on another curve; the agreement itself is on its own
        dp.key = foreign
        rc = bytes.fromhex(answer[4:-4])
        assert run(host, dp.second(dp.payload(rc, key=point(foreign)))) == "6A80"
    else:
        assert answer == "6A80"
    assert lab.state_of(ISD_P) is S.SELECTABLE
