# SPDX-License-Identifier: Apache-2.0
"""Key derivation against published vectors and against plain hashlib; entropy that can be repeated."""

from __future__ import annotations

from hashlib import sha256

import pytest

from apdu.ids import Eid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.kdf import diversify, one_step_sha256, x963_sha256
from apdu.keys.secret import KeyType, SecretKey

H = bytes.fromhex
EID = Eid.from_string("89001012012341234012345678901224")


def test_x963_published() -> None:
    """NIST CAVP, ANSI X9.63, SHA-256, first vector without and first with shared info."""
    assert x963_sha256(H("96C05619D56C328AB95FE84B18264B08725B85E33FD34F08"), 16) == H(
        "443024C3DAE66B95E6F5670601558F71"
    )
    assert x963_sha256(
        H("22518B10E70F2A3F243810AE3254139EFBEE04AA57C7AF7D"), 128, H("75EEF81AA3041E33B80971203D2C0C52")
    ) == H(
        "C498AF77161CC59F2962B9A713E2B215152D139766CE34A776DF11866A69BF2E"
        "52A13D9C7C6FC878C50C5EA0BC7B00E0DA2447CFD874F6CF92F30D0097111485"
        "500C90C3AF8B487872D04685D14C8D1DC8D7FA08BEB0CE0ABABC11F0BD496269"
        "142D43525A78E5BC79A17F59676A5706DC54D54D4D1F0BD7E386128EC26AFC21"
    )


@pytest.mark.parametrize("length", [1, 16, 31, 32, 33, 64, 128])
@pytest.mark.parametrize("info", [b"", b"\x10\x88\x10", bytes(100)])
def test_x963_and_one_step_differ_in_the_order_only(length: int, info: bytes) -> None:
    secret = bytes(range(32))
    counters = [number.to_bytes(4, "big") for number in range(1, 5)]
    assert x963_sha256(secret, length, info) == b"".join(sha256(secret + c + info).digest() for c in counters)[:length]
    assert (
        one_step_sha256(secret, length, info)
        == (b"".join(sha256(c + secret + info).digest() for c in counters)[:length])
    )


def test_one_step_published() -> None:
    """RFC 7518 appendix C: the one-step KDF with SHA-256, as JWA uses it."""
    secret = bytes.fromhex("9E56D91D817135D372834283BF84269CFB316EA3DA806A48F6DAA7798CFE90C4")
    info = b"\x00\x00\x00\x07A128GCM" + b"\x00\x00\x00\x05Alice" + b"\x00\x00\x00\x03Bob" + b"\x00\x00\x00\x80"
    assert one_step_sha256(secret, 16, info) == bytes(
        [86, 170, 141, 234, 248, 35, 109, 32, 92, 34, 40, 205, 113, 167, 16, 26]
    )


def test_diversified_keys() -> None:
    master = SecretKey(bytes(range(32)))
    other_eid = Eid.from_string("89044011112233441122334411223321")
    keys = [
        diversify(master, EID, "scp80 kic", 16),
        diversify(master, EID, "scp80 kid", 16),
        diversify(master, other_eid, "scp80 kic", 16),
        diversify(SecretKey(bytes(32)), EID, "scp80 kic", 16),
    ]
    assert len({key.reveal() for key in keys}) == 4
    fixed_info = b"\x09scp80 kic" + EID
    assert keys[0].reveal() == sha256(b"\x00\x00\x00\x01" + master.reveal() + fixed_info).digest()[:16]
    assert diversify(master, EID, "psk", 32, KeyType.TLS_PSK).type is KeyType.TLS_PSK


def test_entropy_is_one_stream() -> None:
    pieces = SeededEntropy(b"seed")
    whole = SeededEntropy(b"seed").draw(300)
    assert b"".join(pieces.draw(size) for size in (0, 1, 31, 32, 33, 100, 103)) == whole
    assert whole[:32] != whole[32:64]
    assert SeededEntropy(b"seed2").draw(300) != whole


def test_entropy_forks() -> None:
    parent = SeededEntropy(b"seed")
    fork = parent.fork("card 1").draw(64)
    parent.draw(1000)
    assert parent.fork("card 1").draw(64) == fork
    streams = {fork, parent.fork("card 2").draw(64), SeededEntropy(b"seed").draw(64), parent.fork("").draw(64)}
    assert len(streams) == 4
    with pytest.raises(ValueError, match="cannot draw"):
        parent.draw(-1)
