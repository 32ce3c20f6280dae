# SPDX-License-Identifier: Apache-2.0
"""Card format certificates, tag 7F21 (GPCS Amendment E, SGP.02 v4.2 2.3.2.2).

The SM-DP, the SM-SR and the ECASD hold one each; CI and EUM certificates are X.509 and not here. Reading is strict:
objects stand in order, once, and nothing else is among them; only objects inside 73 that are not known are skipped. The
signature covers the bytes from 93 to 7F49 exactly as they came: they are kept and never coded anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, unique
from typing import Final

from apdu.errors import DecodeError, EncodeError, SecurityError
from apdu.ids import Eid
from apdu.keys.ec import POINT_LENGTH, SIGNATURE_LENGTH, Curve, PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from apdu.tlv.declare import BYTE, RAW, Leaf, OneLevel, fixed, tlv
from apdu.tlv.scan import ber, read_header, split

__all__ = [
    "KEY_AGREEMENT",
    "SIGNATURE_USAGES",
    "Certificate",
    "Role",
    "Subject",
    "check_ecasd",
    "check_signer",
    "public_key_object",
    "read_public_key",
    "serial_number",
]

SIGNATURE_USAGES: Final = (b"\x82", b"\x88")
"""Key usage of keys that verify signatures: 82 is issued, 88 stands in certificates that are about (GPCS 11.1.9)."""
KEY_AGREEMENT: Final = b"\x00\x80"
_MAX_NAME: Final = 16


@unique
class Role(IntEnum):
    """Whose certificate it is: tag C8 (SGP.02 v4.2 2.3.2.2)."""

    SM_DP = 0x01
    SM_SR = 0x02


# --- declarations


def _name(data: bytes) -> bytes:
    if not 1 <= len(data) <= _MAX_NAME:
        raise DecodeError(f"1 to {_MAX_NAME} bytes expected, not {len(data)}")
    return data


def _checked_name(value: bytes) -> bytes:
    if not 1 <= len(value) <= _MAX_NAME:
        raise EncodeError(f"1 to {_MAX_NAME} bytes expected, not {len(value)}")
    return value


def _date(data: bytes) -> date:
    digits = data.hex()
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise DecodeError(f"{digits} is not a date") from None


NAME: Final[Leaf[bytes]] = Leaf(None, _name, _checked_name)
DATE: Final[Leaf[date]] = Leaf(
    None, _date, lambda day: bytes.fromhex(f"{day.year:04}{day.month:02}{day.day:02}"), size=4
)
"""YYYYMMDD, two digits a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeyObject(OneLevel, tag=0x7F49, clause="GPCS 11.1.8, B.4", ordered=True):
    """A public key: its point, and its curve where it is named."""

    point: bytes = tlv(0xB0, fixed(POINT_LENGTH))
    reference: int | None = tlv(0xF0, BYTE, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscretionaryData(OneLevel, tag=0x73, clause="SGP.02 v4.2 2.3.2.2", open=True):
    """What SGP.02 adds: the role, and the key that signed."""

    role: int | None = tlv(0xC8, BYTE, optional=True)
    authority_key_identifier: bytes | None = tlv(0xC9, RAW, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateContent(OneLevel, tag=0x7F21, clause="SGP.02 v4.2 2.3.2.2", ordered=True):
    """The objects of a certificate, in their order."""

    serial: bytes = tlv(0x93, NAME)
    ca_identifier: bytes = tlv(0x42, NAME)
    subject: bytes = tlv(0x5F20, NAME)
    usage: bytes = tlv(0x95, RAW)
    effective: date | None = tlv(0x5F25, DATE, optional=True)
    expiration: date = tlv(0x5F24, DATE)
    ca_image_number: bytes | None = tlv(0x45, RAW, optional=True)  # its place in the order: (U)
    older_discretionary: bytes | None = tlv(0x53, RAW, optional=True)
    discretionary: DiscretionaryData | None = tlv(0x73, DiscretionaryData, optional=True)
    public_key: bytes = tlv(0x7F49, RAW)
    signature: bytes | None = tlv(0x5F37, fixed(SIGNATURE_LENGTH), optional=True)


# --- public keys


def public_key_object(key: PublicKey) -> bytes:
    """The value of 7F49: point and curve."""
    return PublicKeyObject(point=key.to_point(), reference=key.curve).value()


def read_public_key(value: bytes, curve: Curve) -> PublicKey:
    """Read the value of 7F49; `curve` is the one where none is named.

    Four forms are about: B0 and F0 (GPCS B.4), B0 alone, the bare point 04 X Y, and X Y.
    """
    if len(value) == POINT_LENGTH and value[0] == 0x04:
        return PublicKey.from_point(value, curve)
    if len(value) == POINT_LENGTH - 1:
        return PublicKey.from_point(b"\x04" + value, curve)
    key = PublicKeyObject.decode(value)
    named = curve if key.reference is None else Curve.from_reference(key.reference)
    return PublicKey.from_point(key.point, named)


# --- certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a certificate says of its holder."""

    identifier: bytes
    public_key: PublicKey
    expiration: date
    effective: date | None = None
    role: Role | None = None
    """SM-DP or SM-SR: a signature key. None: the key agreement key of an ECASD."""

    @property
    def usage(self) -> bytes:
        """The key usage that goes with the role."""
        return KEY_AGREEMENT if self.role is None else SIGNATURE_USAGES[0]


def serial_number(entropy: Entropy) -> bytes:
    """Eight random bytes, the first not zero."""
    drawn = entropy.draw(8)
    return bytes((drawn[0] or 0x80,)) + drawn[1:]


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """One certificate: its bytes as received, and what they say. Equal when the bytes are."""

    encoded: bytes
    content: CertificateContent = field(compare=False)
    public_key: PublicKey = field(compare=False)
    signed: bytes = field(compare=False)

    @classmethod
    def parse(cls, data: bytes, curve: Curve = Curve.P256) -> Certificate:
        """Read one 7F21 object and nothing else; `curve` is the key's where none is named. Verifies nothing."""
        objects = split(data)
        if len(objects) != 1 or objects[0].tag != CertificateContent.TAG:
            raise DecodeError("one certificate 7F21 expected")
        body = objects[0].value
        content = CertificateContent.decode(body)
        if content.signature is None:
            raise DecodeError("the certificate is not signed", path=("CertificateContent",))
        if content.older_discretionary is not None and content.discretionary is not None:
            raise DecodeError("both 53 and 73", path=("CertificateContent",))
        key = read_public_key(content.public_key, curve)
        return cls(bytes(data), content, key, body[: _start_of_last(body)])

    @classmethod
    def issue(cls, subject: Subject, serial: bytes, issuer: PrivateKey, ca_identifier: bytes) -> Certificate:
        """Make and sign one; it names the issuer's key by its subject key identifier."""
        content = CertificateContent(
            serial=serial,
            ca_identifier=ca_identifier,
            subject=subject.identifier,
            usage=subject.usage,
            effective=subject.effective,
            expiration=subject.expiration,
            discretionary=DiscretionaryData(
                role=subject.role, authority_key_identifier=issuer.public_key.subject_key_identifier
            ),
            public_key=public_key_object(subject.public_key),
        )
        signed = content.value()
        return cls.parse(ber(CertificateContent.TAG, signed + ber(0x5F37, issuer.sign(signed))))

    @property
    def serial(self) -> bytes:
        """Serial number, unique with its issuer."""
        return self.content.serial

    @property
    def ca_identifier(self) -> bytes:
        """Who issued it."""
        return self.content.ca_identifier

    @property
    def subject(self) -> bytes:
        """Whose it is: the OID's bytes of an SM-DP or SM-SR, the EID of a card."""
        return self.content.subject

    @property
    def role(self) -> Role | None:
        """SM-DP or SM-SR; None when it names neither."""
        discretionary = self._discretionary()
        value = discretionary.role if discretionary else None
        return Role(value) if value in tuple(Role) else None

    @property
    def authority_key_identifier(self) -> bytes | None:
        """The subject key identifier of the key that signed, where it is named."""
        discretionary = self._discretionary()
        return discretionary.authority_key_identifier if discretionary else None

    @property
    def may_sign(self) -> bool:
        """Whether the key may verify signatures."""
        return self.content.usage in SIGNATURE_USAGES

    @property
    def may_agree(self) -> bool:
        """Whether the key is for key agreement; such a key never signs."""
        return self.content.usage == KEY_AGREEMENT

    def valid_at(self, day: date) -> bool:
        """Whether a day lies in its validity, last day included."""
        effective = self.content.effective
        return (effective is None or effective <= day) and day <= self.content.expiration

    def verify(self, issuer: PublicKey) -> None:
        """Check that the issuer's key signed it, and that it names no other key; SecurityError if not."""
        named = self.authority_key_identifier
        if named is not None and named != issuer.subject_key_identifier:
            raise SecurityError("the certificate names another issuer's key")
        assert self.content.signature is not None
        issuer.verify(self.content.signature, self.signed)

    def __repr__(self) -> str:
        whose = "ECKA" if self.role is None else self.role.name
        return f"Certificate({whose} {self.subject.hex().upper()}, serial {self.serial.hex().upper()})"

    def _discretionary(self) -> DiscretionaryData | None:
        older = self.content.older_discretionary
        if older is None:
            return self.content.discretionary
        try:  # 53 holds whatever its issuer liked; the objects of 73 are what some put there
            return DiscretionaryData.decode(older)
        except DecodeError:
            return None


def _start_of_last(body: bytes) -> int:
    last = at = 0
    while at < len(body):
        last = at
        _, _, at = read_header(body, at, len(body))
    return last


# --- checks


def check_signer(certificate: Certificate, ci: PublicKey, ca_identifier: bytes, role: Role) -> PublicKey:
    """What a card checks of CERT.DP.ECDSA or CERT.SR.ECDSA: issuer, role, usage, signature (SGP.02 v4.2 4.1.1.7).

    The card has no clock: validity is checked by servers. Returns the key that verifies signatures from here on.
    """
    if certificate.ca_identifier != ca_identifier:
        raise SecurityError("the certificate is not one of this card's CI")
    if certificate.role is not role:
        raise SecurityError(f"the certificate is not one of an {role.name.replace('_', '-')}")
    if not certificate.may_sign:
        raise SecurityError("the certificate's key does not sign")
    certificate.verify(ci)
    return certificate.public_key


def check_ecasd(certificate: Certificate, eum: PublicKey, eid: Eid, day: date) -> PublicKey:
    """What a server checks of CERT.ECASD.ECKA with the key of the EUM's verified certificate (SGP.02 v4.2 4.1.1.7)."""
    if certificate.subject != eid:
        raise SecurityError(f"the certificate is not the one of {eid}")
    if not certificate.may_agree:
        raise SecurityError("the certificate's key is not for key agreement")
    if not certificate.valid_at(day):
        raise SecurityError(f"the certificate is not valid on {day.isoformat()}")
    certificate.verify(eum)
    return certificate.public_key
