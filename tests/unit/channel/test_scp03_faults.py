# SPDX-License-Identifier: Apache-2.0
"""SCP03: everything that must be refused, at both ends."""

from __future__ import annotations

import itertools

import pytest

from apdu.channel.errors import ChannelError
from apdu.channel.scp03 import Parameter, SecurityLevel, State
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.channel.scp03_host import HostState, Scp03Host
from apdu.channel.session import ENCRYPTION_COUNTER_LIMIT, SEQUENCE_COUNTER_LIMIT, next_sequence_counter
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, LocalProtocolError, SecurityError, StatusError
from apdu.ids import ECASD, ISD_R
from tests.unit.channel.pair import FULL, HOST_CHALLENGE, OK, initiated, opened
from tests.unit.channel.scp03_model import ModelSession
from tests.unit.channel.vectors_scp03 import KEY_SETS

KEYS = KEY_SETS[0x30]
COMMAND = CommandApdu(0x80, 0xE2, 0x91, 0x05, bytes(range(20)), 256)
PROTECTED = [level for level in SecurityLevel if level]


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def _refused(card: Scp03Card, command: CommandApdu) -> str:
    """The card refuses it as any other fault, and everything after it."""
    with pytest.raises(ChannelError) as caught:
        card.unwrap(command)
    assert caught.value.sw == SW.SECURITY_STATUS
    assert card.state is State.ABORTED
    for following in (COMMAND, command):
        with pytest.raises(ChannelError) as again:
            card.unwrap(following)
        assert again.value.sw == SW.SECURITY_STATUS
    return str(caught.value)


@pytest.mark.parametrize("level", PROTECTED)
def test_every_bit_of_a_command_counts(level: SecurityLevel) -> None:
    size = len(opened(level)[0].wrap(COMMAND).data)
    texts = set()
    for bit in range(8 * size):
        host, card = opened(level)
        wrapped = host.wrap(COMMAND)
        texts.add(_refused(card, wrapped._replace(data=_flipped(wrapped.data, bit))))
    for field, bit in itertools.product(("ins", "p1", "p2"), range(8)):
        host, card = opened(level)
        wrapped = host.wrap(COMMAND)
        changed = wrapped._replace(**{field: getattr(wrapped, field) ^ 1 << bit})
        texts.add(_refused(card, changed))
    assert len(texts) == 1


@pytest.mark.parametrize("level", PROTECTED)
def test_every_length_of_a_command_counts(level: SecurityLevel) -> None:
    size = len(opened(level)[0].wrap(COMMAND).data)
    for length in range(size):
        host, card = opened(level)
        wrapped = host.wrap(COMMAND)
        _refused(card, wrapped._replace(data=wrapped.data[:length]))
    host, card = opened(level)
    wrapped = host.wrap(COMMAND)
    _refused(card, wrapped._replace(data=wrapped.data + b"\x00"))


@pytest.mark.parametrize("level", PROTECTED)
def test_plain_replayed_reordered_and_foreign_commands(level: SecurityLevel) -> None:
    _, card = opened(level)
    plain = _refused(card, COMMAND)
    host, card = opened(level)
    card.unwrap(wrapped := host.wrap(COMMAND))
    replayed = _refused(card, wrapped)
    host, card = opened(level)
    host.wrap(COMMAND)
    lost = _refused(card, host.wrap(COMMAND))
    host, _ = opened(level, keys=KEY_SETS[0x31])
    _, card = opened(level)
    foreign = _refused(card, host.wrap(COMMAND))
    host, card = opened(level)
    kind = _refused(card, host.wrap(COMMAND)._replace(cla=0x04))
    assert plain == replayed == lost == foreign == kind


def test_a_protected_command_where_none_was_agreed() -> None:
    _, card = opened(SecurityLevel.AUTHENTICATED)
    assert card.unwrap(COMMAND) == COMMAND
    assert card.wrap(ResponseApdu(b"data", 0x9000)) == ResponseApdu(b"data", 0x9000)
    _refused(card, COMMAND._replace(cla=0x84))


