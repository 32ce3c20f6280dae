# SPDX-License-Identifier: Apache-2.0
"""Key agreement scenario #3: captured and worked values, every variant computed twice, what is refused."""

from __future__ import annotations

import itertools
from hashlib import sha256

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC

from apdu.errors import DecodeError, LocalProtocolError, M2mError, SecurityError
from apdu.keys.agreement import (
    Agreement,
    AgreementCard,
    AgreementHost,
    ControlReference,
    DomainIdentity,
    KeyUsage,
    Options,
    certificate_command,
    challenge_response,
    read_certificate_command,
    read_challenge_response,
)
from apdu.keys.certificate import Certificate
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.entropy import Entropy, SeededEntropy
from apdu.keys.secret import KeySet, KeyType, SecretKey
from tests.unit.keys.vectors_sgp02 import (
    CAPTURED_COMMAND,
    CAPTURED_RC,
    CERT_DP,
    CONTROL,
    CONTROL_DR,
    DR,
    ECASD_POINT,
    ECASD_SCALAR,
    EPHEMERAL_POINT,
    EPHEMERAL_SCALAR,
    KEYS,
    KEYS_DR,
    RECEIPT,
    RECEIPT_DR,
    SHARED_SECRET,
    SM_SCALAR,
)

H = bytes.fromhex
SIGNER = PrivateKey.from_scalar(SM_SCALAR, Curve.P256)
EPHEMERAL = PrivateKey.from_scalar(EPHEMERAL_SCALAR, Curve.P256)
ECASD = PrivateKey.from_scalar(ECASD_SCALAR, Curve.P256)
RC = bytes(range(16))
SIN, SDIN, HOST_ID = b"\x42\x01", b"ISDPSDIN\x01", b"SM-DP of the tests"
IDENTITY = DomainIdentity(SIN, SDIN)
PLAIN = Options.CERTIFICATE_VERIFICATION | Options.DELETE_EXISTING_KEYS


