# SPDX-License-Identifier: Apache-2.0
"""SCP03t: worked anchors, the model of SCP03 as a second implementation, and everything that must be refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apdu.channel.scp03_host import HostState
from apdu.channel.scp03t import (
    BLOCK_LIMIT,
    MAX_CLEAR,
    TRANSITIONS,
    ErrorCode,
    Event,
    KeyReplacement,
    Scp03tError,
    State,
    header,
    read_block,
    segments,
)
from apdu.channel.scp03t_card import Authenticated, Data, KeysReplaced, Opened, Scp03tCard
from apdu.channel.scp03t_host import Scp03tHost
from apdu.channel.session import SessionKeys, next_sequence_counter
from apdu.errors import DecodeError, EncodeError, LocalProtocolError, M2mError, SecurityError
from apdu.ids import Aid
from apdu.keys.secret import KeySet, SecretKey
from tests.unit.channel.scp03_model import ModelSession, cmac, kdf, pad
from tests.unit.channel.vectors_scp03 import KEY_SETS

H = bytes.fromhex
ISD_P = Aid(H("A0000005591010FFFFFFFF8900001000"))
HOST_CHALLENGE = H("0102030405060708")
KEYS = KEY_SETS[0x30]

# Worked on OpenSSL by a program that shares nothing with this project: keys 00..0F and 10..1F, counter 1.
ANCHOR_84 = H("840A30000102030405060708")
ANCHOR_CHALLENGE = H("29D51943BF6A84B5")
ANCHOR_CRYPTOGRAM = H("2C760955FD3B6AA0")
ANCHOR_84_ANSWER = H("8420" + "00" * 10 + "300370") + ANCHOR_CHALLENGE + ANCHOR_CRYPTOGRAM + H("000001")
ANCHOR_85 = H("851133087E725C4D5AA2EE2D10B66588555023")
ANCHOR_86 = H("8618AC2205D31D2FDEBDD45775EE5957AAFE67AC61C0AC00B04A")
ANCHOR_86_CLEAR = H("3000")
ANCHOR_86_ANSWER = H("8618E2DBD0D559281A8AB55A454416B55436F021BD0DDB0A08EE")
ANCHOR_86_ANSWER_CLEAR = H("30073005A003800100")


def _find(kvn: int) -> tuple[KeySet, int] | None:
    return (KEY_SETS[kvn], 1) if kvn in KEY_SETS else None


def _opened(keys: KeySet = KEYS) -> tuple[Scp03tHost, Scp03tCard]:
    host, card = Scp03tHost(keys, HOST_CHALLENGE, ISD_P), Scp03tCard(ISD_P, _find)
    opened = card.receive(host.initialize_update())
    assert isinstance(opened, Opened)
    authenticated = card.receive(host.external_authenticate(opened.answer))
    assert isinstance(authenticated, Authenticated)
    host.authenticated(authenticated.answer)
    return host, card


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def _refused(card: Scp03tCard, tlv: bytes) -> bytes:
    """The card refuses it, and has no session afterwards."""
    with pytest.raises(Scp03tError) as caught:
        card.receive(tlv)
    assert card.state is State.NONE
    for tag in ("85", "86", "87"):
        with pytest.raises(Scp03tError) as again:
            card.receive(H(tag + "18" + "00" * 24))
        assert again.value.tlv == H("9F4" + tag[1] + "0102")
    with pytest.raises(LocalProtocolError):
        card.respond(b"")
    return caught.value.tlv


# --- known values


def test_anchors() -> None:
    host, card = Scp03tHost(KEYS, HOST_CHALLENGE, ISD_P), Scp03tCard(ISD_P, _find)
    assert host.initialize_update() == ANCHOR_84
    assert card.receive(ANCHOR_84) == Opened(0x30, ANCHOR_84_ANSWER)
    assert host.external_authenticate(ANCHOR_84_ANSWER) == ANCHOR_85
    assert card.receive(ANCHOR_85) == Authenticated(H("8500"))
    host.authenticated(H("8500"))
    assert host.protect(ANCHOR_86_CLEAR) == ANCHOR_86
    assert card.receive(ANCHOR_86) == Data(ANCHOR_86_CLEAR)
    assert card.respond(ANCHOR_86_ANSWER_CLEAR) == ANCHOR_86_ANSWER
    assert host.receive(ANCHOR_86_ANSWER) == ANCHOR_86_ANSWER_CLEAR


class Model:
    """SCP03t on the model of SCP03: TLV headers in the place of APDU headers."""

    def __init__(self, keys: KeySet) -> None:
        enc = keys.enc.reveal()
        challenge = kdf(enc, 2, H("000001") + ISD_P, 64)
        self.session = ModelSession(enc, keys.mac.reveal(), HOST_CHALLENGE, challenge)
        self.session.level = 0x33

    def _head(self, tag: str, length: int) -> bytes:
        sizes = {0: bytes([length & 0xFF]), 1: b"\x81" + bytes([length & 0xFF])}
        return H(tag) + sizes.get((length > 127) + (length > 255), b"\x82" + length.to_bytes(2, "big"))

    def mac(self, tag: str, body: bytes) -> bytes:
        head = self._head(tag, len(body) + 8)
        self.session.chain = cmac(self.session.s_mac, self.session.chain + head + body)
        return head + body + self.session.chain[:8]

    def command(self, clear: bytes, tag: str = "86") -> bytes:
        self.session.counter += 1
        return self.mac(tag, self.session.encrypt(clear))

    def answer(self, clear: bytes) -> bytes:
        body = self.session.encrypt(pad(clear), response=True)
        head = self._head("86", len(body) + 8)
        mac: bytes = cmac(self.session.s_rmac, self.session.chain + head + body)
        return head + body + mac[:8]


@pytest.mark.parametrize("keys", KEY_SETS.values(), ids=lambda keys: f"AES-{len(keys.enc) * 8}")
def test_against_the_model(keys: KeySet) -> None:
    model = Model(keys)
    host, card = Scp03tHost(keys, HOST_CHALLENGE, ISD_P), Scp03tCard(ISD_P, _find)
    opened = card.receive(host.initialize_update())
    assert isinstance(opened, Opened)
    sent = host.external_authenticate(opened.answer)
    assert sent == model.mac("85", b"\x33" + model.session.host_cryptogram)
    card.receive(sent)
    host.authenticated(H("8500"))
    for size in (1, 15, 16, 17, 95, 96, 111, 112, 223, 224, 239, 240, 255, 256, 1000, 1007):
        data = bytes(byte & 0xFF for byte in range(size))
        sent = host.protect(data)
        assert sent == model.command(pad(data))
        assert card.receive(sent) == Data(data)
        for clear in (data, b""):
            answer = card.respond(clear)
            assert answer == (model.answer(clear) if clear else H("8600"))
        assert host.receive(answer) == b""
    assert len(sent) == 1020 <= BLOCK_LIMIT
    assert sent[:4] == H("868203F8")


def test_commands_may_be_protected_ahead() -> None:
    host, card = _opened()
    package = bytes(range(256)) * 9
    sent = [host.protect(segment) for segment in segments(package, 500)]
    answers = []
    for tlv in sent:
        data = card.receive(tlv)
        assert isinstance(data, Data)
        answers.append(card.respond(data.data[:5]))
    assert b"".join(host.receive(answer) for answer in answers[:2]) == package[:5] + package[500:505]
    assert host.receive(answers[2]) == package[1000:1005]


def test_segments() -> None:
    package = bytes(range(256)) * 10
    assert [len(segment) for segment in segments(package)] == [1007, 1007, 546]
    assert b"".join(segments(package)) == package
    assert list(segments(b"")) == []
    for size in (0, 1008):
        with pytest.raises(ValueError, match="segment"):
            segments(package, size)


# --- states


def _none() -> tuple[Scp03tHost, Scp03tCard]:
    return _opened()[0], Scp03tCard(ISD_P, _find)


def _initiated() -> tuple[Scp03tHost, Scp03tCard]:
    card = Scp03tCard(ISD_P, _find)
    card.receive(ANCHOR_84)
    return _opened()[0], card


def _keys87(host: Scp03tHost) -> bytes:
    return host.replace_keys(SessionKeys(*(SecretKey(bytes([n]) * 16) for n in range(3))), bytes(16))


REACH = {State.NONE: _none, State.INITIATED: _initiated, State.OPEN: _opened}
HAPPEN: dict[Event, Callable[[Scp03tHost], bytes]] = {
    Event.INITIALIZE_GOOD: lambda host: ANCHOR_84,
    Event.INITIALIZE_BAD: lambda host: H("840A33000102030405060708"),
    Event.AUTHENTICATE_GOOD: lambda host: ANCHOR_85,
    Event.AUTHENTICATE_BAD: lambda host: _flipped(ANCHOR_85, 100),
    Event.DATA_GOOD: lambda host: host.protect(b"data"),
    Event.DATA_BAD: lambda host: _flipped(host.protect(b"data"), 100),
    Event.KEYS_GOOD: _keys87,
    Event.KEYS_BAD: lambda host: _flipped(_keys87(host), 100),
    Event.MALFORMED: lambda host: H("8800"),
}


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in State for event in Event}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_walk(state: State, event: Event) -> None:
    host, card = REACH[state]()
    assert card.state is state
    expected = TRANSITIONS[state, event]
    if event is Event.END:
        card.end()
    elif expected.refused is None:
        card.receive(HAPPEN[event](host))
    else:
        with pytest.raises(Scp03tError) as caught:
            card.receive(HAPPEN[event](host))
        assert caught.value.code is expected.refused
    assert card.state is expected.state


# --- 84


@pytest.mark.parametrize(
    "tlv, error",
    [
        ("", "900101"),
        ("84", "9F440101"),
        ("8400", "9F440101"),
        ("84093000010203040506", "9F440101"),
        ("8409300001020304050607", "9F440101"),
        ("840B3000010203040506070809", "9F440101"),
        ("840A300001020304050607", "9F440101"),
        ("840A3000010203040506070809", "9F440101"),
        ("84123000" + "00" * 16, "9F440101"),
        ("840A33000102030405060708", "9F440103"),
        ("840A00000102030405060708", "9F440103"),
        ("840A30010102030405060708", "9F440103"),
        ("8800", "900101"),
        ("0000", "900101"),
        ("FF", "900101"),
        ("9F440101", "900101"),
        ("8480" + "00" * 10, "9F440101"),
        ("848300000A30000102030405060708", "9F440101"),
        ("84FFFFFFFF", "9F440101"),
        ("8684FFFFFFFF", "9F460101"),
    ],
)
def test_openings_refused(tlv: str, error: str) -> None:
    for _, card in (_none(), _initiated(), _opened()):
        assert _refused(card, H(tlv)) == H(error)


def test_long_form_of_a_length_is_understood() -> None:
    """BER allows it, and the MAC is made over the header as it came."""
    _, card = _none()
    assert card.receive(H("84810A") + ANCHOR_84[2:]) == Opened(0x30, ANCHOR_84_ANSWER)


def test_the_isd_p_may_refuse() -> None:
    def full(kvn: int) -> tuple[KeySet, int] | None:
        raise Scp03tError(0x84, ErrorCode.SECURITY, "a profile is installed")

    def used_up(kvn: int) -> tuple[KeySet, int] | None:
        return KEYS, next_sequence_counter(0xFFFFFF)

    for find in (full, used_up):
        assert _refused(Scp03tCard(ISD_P, find), ANCHOR_84) == H("9F440102")


# --- 85


def test_every_bit_of_85_counts() -> None:
    for bit in range(16, 8 * len(ANCHOR_85)):
        card = _initiated()[1]
        assert _refused(card, _flipped(ANCHOR_85, bit)) == H("9F450102")
    for size in range(1, len(ANCHOR_85)):
        assert _refused(_initiated()[1], ANCHOR_85[:size]) == H("9F450101")
    assert _refused(_initiated()[1], header(0x85, 16) + ANCHOR_85[2:-1]) == H("9F450101")


def test_a_wrong_cryptogram_under_a_right_mac() -> None:
    for bit in range(64):
        model = Model(KEYS)
        tlv = model.mac("85", b"\x33" + _flipped(model.session.host_cryptogram, bit))
        assert _refused(_initiated()[1], tlv) == H("9F450102")


def test_only_level_33() -> None:
    for level in (0x00, 0x01, 0x03, 0x11, 0x13, 0x31):
        model = Model(KEYS)
        tlv = model.mac("85", bytes([level]) + model.session.host_cryptogram)
        assert _refused(_initiated()[1], tlv) == H("9F450102")


# --- 86


def test_every_bit_of_86_counts() -> None:
    size = len(_opened()[0].protect(b"some data"))
    for bit in range(16, 8 * size):
        host, card = _opened()
        assert _refused(card, _flipped(host.protect(b"some data"), bit)) == H("9F460102")
    for length in range(1, size):
        host, card = _opened()
        assert _refused(card, host.protect(b"some data")[:length]) == H("9F460101")


@pytest.mark.parametrize("size", [0, 8, 15, 16, 23, 25, 40 - 1])
def test_sizes_of_86(size: int) -> None:
    _, card = _opened()
    assert _refused(card, header(0x86, size) + bytes(size)) == H("9F460101")


def test_largest_86() -> None:
    model = Model(KEYS)
    model.mac("85", b"\x33" + model.session.host_cryptogram)
    too_long = model.command(pad(bytes(MAX_CLEAR + 1)))
    assert len(too_long) > BLOCK_LIMIT
    assert _refused(_opened()[1], too_long) == H("9F460101")


def test_replayed_and_lost() -> None:
    host, card = _opened()
    card.receive(sent := host.protect(b"1"))
    assert _refused(card, sent) == H("9F460102")
    host, card = _opened()
    host.protect(b"1")
    assert _refused(card, host.protect(b"2")) == H("9F460102")


@pytest.mark.parametrize("clear", [bytes(16), b"\x80" + bytes(31), bytes(range(16)), b"\x81" + bytes(15)])
def test_wrong_padding_under_a_right_mac(clear: bytes) -> None:
    model = Model(KEYS)
    model.mac("85", b"\x33" + model.session.host_cryptogram)
    with pytest.raises(Scp03tError) as caught:
        _opened()[1].receive(model.command(clear))
    host, card = _opened()
    with pytest.raises(Scp03tError) as wrong_mac:
        card.receive(_flipped(host.protect(b"1"), 100))
    assert str(caught.value) == str(wrong_mac.value)
    assert caught.value.tlv == wrong_mac.value.tlv == H("9F460102")


# --- 87


@pytest.mark.parametrize("keys", KEY_SETS.values(), ids=lambda keys: f"AES-{len(keys.enc) * 8}")
def test_replacement_of_keys(keys: KeySet) -> None:
    host, card = _opened(keys)
    before = host.protect(b"before")
    new = [bytes([n]) * len(keys.enc) for n in (1, 2, 3)]
    chain = bytes(range(16))
    replace = host.replace_keys(SessionKeys(*(SecretKey(value) for value in new)), chain)
    model = Model(keys)
    model.mac("85", b"\x33" + model.session.host_cryptogram)
    assert before == model.command(pad(b"before"))
    content = b"\x80\x10" + chain + b"".join(bytes([0x81 + n, len(new[n])]) + new[n] for n in range(3))
    assert replace == model.command(pad(content), "87")
    session = model.session
    session.s_enc, session.s_mac, session.s_rmac = new
    session.chain, session.counter = chain, 0
    after = host.protect(b"after")
    assert after == model.command(pad(b"after"))
    # the answers of commands protected ahead still come under the keys of their commands
    assert card.receive(before) == Data(b"before")
    first = card.respond(b"old keys")
    assert card.receive(replace) == KeysReplaced(H("8700"))
    assert card.receive(after) == Data(b"after")
    last = card.respond(b"new keys")
    assert last == model.answer(b"new keys")
    assert [host.receive(answer) for answer in (first, H("8700"), last)] == [b"old keys", b"", b"new keys"]


GOOD87 = "8010" + "00" * 16 + "8110" + "01" * 16 + "8210" + "02" * 16 + "8310" + "03" * 16


@pytest.mark.parametrize(
    "old, new",
    [
        ("8010" + "00" * 16, ""),
        ("8010" + "00" * 16, "800F" + "00" * 15),
        ("8110" + "01" * 16, ""),
        ("8110" + "01" * 16, "8118" + "01" * 24),
        ("8110" + "01" * 16, "810F" + "01" * 15),
        ("8310" + "03" * 16, "8300"),
        ("8310" + "03" * 16, "8310" + "03" * 16 + "8400"),
        ("8310" + "03" * 16, "8310" + "03" * 15),
        (GOOD87, "30"),
    ],
)
def test_replacements_refused(old: str, new: str) -> None:
    model = Model(KEYS)
    model.mac("85", b"\x33" + model.session.host_cryptogram)
    assert GOOD87.count(old) == 1
    tlv = model.command(pad(H(GOOD87.replace(old, new))), "87")
    assert _refused(_opened()[1], tlv) == H("9F470101")


def test_every_bit_of_87_counts() -> None:
    size = len(_keys87(_opened()[0]))
    for bit in range(24, 8 * size, 3):
        host, card = _opened()
        assert _refused(card, _flipped(_keys87(host), bit)) == H("9F470102")


# --- the host


def test_the_host_verifies_the_card() -> None:
    for bit in range(8 * 12, 8 * len(ANCHOR_84_ANSWER)):
        host = Scp03tHost(KEYS, HOST_CHALLENGE, ISD_P)
        if bit in {8 * 14 + 0, 8 * 14 + 5, 8 * 14 + 6}:  # reserved bits of i
            continue
        with pytest.raises(M2mError):
            host.external_authenticate(_flipped(ANCHOR_84_ANSWER, bit))
        assert host.state is HostState.FAILED
    for size in range(len(ANCHOR_84_ANSWER)):
        with pytest.raises(DecodeError):
            Scp03tHost(KEYS, HOST_CHALLENGE, ISD_P).external_authenticate(ANCHOR_84_ANSWER[:size])
    with pytest.raises(SecurityError):
        Scp03tHost(KEYS, HOST_CHALLENGE, Aid.isd_p(0x11)).external_authenticate(ANCHOR_84_ANSWER)


@pytest.mark.parametrize("data", [b"x", bytes(16), bytes(300)])
def test_every_bit_of_an_answer_counts(data: bytes) -> None:
    host, card = _opened()
    card.receive(host.protect(b"1"))
    answer = card.respond(data)
    for bit in range(8 * len(answer)):
        host, _ = _opened()
        host.protect(b"1")
        with pytest.raises(M2mError):
            host.receive(_flipped(answer, bit))
        assert host.state is HostState.FAILED
    for size in range(len(answer)):
        host, _ = _opened()
        host.protect(b"1")
        with pytest.raises(M2mError):
            host.receive(answer[:size])


@pytest.mark.parametrize(
    "answer, tag, code",
    [
        ("9F460102", 0x86, 2),
        ("9F450101", 0x85, 1),
        ("9F860102", 0x86, 2),
        ("9F4401AA", 0x84, 0xAA),
        ("900101", 0x86, 1),
    ],
)
def test_error_answers(answer: str, tag: int, code: int) -> None:
    host, _ = _opened()
    host.protect(b"1")
    with pytest.raises(Scp03tError) as caught:
        host.receive(H(answer))
    assert (caught.value.tag, caught.value.code) == (tag, code)
    with pytest.raises(LocalProtocolError):
        host.protect(b"2")


@pytest.mark.parametrize("answer", ["", "86", "8500", "860100", "8608" + "00" * 8, "9F46010200", "9F4600", "8700"])
def test_answers_refused(answer: str) -> None:
    host, _ = _opened()
    host.protect(b"1")
    with pytest.raises((DecodeError, SecurityError)):
        host.receive(H(answer))
    assert host.state is HostState.FAILED


def test_an_answer_to_87_holds_nothing() -> None:
    host, _ = _opened()
    _keys87(host)
    with pytest.raises(SecurityError):
        host.receive(H("8718" + "00" * 24))


def test_the_host_keeps_the_order() -> None:
    host = Scp03tHost(KEYS, HOST_CHALLENGE, ISD_P)
    for step in (lambda: host.protect(b"1"), lambda: host.receive(b""), lambda: host.authenticated(b"")):
        with pytest.raises(LocalProtocolError):
            step()
    host.external_authenticate(ANCHOR_84_ANSWER)
    with pytest.raises(LocalProtocolError):
        host.external_authenticate(ANCHOR_84_ANSWER)
    with pytest.raises(DecodeError):
        host.authenticated(H("850100"))
    host, card = _opened()
    with pytest.raises(LocalProtocolError):
        host.receive(H("8600"))
    for size in (0, MAX_CLEAR + 1):
        with pytest.raises(EncodeError):
            host.protect(bytes(size))
    with pytest.raises(EncodeError):
        card.respond(bytes(MAX_CLEAR + 1))
    for keys, chain in ((24, 16), (16, 15)):
        with pytest.raises(EncodeError):
            host.replace_keys(SessionKeys(*(SecretKey(bytes(keys)) for _ in range(3))), bytes(chain))
    with pytest.raises(ValueError, match="host challenge"):
        Scp03tHost(KEYS, bytes(16), ISD_P)


def test_blocks() -> None:
    for length in (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x3F8, 0xFFFF):
        head = header(0x86, length)
        assert read_block(head + bytes(length)) == (0x86, len(head), head + bytes(length))
    assert header(0x86, 0x3F8) == H("868203F8")


def test_no_key_in_any_text() -> None:
    host, card = _opened()
    replacement = KeyReplacement(chain=bytes(16), enc=b"\x5a" * 16, mac=b"\x5a" * 16, rmac=b"\x5a" * 16)
    text = f"{host!r} {card!r} {replacement!r} {replacement}"
    assert "ZZ" not in text
    assert "5a5a" not in text.lower()
