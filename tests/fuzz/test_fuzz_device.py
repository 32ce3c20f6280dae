# SPDX-License-Identifier: Apache-2.0
"""A hostile card: whatever it asks for, the device answers it or says in one error that it cannot be read."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from apdu.cat.response import TerminalAnswer
from apdu.errors import RemoteProtocolError
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver
from apdu.sms.userdata import Element, ElementId, UserData
from apdu.tlv.scan import ber
from emulator.device.device import Surroundings
from emulator.network.network import Network
from emulator.network.sms import SmsCentre
from tests.scale import count
from tests.unit.device.fake import Bench, proactive
from tests.unit.device.test_commands import EXCHANGES

COMMANDS = [proactive(command) for _, command, _ in EXCHANGES]


def _broken(dice: random.Random) -> bytes:
    """A command with some bytes changed, cut, doubled, or an object of another command behind it."""
    body = bytearray(dice.choice(COMMANDS)[2:])
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(body)) if dice.random() < 0.1 else dice.randrange(9, len(body) + 1)
        match dice.randrange(4):
            case 0 if at < len(body):
                body[at] = dice.randrange(256)
            case 1:
                body[at:at] = dice.randbytes(dice.randrange(1, 4))
            case 2 if at < len(body) > 12:
                del body[at]
            case _:
                body += dice.choice(COMMANDS)[11:]
    return ber(0xD0, bytes(body[:250]))


@pytest.mark.parametrize("seed", range(4))
def test_any_command_is_answered_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    on = Bench(around=Surroundings(network=Network(sms=SmsCentre(), ussd_menu={"*100#": "12 EUR"})))
    unreadable = 0
    for _ in range(count("fuzz_device") // 4):
        on.card.queue.append(_broken(dice))
        before = len(on.card.answers) + on.card.resets
        try:
            on.poll()
        except RemoteProtocolError:
            unreadable += 1
            on.device.power_up()
            continue
        assert len(on.card.answers) + on.card.resets > before
        if on.card.answers:
            TerminalAnswer.decode(on.card.answers[-1])
        on.clock.now += dice.randrange(100)
        on.device.settle()
    assert unreadable  # and yet most were answered
    assert len(on.card.answers) > unreadable


def test_any_answer_to_a_message_makes_a_report() -> None:
    dice = random.Random(7)
    on = Bench(around=Surroundings(network=Network()))
    time = datetime(2026, 11, 28, tzinfo=UTC)
    data = UserData(b"packet", (Element(ElementId.COMMAND_PACKET),))
    message = Deliver(originator=Address.of("+49123"), time=time, data=data).encode()
    for _ in range(200):
        on.card.envelope_answer = dice.randbytes(dice.randrange(160)) + dice.choice(
            (b"\x90\x00", b"\x63\x00", b"\x62\x81")
        )
        assert len(on.device.deliver(message).encode()) <= 164