class Fixed:
    """Entropy that gives one value."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def draw(self, n: int) -> bytes:
        assert n == len(self.value)
        return self.value


NO_ENTROPY: Entropy = Fixed(b"")


def _control(
    options: Options = PLAIN,
    usage: KeyUsage = KeyUsage.THREE_KEYS,
    key_type: KeyType = KeyType.AES,
    key_length: int = 16,
    key_version: int = 0x30,
) -> ControlReference:
    named = bool(options & Options.INCLUDE_IDENTIFIERS)
    return ControlReference(
        options=options,
        usage=usage,
        key_type=key_type,
        key_length=key_length,
        key_identifier=1,
        key_version=key_version,
        sdin=SDIN if named else None,
        host_id=HOST_ID if named else None,
    )


def _host(control: ControlReference, ecasd: PrivateKey = ECASD, ephemeral: PrivateKey = EPHEMERAL) -> AgreementHost:
    return AgreementHost(control, signer=SIGNER, ephemeral=ephemeral, card_key=ecasd.public_key, sin=SIN)


def _card(rc: bytes = RC) -> AgreementCard:
    return AgreementCard(SIGNER.public_key, rc)


def _key_set(keys: tuple[bytes, ...]) -> KeySet:
    return KeySet(0x30, *(SecretKey(key) for key in keys))


# --- known values


def test_worked_points_and_secret() -> None:
    assert EPHEMERAL.public_key.to_point() == EPHEMERAL_POINT
    assert ECASD.public_key.to_point() == ECASD_POINT
    assert EPHEMERAL.ecdh(ECASD.public_key) == ECASD.ecdh(EPHEMERAL.public_key) == SHARED_SECRET


@pytest.mark.parametrize(
    "options, control, keys, receipt, dr",
    [(PLAIN, CONTROL, KEYS, RECEIPT, b""), (PLAIN | Options.INCLUDE_DR, CONTROL_DR, KEYS_DR, RECEIPT_DR, DR)],
    ids=["without DR", "with DR"],
)
def test_worked_example(options: Options, control: bytes, keys: tuple[bytes, ...], receipt: bytes, dr: bytes) -> None:
    host = _host(_control(options))
    command = host.command(RC)
    assert command[:-67] == H("3A0217") + control + H("7F4941") + EPHEMERAL_POINT
    assert command[-67:-64] == H("5F3740")
    SIGNER.public_key.verify(command[-64:], command[:-67] + H("008510") + RC)
    agreement, answer = _card().agree(command, ECASD, Fixed(dr))
    assert answer == (H("8510") + dr if dr else b"") + H("8610") + receipt
    assert agreement.key_set == _key_set(keys)
    assert host.accept(answer) == agreement
    assert agreement.control.counter == 0


def test_captured_command() -> None:
    """Signed by a real SM-SR: the card accepts it; what it agrees is computed here by other means."""
    agreement, answer = _card(CAPTURED_RC).agree(CAPTURED_COMMAND, ECASD, NO_ENTROPY)
    assert agreement.control.key_version == 0x02
    point = CAPTURED_COMMAND[29 : 29 + 65]
    secret = ECASD.ecdh(PublicKey.from_point(point, Curve.P256))
    data = b"".join(sha256(secret + bytes((0, 0, 0, n)) + H("108810")).digest() for n in (1, 2))
    assert answer == H("8610") + CMAC.new(data[:16], CAPTURED_COMMAND[3:26], ciphermod=AES).digest()
    assert [key.reveal() for key in agreement.keys] == [data[at : at + 16] for at in (16, 32, 48)]
    for wrong in (bytes(16), CAPTURED_RC + bytes(16)):
        with pytest.raises(SecurityError):
            _card(wrong).agree(CAPTURED_COMMAND, ECASD, NO_ENTROPY)


# --- every variant, computed a second time


def _lv(value: bytes) -> bytes:
    return bytes([len(value)]) + value


OPTIONS = [Options(bits) for bits in range(16)]
USES = [
    (usage, kind, length)
    for usage, kind, length in itertools.product(KeyUsage, (KeyType.AES, KeyType.TLS_PSK), (16, 24, 32))
]


@pytest.mark.parametrize("rc", [bytes(range(16)), bytes(range(32))], ids=["RC 16", "RC 32"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: f"{int(options):02X}")
@pytest.mark.parametrize("usage, kind, length", USES, ids=lambda value: str(value))
def test_variants(rc: bytes, options: Options, usage: KeyUsage, kind: KeyType, length: int) -> None:
    control = _control(options, usage, kind, length)
    host = _host(control)
    agreement, answer = _card(rc).agree(host.command(rc), ECASD, SeededEntropy(b"dr"), IDENTITY)
    dr = SeededEntropy(b"dr").draw(16) if options & 0x02 else b""
    info = bytes([usage, kind, length]) + dr
    if options & 0x04:
        info += _lv(HOST_ID) + _lv(SIN) + _lv(SDIN)
    data = b"".join(sha256(SHARED_SECRET + bytes((0, 0, 0, n)) + info).digest() for n in range(1, 6))
    count = 3 if usage == 0x10 else 1
    keys = [data[at * length : (at + 1) * length] for at in range(1 + count)]
    assert [key.reveal() for key in agreement.keys] == keys[1:]
    assert [key.type for key in agreement.keys] == [kind, KeyType.AES, KeyType.AES][:count]
    seen = control.encode() + (b"\x85\x10" + dr if dr else b"")
    receipt = CMAC.new(keys[0], seen, ciphermod=AES).digest()
    assert answer == (b"\x85\x10" + dr if dr else b"") + b"\x86\x10" + receipt
    assert host.accept(answer) == agreement


@pytest.mark.parametrize("curve", Curve, ids=lambda curve: curve.name)
def test_curves(curve: Curve) -> None:
    """The curve is the one of the card's key; the signature may be on another."""
    entropy = SeededEntropy(b"curves")
    ecasd, ephemeral = PrivateKey.from_entropy(entropy, curve), PrivateKey.from_entropy(entropy, curve)
    host = _host(_control(), ecasd, ephemeral)
    agreement, answer = _card().agree(host.command(RC), ecasd, NO_ENTROPY)
    assert host.accept(answer) == agreement


def test_dr_of_32_bytes() -> None:
    """The host takes it, whatever our card sends."""
    host = _host(control := _control(PLAIN | Options.INCLUDE_DR))
    dr = bytes(32)
    data = sha256(SHARED_SECRET + H("00000001") + H("108810") + dr).digest()
    receipt = CMAC.new(data[:16], control.encode() + H("8520") + dr, ciphermod=AES).digest()
    assert host.accept(H("8520") + dr + H("8610") + receipt).keys[0].reveal() == data[16:]


# --- declarations


@pytest.mark.parametrize(
    "value, counter",
    [("9100", 0), ("91020005", 5), ("9103000100", 256), ("91050000000001", 1), ("91080000000000000002", 2), ("", 0)],
)
def test_initial_counter(value: str, counter: int) -> None:
    objects = H("90020309950110800188810110820101830130" + value)
    control = ControlReference.from_tlv(bytes([0xA6, len(objects)]) + objects)
    assert control.counter == counter