@pytest.mark.parametrize(
    "clear",
    [bytes(16), bytes(32), b"\x81" + bytes(15), b"\x80" + bytes(31), bytes(range(16)), b"\x80" * 15 + b"\x01", b""],
    ids=["all zero", "two blocks of zero", "no mark", "mark one block too early", "no padding", "mark hidden", "none"],
)
def test_wrong_padding_under_a_right_mac(clear: bytes) -> None:
    """Padding is looked at after the MAC, and its fault looks like a wrong MAC (6.2.6)."""
    host, card, answer = initiated()
    model = ModelSession(KEYS.enc.reveal(), KEYS.mac.reveal(), HOST_CHALLENGE[:8], answer.data[13:21])
    card.external_authenticate(host.external_authenticate(answer))
    model.external_authenticate(0x33)
    model.counter = 1
    header = bytes.fromhex("84E29100")
    cipher = model.encrypt(clear) if clear else b"\x00" * 15
    raw = header + model.command_mac(header, cipher)
    text = _refused(card, CommandApdu.parse(raw))
    assert text == _refused(opened()[1], COMMAND)


# --- opening


@pytest.mark.parametrize("parameter", [FULL, FULL | Parameter.S16])
def test_every_bit_of_external_authenticate_counts(parameter: int) -> None:
    size = 32 if parameter & Parameter.S16 else 16
    texts = set()
    for bit in range(8 * size):
        host, card, answer = initiated(parameter=parameter)
        command = host.external_authenticate(answer)
        with pytest.raises(ChannelError) as caught:
            card.external_authenticate(command._replace(data=_flipped(command.data, bit)))
        texts.add(str(caught.value))
        assert caught.value.sw == SW.AUTHENTICATION_FAILED
        assert card.state is State.NONE
        with pytest.raises(ChannelError) as again:
            card.external_authenticate(command)
        assert again.value.sw == SW.CONDITIONS_OF_USE
    assert len(texts) == 1


@pytest.mark.parametrize("bit", range(64))
def test_a_wrong_cryptogram_under_a_right_mac(bit: int) -> None:
    _, card, answer = initiated()
    model = ModelSession(KEYS.enc.reveal(), KEYS.mac.reveal(), HOST_CHALLENGE[:8], answer.data[13:21])
    model.host_cryptogram = _flipped(model.host_cryptogram, bit)
    with pytest.raises(ChannelError) as caught:
        card.external_authenticate(CommandApdu.parse(model.external_authenticate(0x33)))
    assert caught.value.sw == SW.AUTHENTICATION_FAILED


@pytest.mark.parametrize(
    "change, sw",
    [
        ({"p1": 0x11}, SW.AUTHENTICATION_FAILED),
        ({"p1": 0x31}, SW.WRONG_P1P2),
        ({"p1": 0x02}, SW.WRONG_P1P2),
        ({"p1": 0xB3}, SW.WRONG_P1P2),
        ({"p2": 0x01}, SW.WRONG_P1P2),
        ({"cla": 0x80}, SW.SECURITY_STATUS),
        ({"ins": 0x84}, SW.SECURITY_STATUS),
        ({"data": b""}, SW.WRONG_LENGTH),
        ({"data": bytes(15)}, SW.WRONG_LENGTH),
        ({"data": bytes(17)}, SW.WRONG_LENGTH),
        ({"data": bytes(16)}, SW.AUTHENTICATION_FAILED),
    ],
)
def test_external_authenticate_refused(change: dict[str, int | bytes], sw: SW) -> None:
    host, card, answer = initiated()
    command = host.external_authenticate(answer)
    with pytest.raises(ChannelError) as caught:
        card.external_authenticate(command._replace(**change))  # type: ignore[arg-type]
    assert caught.value.sw == sw
    assert card.state is State.NONE
    assert card.keys is None


