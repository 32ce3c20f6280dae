# SPDX-License-Identifier: Apache-2.0
"""The table of SCP03 session states, and the card walking all pairs of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apdu.channel.errors import ChannelError
from apdu.channel.scp03 import TRANSITIONS, Event, SecurityLevel, State
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.command.apdu import CommandApdu
from apdu.ids import ISD_R
from tests.unit.channel.pair import HOST_CHALLENGE, initiated, opened
from tests.unit.channel.vectors_scp03 import KEY_SETS

PLAIN = CommandApdu(0x80, 0xF2, 0x40, 0x02, bytes.fromhex("4F00"), 256)
KEYS = KEY_SETS[0x30]
Sessions = tuple[Scp03Card, Callable[[], CommandApdu], Callable[[], CommandApdu]]


def _none() -> Sessions:
    return Scp03Card(CardConfiguration(ISD_R)), lambda: PLAIN, _authenticate_of_another_session


def _initiated() -> Sessions:
    host, card, answer = initiated()
    return card, lambda: PLAIN, lambda: host.external_authenticate(answer)


def _open() -> Sessions:
    host, card = opened()
    return card, lambda: host.wrap(PLAIN), _authenticate_of_another_session


def _aborted() -> Sessions:
    host, card = opened()
    with pytest.raises(ChannelError):
        card.unwrap(PLAIN)
    return card, lambda: host.wrap(PLAIN), _authenticate_of_another_session


def _authenticate_of_another_session() -> CommandApdu:
    host, _, answer = initiated()
    return host.external_authenticate(answer)


REACH = {State.NONE: _none, State.INITIATED: _initiated, State.OPEN: _open, State.ABORTED: _aborted}
ALL = [pytest.param(state, event, id=f"{state.name} {event.name}") for state in State for event in Event]


def _flip(command: CommandApdu) -> CommandApdu:
    return command._replace(data=command.data[:-1] + bytes([command.data[-1] ^ 1]))


def _happen(card: Scp03Card, event: Event, good: Callable[[], CommandApdu], auth: Callable[[], CommandApdu]) -> None:
    match event:
        case Event.INITIALIZE_UPDATE:
            card.initialize_update(KEYS, HOST_CHALLENGE[:8], counter=9)
        case Event.AUTHENTICATION_GOOD:
            card.external_authenticate(auth())
        case Event.AUTHENTICATION_BAD:
            card.external_authenticate(_flip(auth()))
        case Event.COMMAND_GOOD:
            card.unwrap(good())
        case Event.COMMAND_BAD:
            bad = good()
            card.unwrap(_flip(bad if bad.cla & 0x04 else bad._replace(cla=0x84)))
        case Event.END:
            card.end()


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in State for event in Event}


@pytest.mark.parametrize("state, event", ALL)
def test_walk(state: State, event: Event) -> None:
    card, good, auth = REACH[state]()
    assert card.state is state
    expected = TRANSITIONS[state, event]
    if expected.refused is None:
        _happen(card, event, good, auth)
    else:
        with pytest.raises(ChannelError) as caught:
            _happen(card, event, good, auth)
        assert caught.value.sw == expected.refused
    assert card.state is expected.state
    assert (card.level is SecurityLevel.ALL) == (expected.state is State.OPEN)
    assert (card.keys is KEYS) == (expected.state in (State.INITIATED, State.OPEN))
