# SPDX-License-Identifier: Apache-2.0
"""Key agreement, scenario #3: how an SM-DP or SM-SR and a card make a key set (SGP.02 v4.2 4.1.1.7 and 4.1.1.8).

    host                                                    card
    3A01 certificate                                    ->  verifies it, keeps its key
                                                        <-  85 RC, a random challenge
    3A02 A6 CRT, 7F49 ephemeral key, 5F37 signature     ->  verifies the signature, which covers RC too
                                                        <-  [85 DR,] 86 receipt

Both compute ECKA-EG (BSI TR-03111 4.3.2): the host with its ephemeral key and the card's static one, the card the other
way round. X9.63 turns the shared secret into a receipt key and the keys (GPCS Amendment E); the receipt proves that the
card has them. The challenge is used once, whatever comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, unique
from hmac import compare_digest
from typing import Final, NamedTuple

from apdu.errors import DecodeError, LocalProtocolError, SecurityError
from apdu.keys.certificate import Certificate, read_public_key
from apdu.keys.ec import SIGNATURE_LENGTH, PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from apdu.keys.kdf import x963_sha256
from apdu.keys.secret import KeySet, KeyType, SecretKey
from apdu.tlv.declare import BYTE, RAW, Leaf, Template, tlv
from apdu.tlv.scan import ber, ber_length, dgi, split, split_dgi

__all__ = [
    "RANDOM_LENGTHS",
    "Agreement",
    "AgreementCard",
    "AgreementHost",
    "ControlReference",
    "DomainIdentity",
    "KeyUsage",
    "Options",
    "certificate_command",
    "challenge_response",
    "read_certificate_command",
    "read_challenge_response",
]

DGI_CERTIFICATE: Final = 0x3A01
DGI_CONTROL_REFERENCE: Final = 0x3A02
_DGI_EPHEMERAL_KEY: Final = 0x7F49
_DGI_CHALLENGE: Final = 0x0085  # signed, not sent
_DGI_SIGNATURE: Final = 0x5F37
_TAG_RANDOM: Final = 0x85
_TAG_RECEIPT: Final = 0x86
_SCENARIO: Final = 3
_RECEIPT_LENGTH: Final = 16
RANDOM_LENGTHS: Final = (16, 32)
"""Lengths that RC and DR may have."""
_DR_LENGTH: Final = 16  # (U) 16 or 32, the card's choice


@unique
class KeyUsage(IntEnum):
    """What the agreed keys are for: tag 95 (GPCS Amendment E)."""

    THREE_KEYS = 0x10
    """The three keys of a secure channel."""
    BASE_KEY = 0x5C
    """One key, from which those of a secure channel are derived."""


class Options(IntFlag):
    """Parameter bits of tag 90 (GPCS Amendment E)."""

    NONE = 0x00
    DELETE_EXISTING_KEYS = 0x01
    INCLUDE_DR = 0x02
    INCLUDE_IDENTIFIERS = 0x04
    CERTIFICATE_VERIFICATION = 0x08


_KEY_TYPES: Final = (KeyType.AES, KeyType.TLS_PSK)
_KEY_LENGTHS: Final = (16, 24, 32)
_COUNTER_LENGTHS: Final = (0, 2, 3, 5, 8)


def _options(data: bytes) -> Options:
    if data[0] != _SCENARIO:
        raise DecodeError(f"scenario {data[0]} is not supported")
    if data[1] & ~0x0F:
        raise DecodeError(f"parameters {data[1]:02X} are not supported")
    return Options(data[1])


def _usage(data: bytes) -> KeyUsage:
    if data not in (b"\x10", b"\x5c"):
        raise DecodeError(f"key usage {data.hex().upper()} is not supported")
    return KeyUsage(data[0])


def _key_type(data: bytes) -> KeyType:
    if data[0] not in _KEY_TYPES:
        raise DecodeError(f"key type {data[0]:02X} is not supported")
    return KeyType(data[0])


def _key_length(data: bytes) -> int:
    if data[0] not in _KEY_LENGTHS:
        raise DecodeError(f"keys of {data[0]} bytes are not supported")
    return data[0]


def _counter(data: bytes) -> bytes:
    if len(data) not in _COUNTER_LENGTHS:
        raise DecodeError(f"an initial counter value of {len(data)} bytes")
    return data


def _byte(value: int) -> bytes:
    return bytes((value,))


_OPTIONS: Final[Leaf[Options]] = Leaf(None, _options, lambda options: bytes((_SCENARIO, options)), size=2)
_USAGE: Final[Leaf[KeyUsage]] = Leaf(None, _usage, _byte)
_TYPE: Final[Leaf[KeyType]] = Leaf(None, _key_type, _byte, size=1)
_LENGTH: Final[Leaf[int]] = Leaf(None, _key_length, _byte, size=1)
_COUNTER: Final[Leaf[bytes]] = Leaf(None, _counter, _counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReference(Template, tag=0xA6, clause="SGP.02 v4.2 4.1.1.7, GPCS Amendment E"):
    """What is to be agreed: the control reference template."""

    options: Options = tlv(0x90, _OPTIONS)
    usage: KeyUsage = tlv(0x95, _USAGE)
    access: int | None = tlv(0x96, BYTE, optional=True)
    key_type: KeyType = tlv(0x80, _TYPE)
    key_length: int = tlv(0x81, _LENGTH)
    key_identifier: int = tlv(0x82, BYTE)
    key_version: int = tlv(0x83, BYTE)
    initial_counter: bytes | None = tlv(0x91, _COUNTER, optional=True, default=b"")
    sdin: bytes | None = tlv(0x45, RAW, optional=True)
    host_id: bytes | None = tlv(0x84, RAW, optional=True)

    def __post_init__(self) -> None:
        named = self.sdin is not None, self.host_id is not None
        if named != (self.with_identifiers, self.with_identifiers):
            raise DecodeError("45 and 84 stand there if and only if the parameters say so")

    @property
    def with_dr(self) -> bool:
        """Whether the card adds a random value of its own."""
        return bool(self.options & Options.INCLUDE_DR)

    @property
    def with_identifiers(self) -> bool:
        """Whether the identities of host and card go into the keys."""
        return bool(self.options & Options.INCLUDE_IDENTIFIERS)

    @property
    def counter(self) -> int:
        """The counter that the new key set begins with."""
        return int.from_bytes(self.initial_counter or b"", "big")

    @property
    def key_count(self) -> int:
        """How many keys are agreed, the receipt key not counted."""
        return 3 if self.usage is KeyUsage.THREE_KEYS else 1


class DomainIdentity(NamedTuple):
    """How the card's security domain is named: tags 42 (SIN) and 45 (SDIN)."""

    sin: bytes = b""
    sdin: bytes = b""


