# SPDX-License-Identifier: Apache-2.0
"""SCP03: every level, key length, S8 and S16, random and pseudo-random challenge, against the model, both ends."""

from __future__ import annotations

import itertools

import pytest

from apdu.channel.scp03 import Parameter, SecurityLevel
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.keys.secret import KeySet
from tests.unit.channel.pair import FULL, HOST_CHALLENGE, OK, initiated, opened
from tests.unit.channel.scp03_model import ModelSession
from tests.unit.channel.vectors_scp03 import KEY_SETS

COMMANDS = (
    (b"", b""),
    (b"", b"\x00"),
    (b"\x01", b""),
    (bytes(range(15)), b"\x00"),
    (bytes(range(16)), b"\x00"),
    (bytes(range(17)), b""),
    (b"\x80" + bytes(31), b"\x00"),
    (bytes(222), b"\x00"),
)
ANSWERS = (
    (b"", b"\x90\x00"),
    (b"\x80", b"\x90\x00"),
    (bytes(16), b"\x90\x00"),
    (bytes(range(47)), b"\x62\x83"),
    (b"", b"\x63\xc2"),
    (b"", b"\x6a\x88"),
    (b"", b"\x69\x85"),
    (bytes(200), b"\x90\x00"),
)
PARAMETERS = {
    "S8 pseudo-random": FULL | Parameter.PSEUDO_RANDOM,
    "S8 random": FULL,
    "S16 pseudo-random": FULL | Parameter.PSEUDO_RANDOM | Parameter.S16,
    "S16 random": FULL | Parameter.S16,
    "S16 in the other bit": FULL | Parameter.S16_ALTERNATIVE,
}
CASES = [
    pytest.param(level, keys, parameter, id=f"{level.name} AES-{len(keys.enc) * 8} {name}")
    for level, keys, (name, parameter) in itertools.product(SecurityLevel, KEY_SETS.values(), PARAMETERS.items())
]


def _model(level: SecurityLevel, keys: KeySet, parameter: int, answer: bytes) -> ModelSession:
    size = 16 if parameter & (Parameter.S16 | Parameter.S16_ALTERNATIVE) else 8
    model = ModelSession(keys.enc.reveal(), keys.mac.reveal(), HOST_CHALLENGE[:size], answer[13 : 13 + size])
    assert answer[13 + size : 13 + 2 * size] == model.card_cryptogram
    assert len(answer) == 13 + 2 * size + (3 if parameter & Parameter.PSEUDO_RANDOM else 0)
    return model


@pytest.mark.parametrize("level, keys, parameter", CASES)
def test_both_ends_against_the_model(level: SecurityLevel, keys: KeySet, parameter: int) -> None:
    host, card, answer = initiated(level, keys=keys, parameter=parameter)
    model = _model(level, keys, parameter, answer.data)
    authenticate = host.external_authenticate(answer)
    assert authenticate.encode() == model.external_authenticate(level)
    assert card.external_authenticate(authenticate) is level
    host.authenticated(OK)
    for (data, le), (answer_data, sw) in zip(COMMANDS, ANSWERS, strict=True):
        header = bytes.fromhex("80E29105")
        plain = CommandApdu.parse(header + (bytes([len(data)]) + data if data else b"") + le)
        wrapped = host.wrap(plain)
        assert wrapped.encode() == model.wrap(header, data, le)
        assert card.unwrap(CommandApdu.parse(wrapped.encode())) == plain
        response = card.wrap(ResponseApdu(answer_data, int.from_bytes(sw, "big")))
        assert response.encode() == model.wrap_response(answer_data, sw)
        assert host.unwrap(response).encode() == answer_data + sw


@pytest.mark.parametrize("level, keys, parameter", CASES)
def test_the_model_reads_the_host(level: SecurityLevel, keys: KeySet, parameter: int) -> None:
    host, _, answer = initiated(level, keys=keys, parameter=parameter)
    model = _model(level, keys, parameter, answer.data)
    host.external_authenticate(answer)
    model.external_authenticate(level)
    host.authenticated(OK)
    for data, _ in COMMANDS:
        wrapped = host.wrap(CommandApdu(0x80, 0xE2, 0x91, 0, data))
        assert (model.unwrap_body(wrapped.data) if level else wrapped.data) == data