def test_observed_control_reference() -> None:
    assert ControlReference.from_tlv(CONTROL) == _control()
    assert _control().encode() == CONTROL
    with_access = H("A618900203099501109601008001888101108201018301309100")
    assert ControlReference.from_tlv(with_access).access == 0
    assert ControlReference.from_tlv(with_access).encode() == with_access


WRONG_CONTROLS = {
    "scenario": ("90020309", "90020109"),
    "unknown parameter bit": ("90020309", "90020319"),
    "parameters missing": ("90020309", "900103"),
    "usage": ("950110", "95013C"),
    "usage of two bytes": ("950110", "95021000"),
    "no usage": ("950110", ""),
    "type DES": ("800188", "800180"),
    "type unknown": ("800188", "800142"),
    "length 15": ("810110", "81010F"),
    "length 0": ("810110", "810100"),
    "length of two bytes": ("810110", "81020010"),
    "no key version": ("830130", ""),
    "counter of one byte": ("9100", "910100"),
    "counter of nine bytes": ("9100", "9109" + "00" * 9),
    "unknown object": ("9100", "91009200"),
    "twice": ("9100", "91009100"),
    "host identifier not announced": ("9100", "9100840101"),
    "identifiers announced, not there": ("90020309", "9002030D"),
}


def _changed(old: str, new: str) -> bytes:
    body = CONTROL[2:].hex().upper()
    assert body.count(old) == 1
    objects = H(body.replace(old, new))
    return bytes([0xA6, len(objects)]) + objects


@pytest.mark.parametrize("name", WRONG_CONTROLS)
def test_control_references_refused(name: str) -> None:
    control = _changed(*WRONG_CONTROLS[name])
    with pytest.raises(DecodeError):
        ControlReference.from_tlv(control)
    with pytest.raises(DecodeError):
        _card().agree(_signed(control, EPHEMERAL_POINT), ECASD, NO_ENTROPY)


# --- the second command


def _dgi(tag: str, value: bytes) -> bytes:
    return H(tag) + bytes([len(value)]) + value


def _signed(control: bytes, key: bytes, rc: bytes = RC) -> bytes:
    sent = _dgi("3A02", control) + _dgi("7F49", key)
    return sent + _dgi("5F37", SIGNER.sign(sent + _dgi("0085", rc)))


@pytest.mark.parametrize("form", ["04 X Y", "X Y", "B0", "B0 F0"])
def test_forms_of_the_ephemeral_key(form: str) -> None:
    point = EPHEMERAL_POINT
    value = {"04 X Y": point, "X Y": point[1:], "B0": H("B041") + point, "B0 F0": H("B041") + point + H("F00100")}[form]
    agreement, answer = _card().agree(_signed(CONTROL, value), ECASD, NO_ENTROPY)
    assert answer == H("8610") + RECEIPT
    assert agreement.key_set == _key_set(KEYS)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00",
        b"\x04" + bytes(64),
        EPHEMERAL_POINT[:-1] + b"\x00",
        EPHEMERAL_POINT[:-1],
        b"\x02" + EPHEMERAL_POINT[1:33],
        H("B041") + EPHEMERAL_POINT + H("F00103"),
        PrivateKey.from_scalar(5, Curve.BRAINPOOL_P256R1).public_key.to_point(),
    ],
    ids=["empty", "infinity", "zero", "off the curve", "short", "compressed", "other curve named", "other curve"],
)
def test_ephemeral_keys_refused(value: bytes) -> None:
    with pytest.raises(DecodeError):
        _card().agree(_signed(CONTROL, value), ECASD, NO_ENTROPY)