_UNNAMED: Final = DomainIdentity()


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides hold at the end."""

    control: ControlReference
    keys: tuple[SecretKey, ...]

    @property
    def key_set(self) -> KeySet:
        """The three keys of a secure channel as a set; LocalProtocolError when others were agreed."""
        if self.control.usage is not KeyUsage.THREE_KEYS or self.control.key_type is not KeyType.AES:
            raise LocalProtocolError("the keys that were agreed are not those of a secure channel")
        enc, mac, dek = self.keys
        return KeySet(self.control.key_version, enc, mac, dek)


# --- what both ends compute


def shared_info(control: ControlReference, dr: bytes, sin: bytes) -> bytes:
    """Usage, type, length [, DR] [, Host ID, SIN, SDIN, each after its length] (GPCS Amendment E).

    (U) the length bytes of the identifiers.
    """
    info = bytes((control.usage, control.key_type, control.key_length)) + dr
    if control.with_identifiers:
        for identifier in (control.host_id or b"", sin, control.sdin or b""):
            info += ber_length(len(identifier)) + identifier
    return info


def _derive(control: ControlReference, secret: bytes, dr: bytes, sin: bytes) -> tuple[SecretKey, Agreement]:
    """The receipt key and the keys."""
    length = control.key_length
    data = x963_sha256(secret, (1 + control.key_count) * length, shared_info(control, dr, sin))
    receipt_key, *values = (data[at : at + length] for at in range(0, len(data), length))
    # the first key has the type asked for; one of TLS-PSK is followed by an AES key for key encryption
    types = (control.key_type, KeyType.AES, KeyType.AES)
    keys = tuple(SecretKey(value, kind) for value, kind in zip(values, types, strict=False))
    return SecretKey(receipt_key), Agreement(control, keys)


def _receipt(key: SecretKey, control: bytes, dr: bytes) -> bytes:
    """CMAC over the A6 object as sent, and the 85 object when there is a DR."""
    mac = key.cmac()
    mac.update(control + (ber(_TAG_RANDOM, dr) if dr else b""))
    return mac.finalize()


# --- the first command


def certificate_command(certificate: Certificate) -> bytes:
    """The data of the first STORE DATA: 3A01 with the certificate."""
    return dgi(DGI_CERTIFICATE, certificate.encoded)


def read_certificate_command(data: bytes) -> Certificate:
    """Read them."""
    groups = split_dgi(data)
    if len(groups) != 1 or groups[0].tag != DGI_CERTIFICATE:
        raise DecodeError("one data grouping 3A01 expected")
    return Certificate.parse(groups[0].value)


def challenge_response(rc: bytes) -> bytes:
    """The card's answer to it."""
    return ber(_TAG_RANDOM, rc)


