# SPDX-License-Identifier: Apache-2.0
"""Elliptic curves against RFC 6979, RFC 7027, NIST CAVP, pycryptodome, openssl; what is to be refused."""

from __future__ import annotations

import copy
import pickle
import subprocess
from hashlib import sha1
from pathlib import Path

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apdu.errors import DecodeError, SecurityError
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.entropy import SeededEntropy
from tests.require import require

H = bytes.fromhex
P = {
    Curve.P256: 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    Curve.BRAINPOOL_P256R1: 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
}
N = {
    Curve.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Curve.BRAINPOOL_P256R1: 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
}

# RFC 6979 A.2.5: message, r, s with SHA-256.
RFC6979_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC6979 = (
    (
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        b"test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
)

# Own scalar, peer's point, shared secret.
ECDH = (
    (  # NIST CAVP, ECC CDH primitive, P-256, count 0
        Curve.P256,
        "7D7DC5F71EB29DDAF80D6214632EEAE03D9058AF1FB6D22ED80BADB62BC1A534",
        (
            "700C48F77F56584C5CC632CA65640DB91B6BACCE3A4DF6B42CE7CC838833D287"
            "DB71E509E3FD9B060DDB20BA5C51DCC5948D46FBF640DFE0441782CAB85FA4AC"
        ),
        "46FC62106420FF012E54A434FBDD2D25CCC5852060561E68040DD7778997BD7B",
    ),
    (  # RFC 7027 A.1, party A
        Curve.BRAINPOOL_P256R1,
        "81DB1EE100150FF2EA338D708271BE38300CB54241D79950F77B063039804F1D",
        (
            "8D2D688C6CF93E1160AD04CC4429117DC2C41825E1E9FCA0ADDD34E6F1B39F7B"
            "990C57520812BE512641E47034832106BC7D3E8DD0E4C7F1136D7006547CEC6A"
        ),
        "89AFC39D41D3B327814B80940B042590F96556EC91E6AE7939BCE31F3A18BF2B",
    ),
    (  # RFC 7027 A.1, party B
        Curve.BRAINPOOL_P256R1,
        "55E40BC41E37E3E2AD25C3C6654511FFA8474A91A0032087593852D3E7D76BD3",
        (
            "44106E913F92BC02A1705D9953A8414DB95E1AAA49E81D9E85F929A8E3100BE5"
            "8AB4846F11CACCB73CE49CBDD120F5A900A69FD32C272223F789EF10EB089BDC"
        ),
        "89AFC39D41D3B327814B80940B042590F96556EC91E6AE7939BCE31F3A18BF2B",
    ),
)
curves = pytest.mark.parametrize("curve", Curve, ids=lambda curve: curve.name)


def _key(curve: Curve, seed: bytes = b"1") -> PrivateKey:
    return PrivateKey.from_entropy(SeededEntropy(seed), curve)


@pytest.mark.parametrize("message, r, s", RFC6979, ids=["sample", "test"])
def test_rfc6979(message: bytes, r: str, s: str) -> None:
    key = PrivateKey.from_scalar(RFC6979_KEY, Curve.P256)
    assert key.sign(message) == H(r + s)
    key.public_key.verify(H(r + s), message)


@pytest.mark.parametrize("curve, scalar, point, shared", ECDH, ids=["CAVP", "RFC 7027 A", "RFC 7027 B"])
def test_ecdh(curve: Curve, scalar: str, point: str, shared: str) -> None:
    key = PrivateKey.from_bytes(H(scalar), curve)
    assert key.ecdh(PublicKey.from_point(b"\x04" + H(point), curve)) == H(shared)


def test_p256_against_pycryptodome() -> None:
    for number in range(10):
        key, peer = _key(Curve.P256, bytes([number])), _key(Curve.P256, bytes([number, 1]))
        foreign = ECC.construct(curve="P-256", d=int.from_bytes(key.to_bytes(), "big"))
        point = foreign.public_key().export_key(format="SEC1")
        assert key.public_key.to_point() == point
        message = bytes(range(number))
        assert key.sign(message) == DSS.new(foreign, "deterministic-rfc6979").sign(SHA256.new(message))
        other = ECC.import_key(peer.public_key.to_point(), curve_name="P-256")
        assert key.ecdh(peer.public_key) == int((other.pointQ * foreign.d).x).to_bytes(32, "big")


@curves
def test_signatures_against_openssl(curve: Curve, tmp_path: Path) -> None:
    require("openssl")
    key = _key(curve)
    public, signature, message = tmp_path / "key.pem", tmp_path / "signature", tmp_path / "message"
    public.write_bytes(key.public_key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    raw = key.sign(b"message")
    signature.write_bytes(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")))
    command = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(signature), str(message)]
    for text, verdict in ((b"message", 0), (b"massage", 1)):
        message.write_bytes(text)
        assert subprocess.run(command, capture_output=True, timeout=30).returncode == verdict


@curves
def test_keys_from_entropy(curve: Curve) -> None:
    assert _key(curve).to_bytes() == _key(curve).to_bytes()
    assert len({_key(curve, bytes([number])).to_bytes() for number in range(50)}) == 50
    drawn = SeededEntropy(b"1").draw(40)
    assert int.from_bytes(_key(curve).to_bytes(), "big") == int.from_bytes(drawn, "big") % (N[curve] - 1) + 1


@curves
def test_point_both_ways(curve: Curve) -> None:
    key = _key(curve).public_key
    assert PublicKey.from_point(key.to_point(), curve) == key
    assert hash(PublicKey.from_point(key.to_point(), curve)) == hash(key)
    assert key.subject_key_identifier == sha1(key.to_point()).digest()
    assert key != key.to_point()


def _points(curve: Curve) -> dict[str, bytes]:
    good = _key(curve).public_key.to_point()
    x, y = good[1:33], good[33:]
    field = P[curve].to_bytes(32, "big")
    return {
        "empty": b"",
        "infinity": b"\x00",
        "infinity of full length": bytes(65),
        "zero": b"\x04" + bytes(64),
        "x of zero, wrong y": b"\x04" + bytes(32) + y,
        "y changed": good[:-1] + bytes([good[-1] ^ 1]),
        "x changed": good[:1] + bytes([good[1] ^ 1]) + good[2:],
        "x and y exchanged": b"\x04" + y + x,
        "x the prime": b"\x04" + field + y,
        "y the prime": b"\x04" + x + field,
        "all FF": b"\x04" + b"\xff" * 64,
        "compressed": bytes([2 + (y[-1] & 1)]) + x,
        "hybrid": bytes([6 + (y[-1] & 1)]) + good[1:],
        "without 04": good[1:],
        "one byte short": good[:-1],
        "one byte long": good + b"\x00",
        "other curve": _key(Curve(3 - curve)).public_key.to_point(),
        # on y2 = x3 - 3x - 1, another curve with the same a: what an invalid curve attack sends
        "invalid curve": b"\x04" + (2).to_bytes(32, "big") + (1).to_bytes(32, "big"),
    }


@curves
@pytest.mark.parametrize("name", _points(Curve.P256))
def test_points_refused(curve: Curve, name: str) -> None:
    with pytest.raises(DecodeError):
        PublicKey.from_point(_points(curve)[name], curve)


@curves
def test_scalars_refused(curve: Curve) -> None:
    order = N[curve]
    for scalar in (0, -1, order, order + 1, 1 << 256):
        with pytest.raises(DecodeError):
            PrivateKey.from_scalar(scalar, curve)
    for value in (b"", bytes(31), bytes(32), bytes(33), order.to_bytes(32, "big")):
        with pytest.raises(DecodeError):
            PrivateKey.from_bytes(value, curve)
    for scalar in (1, order - 1):
        assert int.from_bytes(PrivateKey.from_scalar(scalar, curve).to_bytes(), "big") == scalar


@curves
def test_signatures_refused(curve: Curve) -> None:
    key = _key(curve)
    good = key.sign(b"message")
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    order, zero = N[curve].to_bytes(32, "big"), bytes(32)
    wrong = {
        "empty": b"",
        "zero": zero * 2,
        "r zero": zero + good[32:],
        "s zero": good[:32] + zero,
        "r the order": order + good[32:],
        "s the order": good[:32] + order,
        "r one, s one": (bytes(31) + b"\x01") * 2,
        "exchanged": good[32:] + good[:32],
        "short": good[:-1],
        "long": good + b"\x00",
        "zero before s": good[:32] + b"\x00" + good[32:],
        "DER": encode_dss_signature(r, s),
        "all FF": b"\xff" * 64,
    }
    for name, signature in wrong.items():
        with pytest.raises(SecurityError):
            key.public_key.verify(signature, b"message")
            pytest.fail(name)
    for bit in range(0, 512, 7):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecurityError):
            key.public_key.verify(bytes(changed), b"message")
    for message in (b"", b"massage", b"message\x00"):
        with pytest.raises(SecurityError):
            key.public_key.verify(good, message)
    with pytest.raises(SecurityError):
        _key(curve, b"2").public_key.verify(good, b"message")
    # the other root is a signature too (ECDSA is malleable): nothing of ours names a signature by its bytes
    key.public_key.verify(good[:32] + (N[curve] - s).to_bytes(32, "big"), b"message")


def test_curves_are_not_mixed() -> None:
    with pytest.raises(DecodeError):
        _key(Curve.P256).ecdh(_key(Curve.BRAINPOOL_P256R1).public_key)
    for reference in (0x01, 0x02, 0x04, 0x40, 0xFF):
        with pytest.raises(DecodeError):
            Curve.from_reference(reference)
    assert Curve.from_reference(0x03) is Curve.BRAINPOOL_P256R1


def test_nothing_secret_comes_out() -> None:
    key = _key(Curve.P256)
    assert repr(key) == "PrivateKey(P256)"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    assert copy.copy(key) is copy.deepcopy(key) is key
