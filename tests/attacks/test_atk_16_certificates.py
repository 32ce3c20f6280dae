# SPDX-License-Identifier: Apache-2.0
"""ATK-15 and ATK-16: certificates in a role that is not theirs, of other issuers, malformed; ATK-20: edges of ECDSA.

Everything goes through the card's first STORE DATA of key establishment (3A01): 6A80, no challenge, nothing kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from apdu.errors import M2mError
from apdu.keys.certificate import Certificate, Role, check_ecasd, check_signer
from apdu.keys.ec import Curve
from tests.protocol.test_isd_p_keys import ISD_P, ready
from tests.support.fixtures import MakeLab
from tests.support.lab import CI_IDENTIFIER, EID, Lab
from tests.support.sm_dp import Parts, SmDp, certificate, challenge, key_identifier, point, private_key, run, sign, tlv

ORDER = {
    Curve.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Curve.BRAINPOOL_P256R1: 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
}


# --- ATK-15: the role matrix

ROLES = ("SM-DP", "SM-SR", "ECASD", "EUM", "no role")


def of_role(lab: Lab, role: str) -> bytes:
    """One certificate of each kind, all signed by the CI (the ECASD's by the EUM, too)."""
    dp = SmDp(lab)
    if role == "ECASD":
        parts = dp.parts(None)
        parts[2] = (0x5F20, bytes(EID))
        eum = private_key(lab.eum_key.to_bytes(), lab.curve)
        parts[5] = (0x73, tlv(0xC9, key_identifier(eum)))
        return certificate(parts, eum)
    if role == "EUM":  # an X.509 object in real life; here as a card format certificate that may sign certificates
        return dp.certificate(_drop_role)
    if role == "no role":
        return dp.certificate(lambda parts: parts.pop(5))
    return dp.certificate(role=1 if role == "SM-DP" else 2)


def _drop_role(parts: Parts) -> None:
    parts[5] = (0x73, parts[5][1][3:])


def _isd_p(lab: Lab, encoded: bytes) -> bool:
    host, dp = ready(lab)
    answer = run(host, [dp.personalize(ISD_P), *dp.first(encoded)])
    assert answer[-4:] in ("9000", "6A80")
    return answer[-4:] == "9000"


def _sm_sr_check(lab: Lab, encoded: bytes) -> bool:
    try:
        check_signer(Certificate.parse(encoded), lab.ci.public_key, CI_IDENTIFIER, Role.SM_SR)
    except M2mError:
        return False
    return True


def _ecasd_check(lab: Lab, encoded: bytes) -> bool:
    try:
        check_ecasd(Certificate.parse(encoded), lab.eum_key.public_key, EID, date(2030, 1, 1))
    except M2mError:
        return False
    return True


def _forwarded_by_isd_r(lab: Lab, encoded: bytes) -> bool:
    """The ISD-R itself takes no certificate of an SM-DP (and none at all yet)."""
    host, dp = ready(lab)
    return run(host, dp.first(encoded))[-4:] == "9000"


CHECKS: dict[str, tuple[Callable[[Lab, bytes], bool], str]] = {
    "ISD-P, 3A01": (_isd_p, "SM-DP"),
    "ISD-R, key of an SM-SR": (_sm_sr_check, "SM-SR"),
    "SM-DP, key of a card": (_ecasd_check, "ECASD"),
    "ISD-R, 3A01 for itself": (_forwarded_by_isd_r, ""),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("role", ROLES)
def test_atk_15_role_matrix(lab: Lab, role: str, check: str) -> None:
    accepts, wanted = CHECKS[check]
    assert accepts(lab, of_role(lab, role)) == (role == wanted)


# --- ATK-16: other certificates that must not be taken


def _set(place: int, tag: int, value: bytes) -> Callable[[Parts], object]:
    return lambda parts: parts.__setitem__(place, (tag, value))


def _insert(place: int, tag: int, value: bytes) -> Callable[[Parts], object]:
    return lambda parts: parts.insert(place, (tag, value))


def _swap(one: int, other: int) -> Callable[[Parts], object]:
    def change(parts: Parts) -> None:
        parts[one], parts[other] = parts[other], parts[one]

    return change


def _off_curve(parts: Parts) -> None:
    key = bytearray(parts[6][1])
    key[-4] ^= 1
    parts[6] = (0x7F49, bytes(key))


CHANGES: dict[str, Callable[[Parts], object]] = {
    "other CA identifier": _set(1, 0x42, b"another CI"),
    "CA identifier longer": _set(1, 0x42, CI_IDENTIFIER + b"\x00"),
    "CA identifier shorter": _set(1, 0x42, CI_IDENTIFIER[:-1]),
    "CA identifier empty": _set(1, 0x42, b""),
    "CA identifier of 17 bytes": _set(1, 0x42, bytes(17)),
    "unknown authority key": _set(5, 0x73, tlv(0xC8, b"\x01") + tlv(0xC9, bytes(20))),
    "role of two bytes": _set(5, 0x73, tlv(0xC8, b"\x01\x01")),
    "role empty": _set(5, 0x73, tlv(0xC8, b"")),
    "two roles": _set(5, 0x73, tlv(0xC8, b"\x01") + tlv(0xC8, b"\x02")),
    "no discretionary data": lambda parts: parts.pop(5),
    "discretionary data twice": lambda parts: parts.insert(6, parts[5]),
    "53 and 73": _insert(5, 0x53, b"\x00"),
    "role outside of 73": _insert(6, 0xC8, b"\x01"),
    "no serial number": lambda parts: parts.pop(0),
    "serial number empty": _set(0, 0x93, b""),
    "serial number twice": lambda parts: parts.insert(1, parts[0]),
    "no CA identifier": lambda parts: parts.pop(1),
    "no subject": lambda parts: parts.pop(2),
    "subject of 17 bytes": _set(2, 0x5F20, bytes(17)),
    "no usage": lambda parts: parts.pop(3),
    "usage key agreement": _set(3, 0x95, b"\x00\x80"),
    "usage signature computation": _set(3, 0x95, b"\x42"),
    "usage empty": _set(3, 0x95, b""),
    "usage with more bytes": _set(3, 0x95, b"\x82\x00"),
    "no expiration": lambda parts: parts.pop(4),
    "expiration of 3 bytes": _set(4, 0x5F24, b"\x20\x45\x01"),
    "expiration that is no date": _set(4, 0x5F24, bytes.fromhex("20451301")),
    "expiration that is no BCD": _set(4, 0x5F24, bytes.fromhex("2045010A")),
    "effective date behind the expiration": _insert(5, 0x5F25, bytes.fromhex("20200101")),
    "order": _swap(0, 1),
    "order at the end": _swap(5, 6),
    "unknown object": _insert(3, 0x99, b"\x00"),
    "no public key": lambda parts: parts.pop(6),
    "public key off the curve": _off_curve,
    "public key of zeros": _set(6, 0x7F49, tlv(0xB0, b"\x04" + bytes(64))),
    "public key short": _set(6, 0x7F49, tlv(0xB0, b"\x04" + bytes(63))),
    "unknown curve": lambda parts: parts.__setitem__(6, (0x7F49, parts[6][1][:-1] + b"\x40")),
    "public key twice": lambda parts: parts.append(parts[6]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_atk_16_certificates_that_the_ci_should_not_have_signed(lab: Lab, name: str) -> None:
    before_host, dp = ready(lab)
    before = lab.snapshot()
    assert run(before_host, [dp.personalize(ISD_P), *dp.first(dp.certificate(CHANGES[name]))]) == "6A80"
    assert lab.snapshot() == before


def _encodings(dp: SmDp) -> dict[str, bytes]:
    good = dp.certificate()
    body = good[4:]
    parts = dp.parts()
    return {
        "trailing byte outside": good + b"\x00",
        "trailing object inside": certificate(parts, dp.ci, after=tlv(0x99, b"\x00")),
        "signature twice": certificate(parts, dp.ci, after=good[-67:]),
        "signature of 63 bytes": tlv(0x7F21, body[:-67] + tlv(0x5F37, body[-63:])),
        "signature of 65 bytes": tlv(0x7F21, body[:-67] + tlv(0x5F37, b"\x00" + body[-64:])),
        "signature empty": tlv(0x7F21, body[:-67] + tlv(0x5F37, b"")),
        "no signature": tlv(0x7F21, body[:-67]),
        "other tag": b"\x7f\x22" + good[2:],
        "two certificates": good * 2,
        "certificate in a certificate": tlv(0x7F21, good),
        "signed by the EUM": certificate(parts, private_key(dp.lab.eum_key.to_bytes(), dp.lab.curve)),
        "signed by itself": certificate(parts, dp.key),
        "signed by another CI of the same name": certificate(parts, private_key(b"\x77" * 32, dp.lab.curve)),
        "signature of another certificate": tlv(0x7F21, body[:-64] + dp.certificate(_set(0, 0x93, b"\x01"))[-64:]),
    }


@pytest.mark.parametrize("name", _encodings(SmDp(Lab())))
def test_atk_16_encodings(lab: Lab, name: str) -> None:
    host, dp = ready(lab)
    before = lab.snapshot()
    assert run(host, [dp.personalize(ISD_P), *dp.first(_encodings(dp)[name])]) == "6A80"
    assert lab.snapshot() == before


def test_atk_16_every_bit_of_a_certificate_counts(lab: Lab) -> None:
    """Any bit of the signed part or the signature changed: refused."""
    host, dp = ready(lab)
    good = dp.certificate()
    for bit in range(0, len(good) * 8, 3):
        broken = bytearray(good)
        broken[bit // 8] ^= 1 << bit % 8
        answer = run(host, [dp.personalize(ISD_P), *dp.first(bytes(broken))])
        assert answer in ("6A80", "6A88"), f"bit {bit}: {answer}"
    challenge(host, dp, ISD_P, good)


# --- ATK-20: edges of ECDSA


def _signatures(curve: Curve, good: bytes) -> dict[str, bytes]:
    n = ORDER[curve]
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    numbers = {
        "r 0": (0, s),
        "s 0": (r, 0),
        "both 0": (0, 0),
        "r n": (n, s),
        "s n": (r, n),
        "both n": (n, n),
        "r 1, s 1": (1, 1),
        "r n-1, s n-1": (n - 1, n - 1),
        "r + n": ((r + n) % (1 << 256), s),
        "exchanged": (s, r),
        "r negated": (n - r, s),
        "s and 1 more": (r, s + 1),
        "all ones": ((1 << 256) - 1, (1 << 256) - 1),
    }
    return {name: a.to_bytes(32, "big") + b.to_bytes(32, "big") for name, (a, b) in numbers.items()}


@pytest.mark.parametrize("curve", list(ORDER))
def test_atk_20_signatures_of_certificates(make_lab: MakeLab, curve: Curve) -> None:
    lab = make_lab(curve=curve)
    host, dp = ready(lab)
    good = dp.certificate()
    for name, signature in _signatures(curve, good[-64:]).items():
        assert run(host, [dp.personalize(ISD_P), *dp.first(good[:-64] + signature)]) == "6A80", name
    challenge(host, dp, ISD_P, good)


@pytest.mark.parametrize("curve", list(ORDER))
def test_atk_20_signatures_over_the_challenge(make_lab: MakeLab, curve: Curve) -> None:
    lab = make_lab(curve=curve)
    host, dp = ready(lab)
    names = list(_signatures(curve, bytes(64)))
    for name in names:
        payload = dp.payload(challenge(host, dp, ISD_P))
        broken = payload[:-64] + _signatures(curve, payload[-64:])[name]
        assert run(host, dp.second(broken)) == "6A80", name
    assert run(host, dp.second(dp.payload(challenge(host, dp, ISD_P))))[-4:] == "9000"


def test_atk_20_der_is_not_the_cards_form(lab: Lab) -> None:
    host, dp = ready(lab)
    good = dp.certificate()
    r, s = good[-64:-32], good[-32:]
    der = tlv(0x30, tlv(0x02, b"\x00" + r) + tlv(0x02, b"\x00" + s))
    body = good[4:-67]
    assert run(host, [dp.personalize(ISD_P), *dp.first(tlv(0x7F21, body + tlv(0x5F37, der)))]) == "6A80"


def test_a_signature_over_other_bytes(lab: Lab) -> None:
    """The signature covers 93 to 7F49 as sent: not the 7F21 header, not another coding of the same."""
    host, dp = ready(lab)
    good = dp.certificate()
    body = good[4:-67]
    for signed in (good[:4] + body, good[:-64], body[3:], b""):
        forged = tlv(0x7F21, body + tlv(0x5F37, sign(dp.ci, signed)))
        assert run(host, [dp.personalize(ISD_P), *dp.first(forged)]) == "6A80"
    assert point(dp.key) in good
