# SPDX-License-Identifier: Apache-2.0
"""An SM-DP made for the tests: certificates, signatures and keys of scenario #3, bytes joined by hand.

Written from SGP.02 (card.md 5) alone, on `cryptography` and pycryptodome: it shares no code with the project's own end,
and lets a test put anything anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from Crypto.Cipher import AES
from Crypto.Hash import CMAC
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from apdu.keys.ec import Curve
from tests.support.lab import CI_IDENTIFIER, DP_OID, Lab, SecureHost

CURVES: dict[Curve, ec.EllipticCurve] = {Curve.P256: ec.SECP256R1(), Curve.BRAINPOOL_P256R1: ec.BrainpoolP256R1()}
DAY = bytes.fromhex("20450101")


def tlv(tag: int, value: bytes) -> bytes:
    """One BER-TLV object."""
    name = tag.to_bytes(1 if tag < 0x100 else 2, "big")
    size = len(value)
    length = (
        bytes((size,)) if size < 0x80 else bytes((0x81, size)) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    )
    return name + length + value


def dgi(tag: int, value: bytes) -> bytes:
    """One data grouping."""
    size = len(value)
    return tag.to_bytes(2, "big") + (bytes((size,)) if size < 0xFF else b"\xff" + size.to_bytes(2, "big")) + value


def private_key(scalar: bytes, curve: Curve) -> ec.EllipticCurvePrivateKey:
    """A private key by its number."""
    return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVES[curve])


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """04 X Y of its public key."""
    encoding = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(*encoding)


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r || s, 32 bytes each; RFC 6979, so that a failing test fails again."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def key_identifier(key: ec.EllipticCurvePrivateKey) -> bytes:
    """SHA-1 over the point (annex 9)."""
    digest = hashes.Hash(hashes.SHA1())
    digest.update(point(key))
    return digest.finalize()


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC, 16 bytes."""
    return CMAC.new(key, data, ciphermod=AES).digest()


Parts = list[tuple[int, bytes]]


def certificate_parts(subject: bytes, key: bytes, *, role: int | None, issuer_key_id: bytes, curve: Curve) -> Parts:
    """The objects 93 to 7F49 of a card format certificate, in order (card.md 5.5)."""
    discretionary = (tlv(0xC8, bytes((role,))) if role is not None else b"") + tlv(0xC9, issuer_key_id)
    return [
        (0x93, bytes.fromhex("8001020304050607")),
        (0x42, CI_IDENTIFIER),
        (0x5F20, subject),
        (0x95, b"\x82" if role is not None else b"\x00\x80"),
        (0x5F24, DAY),
        (0x73, discretionary),
        (0x7F49, tlv(0xB0, key) + tlv(0xF0, bytes((curve,)))),
    ]


def certificate(parts: Parts, issuer: ec.EllipticCurvePrivateKey, *, after: bytes = b"") -> bytes:
    """Sign the objects and put them into a 7F21; `after` stands behind the signature, inside."""
    signed = b"".join(tlv(tag, value) for tag, value in parts)
    return tlv(0x7F21, signed + tlv(0x5F37, sign(issuer, signed)) + after)


@dataclass
class Crt:
    """The control reference template A6 (card.md 5.2)."""

    options: int = 0x09
    usage: bytes = b"\x10"
    access: bytes | None = None
    type: int = 0x88
    length: int = 16
    kid: int = 0x01
    kvn: int = 0x30
    counter: bytes | None = b""
    sdin: bytes | None = None
    host_id: bytes | None = None
    scenario: int = 0x03
    more: bytes = b""

    def encode(self) -> bytes:
        """The whole object."""
        value = tlv(0x90, bytes((self.scenario, self.options))) + tlv(0x95, self.usage)
        if self.access is not None:
            value += tlv(0x96, self.access)
        value += tlv(0x80, bytes((self.type,))) + tlv(0x81, bytes((self.length,)))
        value += tlv(0x82, bytes((self.kid,))) + tlv(0x83, bytes((self.kvn,)))
        if self.counter is not None:
            value += tlv(0x91, self.counter)
        if self.sdin is not None:
            value += tlv(0x45, self.sdin)
        if self.host_id is not None:
            value += tlv(0x84, self.host_id)
        return tlv(0xA6, value + self.more)


@dataclass
class Keys:
    """What the host computes."""

    receipt_key: bytes
    enc: bytes
    mac: bytes
    dek: bytes