def test_every_bit_of_the_second_command_counts() -> None:
    command = _host(_control()).command(RC)
    for bit in range(8 * len(command)):
        changed = bytearray(command)
        changed[bit // 8] ^= 0x80 >> bit % 8
        card = _card()
        with pytest.raises(M2mError) as caught:
            card.agree(bytes(changed), ECASD, NO_ENTROPY)
        assert isinstance(caught.value, DecodeError | SecurityError)
        with pytest.raises(LocalProtocolError):  # and the challenge is used up
            card.agree(command, ECASD, NO_ENTROPY)


def test_structure_of_the_second_command() -> None:
    command = _host(_control()).command(RC)
    control, key, signature = command[:26], command[26:94], command[94:]
    for parts in (
        (control, key),
        (key, control, signature),
        (control, signature, key),
        (control, control, key, signature),
        (control, key, signature, H("008500")),
        (control, key, H("5F373F") + signature[3:-1]),
        (control, key, H("5F37FF0040") + signature[3:]),
        (),
    ):
        with pytest.raises(DecodeError):
            _card().agree(b"".join(parts), ECASD, NO_ENTROPY)
    for size in range(len(command)):
        with pytest.raises(DecodeError):
            _card().agree(command[:size], ECASD, NO_ENTROPY)


def test_the_challenge_is_used_once() -> None:
    card = _card()
    command = _host(_control()).command(RC)
    card.agree(command, ECASD, NO_ENTROPY)
    with pytest.raises(LocalProtocolError):
        card.agree(command, ECASD, NO_ENTROPY)


def test_another_challenge_or_signer() -> None:
    command = _host(_control()).command(RC)
    with pytest.raises(SecurityError):
        _card(bytes(16)).agree(command, ECASD, NO_ENTROPY)
    with pytest.raises(SecurityError):
        AgreementCard(EPHEMERAL.public_key, RC).agree(command, ECASD, NO_ENTROPY)


def test_another_security_domain() -> None:
    command = _host(_control(PLAIN | Options.INCLUDE_IDENTIFIERS)).command(RC)
    with pytest.raises(DecodeError, match="another security domain"):
        _card().agree(command, ECASD, NO_ENTROPY, DomainIdentity(SIN, b"other"))


# --- the receipt


@pytest.mark.parametrize("options", [PLAIN, PLAIN | Options.INCLUDE_DR])
def test_every_bit_of_the_answer_counts(options: Options) -> None:
    host = _host(_control(options))
    _, answer = _card().agree(host.command(RC), ECASD, SeededEntropy(b"dr"))
    for bit in range(8 * len(answer)):
        changed = bytearray(answer)
        changed[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises((DecodeError, SecurityError)):
            host.accept(bytes(changed))
    for size in range(len(answer)):
        with pytest.raises((DecodeError, SecurityError)):
            host.accept(answer[:size])
    with pytest.raises(DecodeError):
        host.accept(answer + b"\x00")
    host.accept(answer)


def test_receipts_refused() -> None:
    host = _host(_control())
    for answer in (b"", H("8600"), H("8608") + RECEIPT[:8], H("8510") + DR + H("8610") + RECEIPT, H("8610") * 2):
        with pytest.raises(M2mError):
            host.accept(answer)
    with_dr = _host(_control(PLAIN | Options.INCLUDE_DR))
    for answer in (
        H("8610") + RECEIPT_DR,
        H("8610") + RECEIPT_DR + H("8510") + DR,
        H("8508") + DR[:8] + H("8610") + RECEIPT_DR,
        H("8500") + H("8610") + RECEIPT_DR,
    ):
        with pytest.raises(M2mError):
            with_dr.accept(answer)


def test_another_card() -> None:
    """A card without the certified key cannot make the receipt."""
    host = _host(_control())
    _, answer = _card().agree(host.command(RC), EPHEMERAL, NO_ENTROPY)
    with pytest.raises(SecurityError):
        host.accept(answer)


# --- the rest


def test_first_command() -> None:
    certificate = Certificate.parse(CERT_DP)
    command = certificate_command(certificate)
    assert command == H("3A01A9") + CERT_DP
    assert read_certificate_command(command) == certificate
    for wrong in (b"", CERT_DP, command + H("3A0200"), H("3A02A9") + CERT_DP, H("3A01AA") + CERT_DP + b"\x00"):
        with pytest.raises(DecodeError):
            read_certificate_command(wrong)


def test_challenge_answer() -> None:
    for size in (16, 32):
        assert challenge_response(bytes(size)) == bytes([0x85, size]) + bytes(size)
        assert read_challenge_response(bytes([0x85, size]) + bytes(size)) == bytes(size)
    for wrong in (b"", H("8500"), H("850F") + bytes(15), H("8610") + bytes(16), H("8510") + bytes(16) + H("8500")):
        with pytest.raises(DecodeError):
            read_challenge_response(wrong)
    with pytest.raises(DecodeError):
        AgreementCard(SIGNER.public_key, bytes(8))
    with pytest.raises(DecodeError):
        _host(_control()).command(bytes(17))


def test_only_three_aes_keys_are_a_key_set() -> None:
    key = SecretKey(bytes(16))
    for control in (_control(usage=KeyUsage.BASE_KEY), _control(key_type=KeyType.TLS_PSK)):
        with pytest.raises(LocalProtocolError):
            _ = Agreement(control, (key, key, key)).key_set


def test_no_key_in_any_text() -> None:
    host = _host(_control())
    agreement, _ = _card().agree(host.command(RC), ECASD, NO_ENTROPY)
    text = f"{host!r} {agreement!r} {agreement.key_set!r} {_card()!r} {ECASD!r}".upper()
    assert not [key for key in (*KEYS, ECASD.to_bytes(), SHARED_SECRET) if key.hex().upper() in text]