@pytest.mark.parametrize("channel", range(20))
def test_the_channel_is_not_part_of_the_mac(channel: int) -> None:
    """The C-MAC is made with class 84 on every channel (Amendment D 6.2.4)."""
    basic, _ = opened()
    host, card = opened(channel=channel)
    cla = 0x80 | channel if channel < 4 else 0xC0 | (channel - 4)
    secured = 0x84 | channel if channel < 4 else 0xE0 | (channel - 4)
    wrapped = host.wrap(CommandApdu(cla, 0xE2, 0x91, 0, b"data", 256))
    assert wrapped.cla == secured
    assert wrapped.data == basic.wrap(CommandApdu(0x80, 0xE2, 0x91, 0, b"data", 256)).data
    assert card.unwrap(wrapped) == CommandApdu(cla, 0xE2, 0x91, 0, b"data", 256)


def test_interindustry_class() -> None:
    host, card = opened()
    command = CommandApdu(0x00, 0xCA, 0x00, 0x5A, b"", 256)
    wrapped = host.wrap(command)
    assert wrapped.cla == 0x04
    assert card.unwrap(wrapped) == command


@pytest.mark.parametrize("size", [223, 224, 239, 240, 246, 247, 248, 255, 256, 1000, 4000])
def test_long_commands(size: int) -> None:
    """Lc goes into the MAC in one byte while data and MAC fit into 255, else in three (GPCS 11.1.5)."""
    host, card, answer = initiated()
    keys = KEY_SETS[0x30]
    model = ModelSession(keys.enc.reveal(), keys.mac.reveal(), HOST_CHALLENGE[:8], answer.data[13:21])
    card.external_authenticate(host.external_authenticate(answer))
    model.external_authenticate(0x33)
    host.authenticated(OK)
    data = bytes(size)
    wrapped = host.wrap(CommandApdu(0x80, 0xE2, 0x91, 0, data))
    assert wrapped.encode() == model.wrap(bytes.fromhex("80E29100"), data, b"")
    assert wrapped.extended == (len(wrapped.data) > 255)
    assert card.unwrap(CommandApdu.parse(wrapped.encode())).data == data


def test_empty_data_under_encryption_is_no_data() -> None:
    """Some hosts encrypt a command without data as one block of padding; what comes out is a command without data."""
    host, card, answer = initiated()
    keys = KEY_SETS[0x30]
    model = ModelSession(keys.enc.reveal(), keys.mac.reveal(), HOST_CHALLENGE[:8], answer.data[13:21])
    card.external_authenticate(host.external_authenticate(answer))
    model.external_authenticate(0x33)
    model.counter += 1
    header = bytes.fromhex("84F28002")
    body = model.encrypt(b"\x80" + bytes(15))
    raw = header + model.command_mac(header, body) + b"\x00"
    assert card.unwrap(CommandApdu.parse(raw)) == CommandApdu(0x80, 0xF2, 0x80, 0x02, b"", 256)


def test_commands_may_be_wrapped_ahead() -> None:
    host, card = opened()
    commands = [CommandApdu(0x80, 0xE2, 0x00, number, bytes(number)) for number in range(10)]
    wrapped = [host.wrap(command) for command in commands]
    answers = []
    for number, command in enumerate(wrapped):
        assert card.unwrap(command) == commands[number]
        answers.append(card.wrap(ResponseApdu(bytes(3 * number), 0x9000)))
    for number, answer in enumerate(answers):
        assert host.unwrap(answer) == ResponseApdu(bytes(3 * number), 0x9000)


@pytest.mark.parametrize("sw", [0x9110, 0x6105])
def test_the_transport_changes_9000_after_the_r_mac(sw: int) -> None:
    host, card = opened()
    card.unwrap(host.wrap(CommandApdu(0x80, 0xE2, 0x91, 0)))
    wire = card.wrap(ResponseApdu(b"", 0x9000))
    assert host.unwrap(ResponseApdu(wire.data, sw)) == ResponseApdu(b"", sw)


def test_an_error_loses_its_data() -> None:
    host, card = opened()
    card.unwrap(host.wrap(CommandApdu(0x80, 0xE2, 0x91, 0)))
    wire = card.wrap(ResponseApdu(b"never sent", 0x6985))
    assert wire == ResponseApdu(b"", 0x6985)
    assert host.unwrap(wire) == wire