@dataclass
class SmDp:
    """One SM-DP with a bench's SM-DP key."""

    lab: Lab
    ephemeral_scalar: bytes = b"\x11" * 32
    crt: Crt = field(default_factory=Crt)

    def __post_init__(self) -> None:
        curve = self.lab.curve
        self.key = private_key(self.lab.dp.to_bytes(), curve)
        self.ci = private_key(self.lab.ci.to_bytes(), curve)
        self.ephemeral = private_key(self.ephemeral_scalar, curve)
        ecasd = self.lab.made.certificate
        start = ecasd.index(b"\x7f\x49\x46\xb0\x41") + 5
        self.card_key = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], ecasd[start : start + 65])

    def parts(self, role: int | None = 1) -> Parts:
        """The objects of a good certificate."""
        identifier = key_identifier(self.ci)
        return certificate_parts(DP_OID, point(self.key), role=role, issuer_key_id=identifier, curve=self.lab.curve)

    def certificate(self, change: Callable[[Parts], object] | None = None, *, role: int | None = 1) -> bytes:
        """A certificate signed by the CI; `change` may alter its objects before that."""
        parts = self.parts(role)
        if change is not None:
            change(parts)
        return certificate(parts, self.ci)

    # --- APDUs

    @staticmethod
    def personalize(aid: bytes) -> str:
        """INSTALL [for personalization]."""
        return f"80E6200016000010{aid.hex()}00000000"

    @staticmethod
    def store(payload: bytes, *, p1: int, p2: int, size: int = 239) -> list[str]:
        """STORE DATA blocks, all but the last with b8 of P1 clear."""
        pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
        commands = []
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            commands.append(f"80E2{p1 if last else p1 & 0x7F:02X}{p2 + number:02X}{len(piece):02X}{piece.hex()}00")
        return commands

    def first(self, encoded: bytes | None = None) -> list[str]:
        """The STORE DATA with 3A01."""
        return self.store(dgi(0x3A01, self.certificate() if encoded is None else encoded), p1=0x09, p2=0)

    def payload(self, rc: bytes, *, crt: bytes | None = None, key: bytes | None = None) -> bytes:
        """3A02, 7F49 and 5F37, signed over RC too (card.md 5.3)."""
        signed = dgi(0x3A02, self.crt.encode() if crt is None else crt)
        signed += dgi(0x7F49, point(self.ephemeral) if key is None else key)
        return signed + dgi(0x5F37, sign(self.key, signed + dgi(0x0085, rc)))

    def second(self, payload: bytes, p2: int = 1) -> list[str]:
        """The STORE DATA with it."""
        return self.store(payload, p1=0x89, p2=p2)

    # --- keys

    def keys(self, *, dr: bytes = b"", sin: bytes = b"") -> Keys:
        """ECKA-EG, X9.63 with SHA-256, receipt key first (card.md 5.4)."""
        crt = self.crt
        info = crt.usage + bytes((crt.type, crt.length)) + dr
        if crt.options & 0x04:
            for name in (crt.host_id or b"", sin, crt.sdin or b""):
                info += bytes((len(name),)) + name
        secret = self.ephemeral.exchange(ec.ECDH(), self.card_key)
        data = X963KDF(algorithm=hashes.SHA256(), length=4 * crt.length, sharedinfo=info).derive(secret)
        return Keys(*(data[at : at + crt.length] for at in range(0, 4 * crt.length, crt.length)))

    def receipt(self, keys: Keys, dr: bytes = b"") -> bytes:
        """AES-CMAC over A6 as sent, and 85 DR."""
        return cmac(keys.receipt_key, self.crt.encode() + (tlv(0x85, dr) if dr else b""))


def run(host: SecureHost, commands: list[str]) -> str:
    """Send commands until one is refused; the last answer as hexadecimal digits."""
    answer = ""
    for command in commands:
        response = host.command(command)
        answer = response.data.hex().upper() + f"{response.sw:04X}"
        if response.sw != 0x9000:
            break
    return answer


def challenge(host: SecureHost, dp: SmDp, aid: bytes, encoded: bytes | None = None) -> bytes:
    """INSTALL [for personalization] and the certificate; returns RC."""
    answer = run(host, [dp.personalize(aid), *dp.first(encoded)])
    assert answer.startswith("8510"), answer
    assert answer.endswith("9000"), answer
    return bytes.fromhex(answer[4:-4])