@pytest.mark.parametrize(
    "parameter, refused",
    [
        (Parameter.PSEUDO_RANDOM, {0x11, 0x13, 0x33}),
        (Parameter.PSEUDO_RANDOM | Parameter.R_MAC, {0x33}),
        (FULL | Parameter.PSEUDO_RANDOM, set()),
    ],
)
@pytest.mark.parametrize("level", SecurityLevel)
def test_levels_that_the_parameter_does_not_serve(parameter: int, refused: set[int], level: SecurityLevel) -> None:
    host, card, answer = initiated(level, parameter=parameter)
    if level in refused:
        with pytest.raises(SecurityError, match="does not serve"):
            host.external_authenticate(answer)
        patched = answer.data[:12] + bytes([0x70]) + answer.data[13:]  # a host that believes otherwise
        host, _, _ = initiated(level, parameter=parameter)
        command = host.external_authenticate(ResponseApdu(patched, 0x9000))
        with pytest.raises(ChannelError) as caught:
            card.external_authenticate(command)
        assert caught.value.sw == SW.WRONG_P1P2
    else:
        assert card.external_authenticate(host.external_authenticate(answer)) is level


def test_a_domain_may_demand_one_level() -> None:
    card = Scp03Card(CardConfiguration(ISD_R, levels=frozenset({SecurityLevel.ALL})))
    for level in SecurityLevel:
        host = Scp03Host(KEYS, level, HOST_CHALLENGE[:8], ISD_R)
        answer = card.initialize_update(KEYS, HOST_CHALLENGE[:8], counter=1)
        command = host.external_authenticate(ResponseApdu(answer, 0x9000))
        if level is SecurityLevel.ALL:
            assert card.external_authenticate(command) is level
        else:
            with pytest.raises(ChannelError) as caught:
                card.external_authenticate(command)
            assert caught.value.sw == SW.WRONG_P1P2


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_host_challenge_of_a_wrong_length(size: int) -> None:
    card = Scp03Card(CardConfiguration(ISD_R))
    with pytest.raises(ChannelError) as caught:
        card.initialize_update(KEYS, bytes(size), counter=1)
    assert caught.value.sw == SW.WRONG_LENGTH


def test_initialize_update_ends_the_session_even_when_it_fails() -> None:
    _, card = opened()
    with pytest.raises(ChannelError):
        card.initialize_update(KEYS, b"", counter=1)
    assert card.state is State.NONE


def test_the_source_of_the_challenge_must_be_given() -> None:
    for parameter in (FULL, FULL | Parameter.PSEUDO_RANDOM):
        with pytest.raises(ValueError, match="challenges need"):
            Scp03Card(CardConfiguration(ISD_R, parameter)).initialize_update(KEYS, bytes(8))


# --- counters


def test_sequence_counter() -> None:
    assert next_sequence_counter(0) == 1
    assert next_sequence_counter(SEQUENCE_COUNTER_LIMIT - 1) == SEQUENCE_COUNTER_LIMIT
    with pytest.raises(ChannelError) as caught:
        next_sequence_counter(SEQUENCE_COUNTER_LIMIT)
    assert caught.value.sw == SW.CONDITIONS_OF_USE


def test_encryption_counter_at_its_end() -> None:
    host, card = opened()
    for end in (host, card):
        assert end._session is not None
        end._session.counter = ENCRYPTION_COUNTER_LIMIT - 1
    assert card.unwrap(host.wrap(COMMAND)) == COMMAND
    assert host.unwrap(card.wrap(OK)) == OK
    with pytest.raises(SecurityError, match="used up"):
        host.wrap(COMMAND)
    host, card = opened()
    assert card._session is not None
    card._session.counter = ENCRYPTION_COUNTER_LIMIT
    _refused(card, host.wrap(COMMAND))


# --- the host


def test_every_bit_of_the_answer_to_initialize_update_counts() -> None:
    """All but the diversification data, which only name the card, and the bits of i that are reserved."""
    _, _, answer = initiated()
    reserved = {8 * 12 + 0, 8 * 12 + 5, 8 * 12 + 6}
    for bit in sorted(set(range(80, 8 * len(answer.data))) - reserved):
        host, _, answer = initiated()
        with pytest.raises((SecurityError, DecodeError)):
            host.external_authenticate(ResponseApdu(_flipped(answer.data, bit), 0x9000))
        assert host.state is HostState.FAILED
        with pytest.raises(LocalProtocolError):
            host.external_authenticate(answer)


