# SPDX-License-Identifier: Apache-2.0
"""Our card's SCP03 against the host of yubikey-manager (AES-128, S8, level 33)."""

from __future__ import annotations

import pytest

from apdu.channel.scp03 import Parameter, SecurityLevel
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import MNO_SD
from apdu.keys.entropy import SeededEntropy
from tests.require import require
from tests.unit.channel.vectors_scp03 import DEK, ENC, KEY_SETS, MAC

require("ykman")

from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, ScpState, StaticKeys  # noqa: E402

KEYS = KEY_SETS[0x30]


@pytest.mark.parametrize("parameter", [0x60, 0x70])
def test_session(parameter: int) -> None:
    card = Scp03Card(CardConfiguration(MNO_SD, parameter))

    def send(cla: int, ins: int, p1: int, p2: int, data: bytes) -> bytes:
        assert (cla, ins, p1, p2) == (0x80, 0x50, 0x30, 0x00)
        if parameter & Parameter.PSEUDO_RANDOM:
            return card.initialize_update(KEYS, data, counter=1)
        return card.initialize_update(KEYS, data, entropy=SeededEntropy(b"card"))

    params = Scp03KeyParams(ref=KeyRef(ScpKid.SCP03, 0x30), keys=StaticKeys(ENC, MAC, DEK))
    state, cryptogram = ScpState.scp03_init(send, params)
    head = bytes.fromhex("8482330010") + cryptogram
    command = CommandApdu.parse(head + state.mac(head))
    assert card.external_authenticate(command) is SecurityLevel.ALL

    for size in (0, 1, 15, 16, 17, 200):
        data = bytes(range(size))
        body = state.encrypt(data)
        head = bytes([0x84, 0xE2, 0x91, size, len(body) + 8]) + body
        plain = card.unwrap(CommandApdu.parse(head + state.mac(head) + b"\x00"))
        assert plain == CommandApdu(0x80, 0xE2, 0x91, size, data, 256)
        answer = card.wrap(ResponseApdu(data, 0x9000))
        encrypted = state.unmac(answer.data, answer.sw)
        assert (state.decrypt(encrypted) if encrypted else b"") == data