def read_challenge_response(data: bytes) -> bytes:
    """Read the random challenge."""
    objects = split(data)
    if [tag for tag, _ in objects] != [_TAG_RANDOM]:
        raise DecodeError("one object 85 expected")
    return _random(objects[0].value)


def _random(value: bytes) -> bytes:
    if len(value) not in RANDOM_LENGTHS:
        raise DecodeError(f"a random value of {len(value)} bytes")
    return value


# --- the ends


class AgreementHost:
    """The SM-DP's or SM-SR's end of one agreement."""

    __slots__ = ("_card_key", "_control", "_encoded", "_ephemeral", "_signer", "_sin")

    def __init__(
        self,
        control: ControlReference,
        *,
        signer: PrivateKey,
        ephemeral: PrivateKey,
        card_key: PublicKey,
        sin: bytes = b"",
    ) -> None:
        self._control = control
        self._encoded = control.encode()
        self._signer = signer
        self._ephemeral = ephemeral
        self._card_key = card_key
        self._sin = sin

    def command(self, rc: bytes) -> bytes:
        """The data of the second STORE DATA: 3A02, 7F49, 5F37."""
        sent = dgi(DGI_CONTROL_REFERENCE, self._encoded)
        sent += dgi(_DGI_EPHEMERAL_KEY, self._ephemeral.public_key.to_point())
        return sent + dgi(_DGI_SIGNATURE, self._signer.sign(sent + dgi(_DGI_CHALLENGE, _random(rc))))

    def accept(self, response: bytes) -> Agreement:
        """Check the card's receipt and return the keys; SecurityError when the card has others."""
        control = self._control
        objects = split(response)
        expected = [_TAG_RANDOM, _TAG_RECEIPT] if control.with_dr else [_TAG_RECEIPT]
        if [tag for tag, _ in objects] != expected:
            raise DecodeError("DR and receipt expected" if control.with_dr else "a receipt expected")
        dr = _random(objects[0].value) if control.with_dr else b""
        key, agreement = _derive(control, self._ephemeral.ecdh(self._card_key), dr, self._sin)
        if not compare_digest(objects[-1].value, _receipt(key, self._encoded, dr)):
            raise SecurityError("the receipt does not verify")
        return agreement


class _Command(NamedTuple):
    control: bytes
    ephemeral_key: bytes
    signed: bytes
    signature: bytes


def _read_command(data: bytes) -> _Command:
    groups = split_dgi(data)
    if [tag for tag, _ in groups] != [DGI_CONTROL_REFERENCE, _DGI_EPHEMERAL_KEY, _DGI_SIGNATURE]:
        raise DecodeError("the data groupings 3A02, 7F49 and 5F37 expected")
    signature = dgi(_DGI_SIGNATURE, groups[2].value)
    if len(groups[2].value) != SIGNATURE_LENGTH or not data.endswith(signature):
        raise DecodeError(f"5F37 with {SIGNATURE_LENGTH} bytes expected")
    return _Command(groups[0].value, groups[1].value, data[: -len(signature)], groups[2].value)


class AgreementCard:
    """The card's end of one agreement: a random challenge, and the key from the host's verified certificate."""

    __slots__ = ("_challenge", "_signer")

    def __init__(self, signer: PublicKey, rc: bytes) -> None:
        self._signer = signer
        self._challenge: bytes | None = _random(rc)

    def agree(
        self, data: bytes, ecasd: PrivateKey, entropy: Entropy, identity: DomainIdentity = _UNNAMED
    ) -> tuple[Agreement, bytes]:
        """Answer the second STORE DATA: the keys, and the data of the answer.

        DecodeError or SecurityError when it is not right; the challenge is used up in any case.
        """
        rc, self._challenge = self._challenge, None
        if rc is None:
            raise LocalProtocolError("the random challenge was used already")
        command = _read_command(data)
        self._signer.verify(command.signature, command.signed + dgi(_DGI_CHALLENGE, rc))
        control = ControlReference.from_tlv(command.control)
        if control.with_identifiers and control.sdin != identity.sdin:
            raise DecodeError("45 names another security domain")
        secret = ecasd.ecdh(read_public_key(command.ephemeral_key, ecasd.curve))
        dr = entropy.draw(_DR_LENGTH) if control.with_dr else b""
        key, agreement = _derive(control, secret, dr, identity.sin)
        answer = ber(_TAG_RANDOM, dr) if dr else b""
        return agreement, answer + ber(_TAG_RECEIPT, _receipt(key, command.control, dr))
