# SPDX-License-Identifier: Apache-2.0
"""Card format certificates: published ones, own ones against pycryptodome, and everything that must be refused."""

from __future__ import annotations

from datetime import date

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from apdu.errors import DecodeError, EncodeError, M2mError, SecurityError
from apdu.ids import Eid
from apdu.keys.certificate import (
    Certificate,
    Role,
    Subject,
    check_ecasd,
    check_signer,
    public_key_object,
    read_public_key,
    serial_number,
)
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.entropy import SeededEntropy
from tests.unit.keys.vectors_sgp02 import (
    CERT_DP,
    CERT_DP_SIGNATURE,
    CERT_DP_SIGNED,
    CERT_SR,
    CERT_SR_SIGNED,
    CI_POINT,
    CI_SCALAR,
    PUBLIC_KEY_OBJECT,
    SM_POINT,
)

H = bytes.fromhex
CI = PublicKey.from_point(CI_POINT, Curve.P256)
CI_KEY = PrivateKey.from_scalar(CI_SCALAR, Curve.P256)
SM = PublicKey.from_point(SM_POINT, Curve.P256)
EID = Eid.from_string("89001012012341234012345678901224")
ENTROPY = SeededEntropy(b"certificates")
EUM_KEY = PrivateKey.from_entropy(ENTROPY, Curve.P256)
CARD_KEY = PrivateKey.from_entropy(ENTROPY, Curve.P256)
UNTIL = date(2035, 12, 31)


def _tlv(tag: str, value: bytes) -> bytes:
    """BER without the project's own coder."""
    size = len(value)
    length = bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2)
    return H(tag) + length + value


def _ecasd(**changes: object) -> Certificate:
    subject = {"identifier": EID, "public_key": CARD_KEY.public_key, "expiration": UNTIL} | changes
    return Certificate.issue(Subject(**subject), b"\x01", EUM_KEY, b"EUM")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data, signed, serial, role",
    [(CERT_DP, CERT_DP_SIGNED, b"\x02", Role.SM_DP), (CERT_SR, CERT_SR_SIGNED, b"\x01", Role.SM_SR)],
    ids=["CERT.DP", "CERT.SR"],
)
def test_published(data: bytes, signed: bytes, serial: bytes, role: Role) -> None:
    certificate = Certificate.parse(data)
    assert certificate.encoded == data
    assert certificate.signed == signed
    assert (certificate.serial, certificate.ca_identifier, certificate.subject) == (serial,) * 3
    assert certificate.role is role
    assert certificate.authority_key_identifier is None
    assert certificate.content.expiration == date(2145, 1, 1)
    assert certificate.content.effective is None
    assert certificate.public_key == SM
    assert certificate.may_sign
    assert not certificate.may_agree
    certificate.verify(CI)
    assert check_signer(certificate, CI, serial, role) == SM
    with pytest.raises(SecurityError):
        certificate.verify(SM)


def test_issued_certificate_byte_by_byte() -> None:
    certificate = Certificate.issue(
        Subject(
            identifier=H("060A2B0601040181F57A0102"),
            public_key=SM,
            expiration=UNTIL,
            effective=date(2024, 2, 29),
            role=Role.SM_DP,
        ),
        b"\x77\x01",
        CI_KEY,
        b"\x02\x03",
    )
    signed = b"".join(
        (
            _tlv("93", b"\x77\x01"),
            _tlv("42", b"\x02\x03"),
            _tlv("5F20", H("060A2B0601040181F57A0102")),
            _tlv("95", b"\x82"),
            _tlv("5F25", H("20240229")),
            _tlv("5F24", H("20351231")),
            _tlv("73", _tlv("C8", b"\x01") + _tlv("C9", CI.subject_key_identifier)),
            PUBLIC_KEY_OBJECT,
        )
    )
    foreign = ECC.construct(curve="P-256", d=CI_SCALAR)
    signature = DSS.new(foreign, "deterministic-rfc6979").sign(SHA256.new(signed))
    assert certificate.encoded == _tlv("7F21", signed + _tlv("5F37", signature))
    assert Certificate.parse(certificate.encoded) == certificate
    assert check_signer(certificate, CI, b"\x02\x03", Role.SM_DP) == SM


@pytest.mark.parametrize("curve", Curve, ids=lambda curve: curve.name)
@pytest.mark.parametrize("issuer_curve", Curve, ids=lambda curve: curve.name)
def test_both_curves(curve: Curve, issuer_curve: Curve) -> None:
    issuer = PrivateKey.from_entropy(ENTROPY.fork("issuer"), issuer_curve)
    key = PrivateKey.from_entropy(ENTROPY.fork("subject"), curve).public_key
    certificate = Certificate.issue(Subject(identifier=EID, public_key=key, expiration=UNTIL), b"\x01", issuer, b"CA")
    assert check_ecasd(certificate, issuer.public_key, EID, UNTIL) == key


