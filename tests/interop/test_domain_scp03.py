# SPDX-License-Identifier: Apache-2.0
"""SCP03 of the card's security domains against a second implementation: every level, key size and mode.

The host is `tests.unit.channel.scp03_model`, which the published sessions check; the card is the whole card, byte for
byte through its dispatcher: SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, commands with and without data in both
directions.
"""

from __future__ import annotations

import pytest

from apdu.ids import Aid
from tests.support.domains import Domain, lab_with
from tests.support.lab import Lab
from tests.unit.channel.scp03_model import ModelSession, kdf

H = bytes.fromhex
LEVELS = [0x00, 0x01, 0x03, 0x11, 0x13, 0x33]
SIZES = [16, 24, 32]
MODES = {
    "S8, pseudo-random": 0x70,
    "S8, random": 0x60,
    "S16, pseudo-random": 0x71,
    "S16, random": 0x61,
}
DOMAINS = {
    (size, parameter): Domain(
        Aid(H("A00000055910AA") + bytes((size, parameter))),
        bytes(range(size)),
        bytes(range(0x40, 0x40 + size)),
        bytes(range(0x80, 0x80 + size)),
        parameter,
    )
    for size in SIZES
    for parameter in MODES.values()
}


@pytest.fixture(scope="module")
def lab() -> Lab:
    return lab_with(*DOMAINS.values())


def send(lab: Lab, command: bytes) -> bytes:
    """One command; 61xx is followed as a reader does it."""
    answer = lab.card.transmit(command)
    data = answer[:-2]
    while answer[-2] == 0x61:
        answer = lab.card.transmit(bytes((0x00, 0xC0, 0x00, 0x00, answer[-1])))
        data += answer[:-2]
    return data + answer[-2:]


def select(lab: Lab, domain: Domain) -> None:
    answer = send(lab, H("00A40400") + bytes((len(domain.aid),)) + domain.aid + b"\x00")
    assert answer[-2:] == H("9000")
    assert bytes(domain.aid) in answer


def open_session(lab: Lab, domain: Domain, level: int, challenge: bytes) -> ModelSession:
    """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE; checks everything that the card says on the way."""
    size = len(challenge)
    answer = send(lab, H("80503000") + bytes((size,)) + challenge + b"\x00")
    pseudo_random = bool(domain.parameter & 0x10)
    assert len(answer) == 10 + 3 + 2 * size + (3 if pseudo_random else 0) + 2
    assert answer[10:13] == bytes((0x30, 0x03, domain.parameter))
    card_challenge, cryptogram = answer[13 : 13 + size], answer[13 + size : 13 + 2 * size]
    if pseudo_random:  # the host can compute it: counter and AID of the domain under the static key
        counter = answer[13 + 2 * size : -2]
        assert card_challenge == kdf(domain.enc, 2, counter + domain.aid, size * 8)
    session = ModelSession(domain.enc, domain.mac, challenge, card_challenge)
    assert cryptogram == session.card_cryptogram
    assert send(lab, session.external_authenticate(level)) == H("9000")
    return session


def exchange(lab: Lab, session: ModelSession, header: str, data: bytes = b"", le: bytes = b"\x00") -> bytes:
    return session.unwrap_response(send(lab, session.wrap(H(header), data, le)))


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: f"level {level:02X}")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"AES-{size * 8}")
@pytest.mark.parametrize("mode", MODES)
def test_every_level_key_size_and_mode(lab: Lab, mode: str, size: int, level: int) -> None:
    domain = DOMAINS[size, MODES[mode]]
    challenge = bytes(range(0xC0, 0xD0))[: 16 if domain.parameter & 0x01 else 8]
    select(lab, domain)
    session = open_session(lab, domain, level, challenge)
    # no data in, data out; no data either way; data in; data both ways, over block borders; then an error without R-MAC
    assert exchange(lab, session, "80CA00E0")[-2:] == H("9000")
    assert exchange(lab, session, "80CA00D3") == H("D301") + bytes((level,)) + H("9000")
    for length in (1, 10, 11, 12, 27, 60):
        stored = bytes((0x45, length)) + bytes(n & 0x7F for n in range(length))
        block = H("0070") + bytes((len(stored),)) + stored
        assert exchange(lab, session, "80E28800", block, b"") == H("9000")
        assert exchange(lab, session, "80CA0045") == stored + H("9000")
    assert exchange(lab, session, "80CA1234") == H("6A88")
    itself = H("4F") + bytes((len(domain.aid),)) + domain.aid + H("9F70010F")
    entry = H("E3") + bytes((len(itself),)) + itself
    assert exchange(lab, session, "80F28002", H("4F005C034F9F70")) == entry + H("9000")
    assert not lab.recorder.errors


@pytest.mark.parametrize("size", SIZES)
def test_a_level_that_the_parameter_lacks_is_refused(size: int) -> None:
    without_r_mac = Domain(
        Aid(H("A00000055910BB") + bytes((size,))), bytes(size), bytes(range(size)), bytes(range(1, size + 1)), 0x10
    )
    lab = lab_with(without_r_mac)
    for level, sw in ((0x03, "9000"), (0x13, "6A86"), (0x33, "6A86"), (0x02, "6A86")):
        select(lab, without_r_mac)
        challenge = bytes(8)
        answer = send(lab, H("8050300008") + challenge + b"\x00")
        session = ModelSession(without_r_mac.enc, without_r_mac.mac, challenge, answer[13:21])
        assert send(lab, session.external_authenticate(level)) == H(sw)


@pytest.mark.parametrize("parameter", MODES.values(), ids=MODES)
def test_a_repeated_host_challenge_never_meets_the_same_card_challenge(lab: Lab, parameter: int) -> None:
    domain = DOMAINS[16, parameter]
    size = 16 if parameter & 0x01 else 8
    seen = set()
    for _ in range(50):
        select(lab, domain)
        answer = send(lab, H("80503000") + bytes((size,)) + bytes(size) + b"\x00")
        seen.add(answer[13 : 13 + size])
    assert len(seen) == 50


@pytest.mark.parametrize("level", [0x01, 0x03, 0x11, 0x13, 0x33])
def test_one_wrong_bit_of_a_mac_ends_the_session(lab: Lab, level: int) -> None:
    domain = DOMAINS[16, 0x70]
    for bit in range(64):
        select(lab, domain)
        session = open_session(lab, domain, level, bytes(8))
        wrapped = bytearray(session.wrap(H("80E28800"), H("00700345 01FF"), b""))
        wrapped[-1 - bit // 8] ^= 1 << bit % 8
        assert send(lab, bytes(wrapped)) == H("6982")
        # nothing but a new session helps, not even a right command
        assert send(lab, session.wrap(H("80CA00E0"), b"", b"\x00")) == H("6982")
        assert send(lab, H("80CA00E000")) == H("6982")


def test_nothing_of_a_broken_session_was_written(lab: Lab) -> None:
    domain = DOMAINS[16, 0x70]
    select(lab, domain)
    session = open_session(lab, domain, 0x33, bytes(8))
    before = lab.flash.contents()
    wrapped = bytearray(session.wrap(H("80E28800"), H("0070034501EE"), b""))
    wrapped[10] ^= 1
    assert send(lab, bytes(wrapped)) == H("6982")
    assert lab.flash.contents() == before
