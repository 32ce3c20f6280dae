# SPDX-License-Identifier: Apache-2.0
"""The device around our card: power-up, REFRESH after a profile change, attach, loss of coverage; also over pyscard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters
from apdu.cat.codes import CommandType, LocationStatus, RefreshMode
from apdu.cat.comprehension import GeneralResult, Result
from apdu.cat.proactive import Refresh
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.ota.addressing import SmsAddressing
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport
from apdu.sms.userdata import UserData
from emulator.card import Card
from emulator.device.device import Carried, Device, Surroundings
from emulator.device.link import CardLink, PyscardLink, VirtualLink
from emulator.device.policy import Policy, Reaction
from emulator.device.settings import Settings
from emulator.factory.eum import Bootstrap
from emulator.network.attach import CardNotAuthentic, NetworkNotAccepted
from emulator.network.auc import AuC, Subscriber
from emulator.network.network import Network
from emulator.network.sms import SmsCentre
from tests.require import require
from tests.support.lab import EID, Lab
from tests.support.profile import PIN1, USIM, subscriber
from tests.unit.device.fake import Clock

FIRST = Aid.isd_p(0x10)
Connect = Callable[[Card], CardLink]


def over_pyscard(card: Card) -> CardLink:
    require("pyscard")
    from emulator.readers.inprocess import VirtualReader

    connection = VirtualReader("device", card).createConnection()
    connection.connect()
    return PyscardLink(connection)


def network(*, wrong: bool = False) -> Network:
    person = subscriber()
    auc = AuC(SeededEntropy(b"network"))
    key = bytes(16) if wrong else person.k
    auc.add(Subscriber(person.imsi, AlgorithmParameters(AlgorithmId.MILENAGE, key, person.opc, 0)))
    return Network(auc)


class Bench:
    """A device, its network, and our card."""

    def __init__(
        self,
        connect: Connect = VirtualLink,
        policy: Policy | None = None,
        around: Network | None = None,
        addressing: tuple[bytes, ...] = (),
    ) -> None:
        self.lab = Lab(bootstrap=Bootstrap(subscriber().package, FIRST), addressing=addressing)
        self.network = around or network()
        self.clock = Clock()
        self.carried: list[Carried] = []
        self.device = Device(
            connect(self.lab.card),
            clock=self.clock,
            policy=policy,
            settings=Settings(pin=PIN1),
            surroundings=Surroundings(network=self.network, carried=self.carried.append),
        )
        self.atr = self.device.power_up()
        self.device.settle()

    def check(self) -> None:
        assert self.lab.recorder.errors == []


def service(on: Bench) -> LocationStatus:
    return on.device.service


@pytest.fixture(params=[VirtualLink, over_pyscard], ids=["straight", "pyscard"])
def connect(request: pytest.FixtureRequest) -> Connect:
    found: Connect = request.param
    return found


def test_card_is_powered_up_and_attached(connect: Connect) -> None:
    on = Bench(connect)
    assert on.atr == on.lab.card.atr
    assert on.device.identity is not None
    assert on.device.identity.imsi == subscriber().imsi
    assert on.device.identity.iccid == subscriber().iccid
    assert on.device.registration.attached
    assert on.device.service is LocationStatus.NORMAL
    assert on.device.services
    on.check()


def test_attach_again_after_a_loss_of_coverage(connect: Connect) -> None:
    on = Bench(connect)
    for _ in range(3):
        on.network.lose_coverage()
        on.device.settle()
        assert service(on) is LocationStatus.NO_SERVICE
        assert not on.device.registration.attached
        on.clock.now += 60
        on.device.settle()
        on.network.restore()
        assert service(on) is LocationStatus.LIMITED
        on.device.settle()
        assert service(on) is LocationStatus.NORMAL
    on.check()


def test_coverage_that_comes_late() -> None:
    late = network()
    late.lose_coverage()
    on = Bench(around=late)
    assert on.device.identity is not None
    assert not on.device.registration.attached
    late.restore()
    on.device.settle()
    assert on.device.registration.attached


def test_network_that_does_not_know_the_key_is_not_tried_again() -> None:
    on = Bench(around=network(wrong=True))
    assert isinstance(on.device.fault, NetworkNotAccepted | CardNotAuthentic)
    assert on.device.service is LocationStatus.LIMITED
    assert on.device.registration.due is None


def test_subscriber_that_is_added_later_is_found_by_a_later_attempt() -> None:
    person = subscriber()
    auc = AuC(SeededEntropy(b"network"))
    on = Bench(around=Network(auc))
    assert on.device.fault is not None
    assert on.device.registration.due == on.clock.now + 10
    for _ in range(4):
        on.clock.now += 10
        on.device.settle()
    assert on.device.registration.due == on.clock.now + 720
    auc.add(Subscriber(person.imsi, AlgorithmParameters(AlgorithmId.MILENAGE, person.k, person.opc, 0)))
    on.clock.now += 720
    on.device.settle()
    assert on.device.registration.attached
    assert on.device.fault is None


def test_sequence_numbers_that_lie_behind_are_set_right() -> None:
    on = Bench()
    for _ in range(3):
        on.device.power_up()
        on.device.settle()
    assert not on.device.registration.resynchronised
    on.network.auc = network().auc  # an AuC that starts again
    on.device.power_up()
    on.device.settle()
    assert on.device.registration.attached
    assert on.device.registration.resynchronised


def test_reset_that_the_card_asks_for(connect: Connect) -> None:
    on = Bench(connect)
    on.lab.card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
    on.clock.now += 30  # the next STATUS
    on.device.settle()
    assert on.device.modem.resets == 1
    assert [done.answer for done in on.carried] == [None]
    assert on.device.registration.attached
    on.check()


@pytest.mark.parametrize("mode", [RefreshMode.INITIALISATION, RefreshMode.SESSION_RESET, RefreshMode.APPLICATION_RESET])
def test_refresh_that_the_card_hears_the_end_of(mode: RefreshMode) -> None:
    on = Bench()
    results: list[Result] = []
    on.lab.card.toolkit.submit(Refresh.of(mode), results.append)
    on.device.transmit(bytes.fromhex("80F2000C"))
    on.device.settle()
    assert results == [Result(GeneralResult.DONE)]
    assert on.device.registration.attached
    on.check()


def test_refused_reset_is_asked_for_again_until_the_card_gives_up() -> None:
    refused = Policy({CommandType.REFRESH: Reaction.fail()})
    on = Bench(policy=refused)
    on.lab.card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
    for _ in range(10):
        on.clock.now += 30
        on.device.settle()
    assert len(on.carried) == 4
    assert on.device.modem.resets == 0
    on.check()


def test_profile_change_takes_effect_with_the_reset_of_the_device() -> None:
    """Delayed: until the device resets, the card goes on with the old profile."""
    on = Bench(policy=Policy({CommandType.REFRESH: Reaction(delay=5)}))
    second = on.lab.put_isd_p(0x11, LifeCycle.DISABLED)
    assert second
    on.lab.card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
    on.device.transmit(bytes.fromhex("80F2000C"))
    on.device.settle()
    assert on.device.modem.resets == 0
    on.clock.now += 5
    on.device.settle()
    assert on.device.modem.resets == 1
    on.check()


def test_message_of_class_2_lands_in_ef_sms_of_the_card() -> None:
    on = Bench()
    time = datetime(2026, 11, 28, tzinfo=UTC)
    text = Deliver(originator=Address.of("+49123"), pid=0, dcs=0xF6, time=time, data=UserData(b"M2M")).encode()
    assert on.device.deliver(text, Address.of("+491701")) == DeliverReport()
    on.lab.send(f"00A4040C0C{USIM}")
    on.lab.send("00A4000C026F3C")
    assert on.lab.send("00B2010400").startswith("030491947110" + text.hex().upper())
    on.check()


def test_the_card_hears_of_its_attach_and_tells_its_sm_sr(connect: Connect) -> None:
    """The event list is there before the attach; the notification goes out once, after every reset until confirmed."""
    address = Address.of("+491710000001")
    around, centre = network(), SmsCentre()
    around.sms = centre
    on = Bench(connect, around=around, addressing=(SmsAddressing(address=address).encode(),))
    for number in (1, 2):
        assert len(centre.messages) == number
        message = centre.messages[-1].submit()
        assert message.destination == address
        assert f"4C10{EID}4D01014E0200002F10{FIRST}1408" in message.data.payload.hex().upper()
        on.device.power_up(again=True)
        on.device.settle()
    on.check()