def test_ecasd_chain() -> None:
    certificate = _ecasd(effective=date(2024, 1, 1))
    eum = EUM_KEY.public_key
    assert certificate.content.usage == H("0080")
    assert certificate.role is None
    assert check_ecasd(certificate, eum, EID, date(2030, 1, 1)) == CARD_KEY.public_key
    for day in (date(2024, 1, 1), UNTIL):
        assert check_ecasd(certificate, eum, EID, day) == CARD_KEY.public_key
    for day in (date(2023, 12, 31), date(2036, 1, 1)):
        with pytest.raises(SecurityError, match="not valid"):
            check_ecasd(certificate, eum, EID, day)
    with pytest.raises(SecurityError, match="not the one of"):
        check_ecasd(certificate, eum, Eid.from_string("89044011112233441122334411223321"), UNTIL)
    with pytest.raises(SecurityError, match="another issuer"):
        check_ecasd(certificate, CI, EID, UNTIL)
    signer = _ecasd(role=Role.SM_DP)
    with pytest.raises(SecurityError, match="not for key agreement"):
        check_ecasd(signer, eum, EID, UNTIL)


@pytest.mark.parametrize(
    "certificate, ca, role, text",
    [
        (Certificate.parse(CERT_DP), b"\x02", Role.SM_SR, "not one of an SM-SR"),
        (Certificate.parse(CERT_SR), b"\x01", Role.SM_DP, "not one of an SM-DP"),
        (Certificate.parse(CERT_DP), b"\x01", Role.SM_DP, "CI"),
        (_ecasd(), b"EUM", Role.SM_DP, "not one of an SM-DP"),
    ],
)
def test_roles(certificate: Certificate, ca: bytes, role: Role, text: str) -> None:
    with pytest.raises(SecurityError, match=text):
        check_signer(certificate, CI, ca, role)


def test_a_key_for_agreement_never_signs() -> None:
    signed = CERT_DP_SIGNED.replace(H("950188"), H("95020080"))
    certificate = Certificate.parse(_tlv("7F21", signed + _tlv("5F37", CI_KEY.sign(signed))))
    certificate.verify(CI)
    with pytest.raises(SecurityError, match="does not sign"):
        check_signer(certificate, CI, b"\x02", Role.SM_DP)


@pytest.mark.parametrize("usage, signs", [("82", True), ("88", True), ("80", False), ("02", False), ("8288", False)])
def test_usages(usage: str, signs: bool) -> None:
    signed = CERT_DP_SIGNED.replace(H("950188"), _tlv("95", H(usage)))
    certificate = Certificate.parse(_tlv("7F21", signed + _tlv("5F37", bytes(64))))
    assert certificate.may_sign is signs


