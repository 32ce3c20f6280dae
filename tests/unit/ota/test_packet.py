# SPDX-License-Identifier: Apache-2.0
"""Secured packets: published ones in both directions, random ones against a second implementation, broken ones."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from apdu.errors import DecodeError, EncodeError, SecurityError
from apdu.ids import Tar
from apdu.keys.secret import KeySet, KeyType, SecretKey
from apdu.ota.packet import (
    MAX_COUNTER,
    Header,
    PacketRefused,
    Status,
    build_command,
    build_response,
    parse_command,
    parse_response,
)
from apdu.ota.security import (
    Check,
    CounterMode,
    Por,
    Spi,
    checksum,
    indicator,
)
from tests.scale import count
from tests.unit.ota import model
from tests.unit.ota.vectors_scp80 import COMMANDS, RESPONSES, CommandVector, ResponseVector

KINDS = {"aes": KeyType.AES, "des": KeyType.DES}


def key_set(kind: str, kic: bytes, kid: bytes) -> KeySet:
    enc, mac = SecretKey(kic, KINDS[kind]), SecretKey(kid, KINDS[kind])
    return KeySet(1, enc, mac, enc)


def keys_of(vector: CommandVector | ResponseVector) -> KeySet:
    return key_set(vector.kind, bytes.fromhex(vector.kic_key), bytes.fromhex(vector.kid_key))


def header_of(vector: CommandVector) -> Header:
    spi = Spi.from_bytes(bytes.fromhex(vector.spi))
    return Header(spi=spi, kic=vector.kic, kid=vector.kid, tar=Tar.from_string(vector.tar))


@pytest.mark.parametrize("vector", COMMANDS, ids=[each.name for each in COMMANDS])
def test_published_commands_are_built(vector: CommandVector) -> None:
    packet = build_command(header_of(vector), vector.counter, bytes.fromhex(vector.data), keys_of(vector))
    assert packet.hex().upper() == vector.packet


@pytest.mark.parametrize("vector", COMMANDS, ids=[each.name for each in COMMANDS])
def test_published_commands_are_opened(vector: CommandVector) -> None:
    secured = parse_command(bytes.fromhex(vector.packet))
    assert secured.header == header_of(vector)
    assert secured.open(keys_of(vector)) == (vector.counter, bytes.fromhex(vector.data))


@pytest.mark.parametrize("vector", RESPONSES, ids=[each.name for each in RESPONSES])
def test_published_responses_are_built_and_opened(vector: ResponseVector) -> None:
    spi = Spi.from_bytes(bytes.fromhex(vector.spi))
    command = Header(spi=spi, kic=vector.kid, kid=vector.kid, tar=Tar.from_string("B00011"))
    packet = bytes.fromhex(vector.packet)
    opened = parse_response(packet).open(command, keys_of(vector))
    assert opened == (command.tar, 0, vector.status, bytes.fromhex(vector.data))
    assert build_response(command, 0, vector.status, opened.data, keys_of(vector)) == packet


@pytest.mark.parametrize("vector", COMMANDS, ids=[each.name for each in COMMANDS])
def test_the_second_implementation_makes_the_published_commands(vector: CommandVector) -> None:
    keys = bytes.fromhex(vector.kic_key), bytes.fromhex(vector.kid_key)
    packet = model.command(
        bytes.fromhex(vector.spi), vector.kic, vector.kid, bytes.fromhex(vector.tar), vector.counter,
        bytes.fromhex(vector.data), keys, vector.kind,
    )  # fmt: skip
    assert packet.hex().upper() == vector.packet


def test_random_packets_are_those_of_the_second_implementation() -> None:
    draw = random.Random(80)
    for _ in range(count("scp80_packets")):
        kind = draw.choice(("aes", "des"))
        keys = draw.randbytes(draw.choice((16, 24, 32) if kind == "aes" else (16, 24))), draw.randbytes(16)
        spi = bytes((draw.randrange(32), draw.choice((0, 1, 2)) | draw.randrange(16) << 2))
        if spi[0] & 3 == 3 or spi[1] >> 2 & 3 == 3:  # digital signatures
            spi = bytes((spi[0] & 0xFE, spi[1] & 0xF7))
        nibble = draw.choice((1, 5)) if spi[0] & 3 == 1 or spi[1] >> 2 & 3 == 1 else 2
        kid = 0x10 | nibble
        tar, counter = draw.randbytes(3), draw.randrange(1 << 40)
        data = draw.randbytes(draw.choice((0, 1, 15, 16, 17, draw.randrange(200))))
        header = Header(spi=Spi.from_bytes(spi), kic=0x12, kid=kid, tar=Tar(tar))
        ours = key_set(kind, *keys)
        packet = build_command(header, counter, data, ours)
        assert packet == model.command(spi, 0x12, kid, tar, counter, data, keys, kind)
        assert parse_command(packet).open(ours) == (counter, data)
        status = draw.randrange(256)
        answer = build_response(header, counter, status, data, ours)
        assert answer == model.response(spi, kid, tar, counter, status, data, keys, kind)
        assert parse_response(answer).open(header, ours) == (tar, counter, status, data)


KEYS = key_set("aes", bytes(range(16)), bytes(range(16, 32)))
STRONG = Spi(
    check=Check.CC, ciphered=True, counter=CounterMode.HIGHER, por=Por.ALWAYS, por_check=Check.CC, por_ciphered=True
)
HEADER = Header(spi=STRONG, kic=0x12, kid=0x12, tar=Tar.from_string("000001"))


@pytest.mark.parametrize("spi", [STRONG, replace(STRONG, ciphered=False)], ids=["ciphered", "in clear"])
def test_every_flipped_bit_is_noticed(spi: Spi) -> None:
    packet = build_command(replace(HEADER, spi=spi), 7, b"\x22\x04\x00\xa4\x00\x00", KEYS)
    for bit in range(len(packet) * 8):
        changed = bytearray(packet)
        changed[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises((DecodeError, PacketRefused)):
            # bits that take the check away are refused by the receiver's minimum security level
            opened = parse_command(bytes(changed))
            if not opened.header.spi.reaches(spi):
                raise PacketRefused(Status.SECURITY_TOO_LOW)
            opened.open(KEYS)


def test_every_flipped_bit_of_a_proof_of_receipt_is_noticed() -> None:
    packet = build_response(HEADER, 7, 0, b"\xab\x07\x80\x01\x01\x23\x02\x90\x00", KEYS)
    for bit in range(len(packet) * 8):
        changed = bytearray(packet)
        changed[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises((DecodeError, SecurityError)):
            parse_response(bytes(changed)).open(HEADER, KEYS)


@pytest.mark.parametrize("length", range(40))
def test_a_cut_packet_is_no_packet(length: int) -> None:
    packet = build_command(HEADER, 7, b"\x01\x02", KEYS)
    with pytest.raises(DecodeError):
        parse_command(packet[: min(length, len(packet) - 1)])
    answer = build_response(HEADER, 7, 0, b"", KEYS)
    with pytest.raises(DecodeError):
        parse_response(answer[: min(length, len(answer) - 1)])


@pytest.mark.parametrize("chl", [*range(0x15), *range(0x16, 0x100)])
def test_a_header_length_that_is_none_is_refused(chl: int) -> None:
    packet = bytearray(build_command(HEADER, 7, bytes(40), KEYS))
    packet[2] = chl
    with pytest.raises(DecodeError):
        parse_command(bytes(packet))


def forged(padding: int, data: bytes) -> bytes:
    """A packet under the right keys whose number of padding bytes is not what it should be."""
    head = (0x16 + len(data)).to_bytes(2, "big") + b"\x15" + HEADER.to_bytes()
    fixed = (7).to_bytes(5, "big") + bytes((padding,))
    check = checksum(Check.CC, 0x12, KEYS.mac, head + fixed + data)
    return head + KEYS.enc.encrypt_cbc(fixed + check + data)


def test_a_number_of_padding_bytes_that_cannot_be_is_refused_like_a_wrong_check() -> None:
    assert parse_command(forged(2, bytes(2))).open(KEYS).data == b""
    for padding, data in ((3, bytes(2)), (255, bytes(2)), (16, bytes(18)), (2, b"\x00\x01"), (2, b"\x01\x00")):
        with pytest.raises(PacketRefused) as caught:
            parse_command(forged(padding, data)).open(KEYS)
        assert caught.value.status is Status.CHECK_FAILED


def test_padding_without_ciphering_is_refused() -> None:
    header = replace(HEADER, spi=replace(STRONG, ciphered=False))
    head = (0x16 + 2).to_bytes(2, "big") + b"\x15" + header.to_bytes()
    fixed = (7).to_bytes(5, "big") + b"\x02"
    packet = head + fixed + checksum(Check.CC, 0x12, KEYS.mac, head + fixed + bytes(2)) + bytes(2)
    with pytest.raises(PacketRefused):
        parse_command(packet).open(KEYS)


def test_a_digital_signature_is_not_known() -> None:
    with pytest.raises(DecodeError):
        build_command(replace(HEADER, spi=replace(STRONG, check=Check.DS)), 1, b"", KEYS)


@pytest.mark.parametrize("counter", [-1, MAX_COUNTER + 1])
def test_a_counter_has_five_bytes(counter: int) -> None:
    with pytest.raises(EncodeError):
        build_command(HEADER, counter, b"", KEYS)


def test_a_packet_is_not_longer_than_its_length_can_say() -> None:
    with pytest.raises(EncodeError):
        build_command(HEADER, 1, bytes(65536), KEYS)


def test_crcs_are_those_of_the_specification() -> None:
    """TS 102 225 annex B: the CRCs of 01 02 03 04 05."""
    message = bytes((1, 2, 3, 4, 5))
    assert checksum(Check.RC, 0x01, KEYS.mac, message).hex() == "22ec"
    assert checksum(Check.RC, 0x05, KEYS.mac, message).hex() == "470b99f4"


@pytest.mark.parametrize("first", range(32))
@pytest.mark.parametrize("second", [0x00, 0x01, 0x02, 0x09, 0x19, 0x21, 0x39])
def test_every_spi_reads_as_it_was_built(first: int, second: int) -> None:
    raw = bytes((first, second))
    assert Spi.from_bytes(raw).to_bytes() == raw


def test_a_reserved_answer_is_refused() -> None:
    with pytest.raises(DecodeError):
        Spi.from_bytes(b"\x16\x03")


@pytest.mark.parametrize(
    "spi, minimum, enough",
    [
        ("16", "16", True),
        ("1E", "16", True),
        ("12", "16", False),  # not ciphered
        ("06", "16", False),  # no counter
        ("0E", "16", False),  # a counter that nobody checks
        ("15", "16", False),  # a CRC
        ("16", "12", True),
        ("00", "00", True),
        ("04", "02", False),
    ],
)
def test_levels_of_security(spi: str, minimum: str, enough: bool) -> None:
    given, wanted = (Spi.from_bytes(bytes.fromhex(text + "00")) for text in (spi, minimum))
    assert given.reaches(wanted) is enough


def test_a_key_version_number_has_half_a_byte() -> None:
    assert indicator(0x0F, 0x02) == 0xF2
    with pytest.raises(ValueError, match="0 to 15"):
        indicator(0x10, 0x02)