def test_answers_to_initialize_update_that_do_not_fit() -> None:
    for parameter in (FULL, FULL | Parameter.PSEUDO_RANDOM, FULL | Parameter.S16):
        _, _, answer = initiated(parameter=parameter)
        for size in (*range(len(answer.data)), len(answer.data) + 1):
            host, _, answer = initiated(parameter=parameter)
            with pytest.raises(DecodeError):
                host.external_authenticate(ResponseApdu((answer.data + b"\x00")[:size], 0x9000))
    host, _, _ = initiated()
    with pytest.raises(StatusError):
        host.external_authenticate(ResponseApdu(b"", 0x6A88))


def test_a_pseudo_random_challenge_belongs_to_an_application() -> None:
    host = Scp03Host(KEYS, SecurityLevel.ALL, HOST_CHALLENGE[:8], ECASD)
    _, _, answer = initiated()
    with pytest.raises(SecurityError):
        host.external_authenticate(answer)


def test_external_authenticate_refused_by_the_card() -> None:
    host, _, answer = initiated()
    host.external_authenticate(answer)
    with pytest.raises(StatusError):
        host.authenticated(ResponseApdu(b"", 0x6300))
    with pytest.raises(LocalProtocolError):
        host.wrap(COMMAND)


@pytest.mark.parametrize("level", [level for level in SecurityLevel if level & 0x10])
@pytest.mark.parametrize("data", [b"", bytes(5), bytes(16)])
def test_every_bit_of_an_answer_counts(level: SecurityLevel, data: bytes) -> None:
    host, card = opened(level)
    card.unwrap(host.wrap(COMMAND))
    size = len(card.wrap(ResponseApdu(data, 0x9000)).data)
    for bit in range(8 * size):
        host, card = opened(level)
        card.unwrap(host.wrap(COMMAND))
        answer = card.wrap(ResponseApdu(data, 0x9000))
        with pytest.raises(SecurityError):
            host.unwrap(answer._replace(data=_flipped(answer.data, bit)))
        assert host.state is HostState.FAILED
    for length in range(size):
        host, card = opened(level)
        card.unwrap(host.wrap(COMMAND))
        answer = card.wrap(ResponseApdu(data, 0x9000))
        with pytest.raises(SecurityError):
            host.unwrap(answer._replace(data=answer.data[:length]))
    for sw in (0x6283, 0x6310, 0x63C0):
        host, card = opened(level)
        card.unwrap(host.wrap(COMMAND))
        with pytest.raises(SecurityError):
            host.unwrap(card.wrap(ResponseApdu(data, 0x9000))._replace(sw=sw))


def test_an_error_with_data_is_refused_by_the_host() -> None:
    host, card = opened()
    card.unwrap(host.wrap(COMMAND))
    with pytest.raises(SecurityError):
        host.unwrap(ResponseApdu(b"forged", 0x6A80))


def test_the_host_keeps_the_order() -> None:
    host, card, answer = initiated()
    for step in (lambda: host.wrap(COMMAND), lambda: host.unwrap(OK), lambda: host.authenticated(OK)):
        with pytest.raises(LocalProtocolError):
            step()
    card.external_authenticate(host.external_authenticate(answer))
    with pytest.raises(LocalProtocolError):
        host.external_authenticate(answer)
    host.authenticated(OK)
    with pytest.raises(LocalProtocolError, match="without a command"):
        host.unwrap(OK)


def test_a_host_challenge_has_8_or_16_bytes() -> None:
    with pytest.raises(ValueError, match="host challenge"):
        Scp03Host(KEYS, SecurityLevel.ALL, bytes(9), ISD_R)


def test_no_key_in_any_text() -> None:
    host, card = opened()
    values = [key.reveal().hex() for key in (KEYS.enc, KEYS.mac, KEYS.dek)]
    text = f"{KEYS!r} {host!r} {card!r} {KEYS.enc} {host.keys}".lower()
    assert not [value for value in values if value in text]
