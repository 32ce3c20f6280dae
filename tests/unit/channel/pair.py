# SPDX-License-Identifier: Apache-2.0
"""Opened pairs of host and card for the tests of the secure channels."""

from __future__ import annotations

from apdu.channel.scp03 import Parameter, SecurityLevel
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.channel.scp03_host import Scp03Host
from apdu.command.apdu import ResponseApdu
from apdu.ids import ISD_R
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet
from tests.unit.channel.vectors_scp03 import KEY_SETS

OK = ResponseApdu(b"", 0x9000)
FULL = Parameter.R_MAC | Parameter.R_ENCRYPTION
HOST_CHALLENGE = bytes.fromhex("A0A1A2A3A4A5A6A7A8A9AAABACADAEAF")


def initiated(
    level: SecurityLevel = SecurityLevel.ALL,
    *,
    keys: KeySet = KEY_SETS[0x30],
    parameter: int = FULL | Parameter.PSEUDO_RANDOM,
    channel: int = 0,
) -> tuple[Scp03Host, Scp03Card, ResponseApdu]:
    """A pair after INITIALIZE UPDATE, with its answer."""
    s16 = parameter & (Parameter.S16 | Parameter.S16_ALTERNATIVE)
    host = Scp03Host(keys, level, HOST_CHALLENGE[: 16 if s16 else 8], ISD_R, channel=channel)
    card = Scp03Card(CardConfiguration(ISD_R, parameter))
    challenge = host.initialize_update().data
    if parameter & Parameter.PSEUDO_RANDOM:
        answer = card.initialize_update(keys, challenge, counter=7)
    else:
        answer = card.initialize_update(keys, challenge, entropy=SeededEntropy(b"card"))
    return host, card, ResponseApdu(answer, 0x9000)


def opened(
    level: SecurityLevel = SecurityLevel.ALL,
    *,
    keys: KeySet = KEY_SETS[0x30],
    parameter: int = FULL | Parameter.PSEUDO_RANDOM,
    channel: int = 0,
) -> tuple[Scp03Host, Scp03Card]:
    """A pair with an open session."""
    host, card, answer = initiated(level, keys=keys, parameter=parameter, channel=channel)
    card.external_authenticate(host.external_authenticate(answer))
    host.authenticated(OK)
    return host, card