def test_every_bit_of_a_certificate_counts() -> None:
    """A changed certificate cannot be read, is not one of this CI, or does not verify."""
    for bit in range(8 * len(CERT_DP)):
        changed = bytearray(CERT_DP)
        changed[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises(M2mError):
            check_signer(Certificate.parse(bytes(changed)), CI, b"\x02", Role.SM_DP)


def test_cut_and_stretched() -> None:
    for size in range(len(CERT_DP)):
        with pytest.raises(DecodeError):
            Certificate.parse(CERT_DP[:size])
    with pytest.raises(DecodeError):
        Certificate.parse(CERT_DP + b"\x00")
    with pytest.raises(DecodeError):
        Certificate.parse(CERT_DP * 2)


PARTS = {
    "93": H("930102"),
    "42": H("420102"),
    "5F20": H("5F200102"),
    "95": H("950188"),
    "5F24": H("5F240421450101"),
    "73": H("7303C80101"),
    "7F49": PUBLIC_KEY_OBJECT,
    "5F37": H("5F3740") + CERT_DP_SIGNATURE,
}
MANDATORY = [tag for tag in PARTS if tag != "73"]


def _assembled(parts: dict[str, bytes]) -> bytes:
    return _tlv("7F21", b"".join(parts.values()))


def test_parts_are_the_published_certificate() -> None:
    assert _assembled(PARTS) == CERT_DP


@pytest.mark.parametrize("tag", MANDATORY)
def test_missing(tag: str) -> None:
    with pytest.raises(DecodeError):
        Certificate.parse(_assembled({key: value for key, value in PARTS.items() if key != tag}))


@pytest.mark.parametrize("tag", PARTS)
def test_twice(tag: str) -> None:
    with pytest.raises(DecodeError):
        Certificate.parse(_assembled({key: value * (2 if key == tag else 1) for key, value in PARTS.items()}))


@pytest.mark.parametrize("at", range(len(PARTS) - 1))
def test_out_of_order(at: int) -> None:
    tags = list(PARTS)
    tags[at], tags[at + 1] = tags[at + 1], tags[at]
    with pytest.raises(DecodeError):
        Certificate.parse(_assembled({tag: PARTS[tag] for tag in tags}))


@pytest.mark.parametrize("at", range(len(PARTS) + 1))
@pytest.mark.parametrize("extra", ["C00100", "5F2900", "9A0101"])
def test_unknown_among_them(at: int, extra: str) -> None:
    values = list(PARTS.values())
    with pytest.raises(DecodeError):
        Certificate.parse(_tlv("7F21", b"".join([*values[:at], H(extra), *values[at:]])))


@pytest.mark.parametrize(
    "tag, value",
    [
        ("93", "9300"),
        ("93", "9311" + "01" * 17),
        ("42", "4200"),
        ("5F20", "5F2011" + "01" * 17),
        ("5F24", "5F240421451301"),
        ("5F24", "5F24042145010A"),
        ("5F24", "5F240421450230"),
        ("5F24", "5F2403214501"),
        ("5F24", "5F240400000101"),
        ("73", "7303C80201"),
        ("73", "7304C8020101"),
        ("73", "7306C80101C80101"),
        ("73", "5301017300"),
        ("7F49", "7F4900"),
        ("7F49", "7F4945B041" + SM_POINT.hex() + "F000"),
        ("7F49", "7F4946B041" + SM_POINT.hex() + "F00101"),
        ("7F49", "7F4946F00100B041" + SM_POINT.hex()),
        ("7F49", "7F4946B041" + SM_POINT.hex()[:-2] + "00" + "F00100"),
        ("7F49", "7F4946B041" + SM_POINT.hex() + "F00103"),
        ("5F37", "5F373F" + CERT_DP_SIGNATURE.hex()[2:]),
        ("5F37", "5F3741" + CERT_DP_SIGNATURE.hex() + "00"),
    ],
)
def test_wrong_contents(tag: str, value: str) -> None:
    with pytest.raises(DecodeError):
        Certificate.parse(_assembled(PARTS | {tag: H(value)}))


@pytest.mark.parametrize(
    "tag, value, role",
    [
        ("73", "7306C80101CA0100", Role.SM_DP),
        ("73", "7307E9020500C80101", Role.SM_DP),
        ("73", "7300", None),
        ("73", "7303C80103", None),
        ("73", "", None),
        ("73", "5303C80102", Role.SM_SR),
        ("73", "530100", None),
    ],
)
def test_discretionary_data(tag: str, value: str, role: Role | None) -> None:
    assert Certificate.parse(_assembled(PARTS | {tag: H(value)})).role is role


def test_the_signature_covers_what_came() -> None:
    """A length coded in two bytes is legal BER: what was signed is what came, not what we would have coded."""
    signed = CERT_DP_SIGNED.replace(H("930102"), H("93810102"))
    certificate = Certificate.parse(_tlv("7F21", signed + _tlv("5F37", CI_KEY.sign(signed))))
    assert certificate.signed == signed
    certificate.verify(CI)
    with pytest.raises(SecurityError):
        Certificate.parse(_tlv("7F21", signed + _tlv("5F37", CERT_DP_SIGNATURE))).verify(CI)


def test_public_key_forms() -> None:
    brainpool = PrivateKey.from_entropy(ENTROPY, Curve.BRAINPOOL_P256R1).public_key
    assert public_key_object(SM) == PUBLIC_KEY_OBJECT[3:]
    for key in (SM, brainpool):
        point = key.to_point()
        for form in (point, point[1:], H("B041") + point, H("B041") + point + bytes([0xF0, 1, key.curve])):
            assert read_public_key(form, key.curve) == key
    assert read_public_key(public_key_object(brainpool), Curve.P256) == brainpool
    point = SM_POINT
    for form in (b"", point[1:-1], point + b"\x00", H("B040") + point[1:], H("B041") + point + H("F00101")):
        with pytest.raises(DecodeError):
            read_public_key(form, Curve.P256)


def test_names_that_do_not_fit() -> None:
    for identifier in (b"", bytes(17)):
        with pytest.raises(EncodeError):
            _ecasd(identifier=identifier)


def test_serial_numbers() -> None:
    entropy = SeededEntropy(b"serials")
    numbers = [serial_number(entropy) for _ in range(600)]
    assert {len(number) for number in numbers} == {8}
    assert all(number[0] for number in numbers)
    assert len(set(numbers)) == 600


def test_repr_is_short() -> None:
    assert repr(Certificate.parse(CERT_DP)) == "Certificate(SM_DP 02, serial 02)"
