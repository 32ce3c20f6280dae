# SPDX-License-Identifier: Apache-2.0
"""Queues of cards, the choice of the bearer, what strangers send by SMS, and cards in readers."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import M2mError, RemoteProtocolError
from apdu.ids import ISD_R, Aid
from apdu.keys.entropy import SeededEntropy
from apdu.script import ApduScript, Batch
from apdu.sms.address import Address
from apdu.sms.tpdu import DeliverReport, Submit
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.device.modem import Modem
from smsr.api.eis_parts import NO_SUBSCRIPTION
from smsr.bearers.reader import ReaderBearer
from smsr.errors import Refused
from smsr.ota.carrier import Way
from smsr.ota.task import OutcomeUnknown, Task, command_task
from smsr.scripts.addressing import update_addressing
from smsr.scripts.audit import isd_p_states
from smsr.scripts.lifecycle import enable_profile
from tests.support.air import EID, FIRST, Air, number_of

ATTACKER = Address.of("+666")


def quiet(**changes: object) -> Air:
    """Everybody, after the first notification."""
    air = Air(way=None, **changes)  # type: ignore[arg-type]
    air.settle()
    return air


def ask() -> Task[object]:
    return command_task(isd_p_states(), "ES5.GetStatus")


def run(air: Air, task: Task[object], way: Way | None = None) -> Task[object]:
    air.ota.dispatcher.submit(EID, task, way)
    air.wait(lambda: task.done)
    return task


# --- the choice


def test_commands_by_sms_and_downloads_over_https() -> None:
    air = quiet()
    choose = air.ota.dispatcher.choose
    assert (choose(EID, False), choose(EID, True)) == (Way.SMS, Way.HTTPS)
    assert choose(EID, False, Way.HTTPS) is Way.HTTPS
    run(air, ask(), Way.HTTPS)
    assert choose(EID, False) is Way.HTTPS  # the session is open
    assert choose(EID, False, Way.SMS) is Way.SMS
    air.settle(30)
    assert choose(EID, False) is Way.SMS


def test_a_card_without_https_gets_everything_by_sms() -> None:
    air = quiet()
    eis = air.eis
    keysets = tuple(keyset for keyset in eis.isd_r.keysets if keyset.version < 0x40)
    air.store.put(replace(eis, isd_r=replace(eis.isd_r, keysets=keysets)))
    assert air.ota.dispatcher.choose(EID, True) is Way.SMS
    with pytest.raises(Refused, match="https"):
        air.ota.dispatcher.choose(EID, True, Way.HTTPS)


def test_a_card_that_cannot_be_reached_is_said_to_be() -> None:
    air = quiet()
    (profile,) = air.eis.profiles
    air.store.put(replace(air.eis, profiles=(replace(profile, subscription=NO_SUBSCRIPTION),)))
    with pytest.raises(Refused, match="cannot be reached"):
        air.bearer.run(isd_p_states())


# --- the queue


def test_tasks_of_a_card_run_in_their_order() -> None:
    air = quiet()
    done: list[int] = []
    tasks = [ask() for _ in range(5)]
    for number, task in enumerate(tasks):
        task.finished = lambda number=number: done.append(number)  # type: ignore[misc]
        air.ota.dispatcher.submit(EID, task, Way.HTTPS if number % 2 else Way.SMS)
    air.wait(lambda: all(task.done for task in tasks))
    assert done == [0, 1, 2, 3, 4]


def test_a_task_that_fails_does_not_stop_the_next() -> None:
    air = quiet()

    def broken() -> ApduScript[object]:
        yield Batch(ISD_R, (CommandApdu(0x80, 0xCA, 0x00, 0x00),))
        raise RemoteProtocolError("as the test wants")

    first, second = command_task(broken()), ask()
    air.ota.dispatcher.submit(EID, first)
    run(air, second)
    with pytest.raises(RemoteProtocolError, match="as the test wants"):
        first.result  # noqa: B018


def test_a_script_too_long_for_sms_is_refused_in_words() -> None:
    air = quiet()

    def long() -> ApduScript[object]:
        return (yield Batch(ISD_R, (CommandApdu(0x80, 0xE2, 0x88, 0, bytes(3000)),)))

    task = run(air, command_task(long()), Way.SMS)
    with pytest.raises(M2mError, match="does not fit"):
        task.result  # noqa: B018
    run(air, ask(), Way.SMS)


def test_what_nobody_waits_for_any_more_is_not_sent_later() -> None:
    air = quiet()
    first, following = ask(), ask()
    air.ota.dispatcher.submit(EID, first, Way.SMS)
    impatient = air.ota.bearer(EID, lambda done: None, way=Way.SMS)
    with pytest.raises(OutcomeUnknown, match="any longer"):
        impatient.run(isd_p_states())
    air.ota.dispatcher.submit(EID, following, Way.SMS)
    before = air.sms.delivered
    air.wait(lambda: following.done)
    assert air.sms.delivered - before == 2


def test_a_card_that_came_need_not_say_that_it_was_called() -> None:
    air = quiet()
    taken = air.ota.sms.submitted
    air.ota.sms.submitted = lambda sender, tpdu: None  # type: ignore[method-assign]  # proofs of receipt get lost
    run(air, ask(), Way.HTTPS)
    air.ota.sms.submitted = taken  # type: ignore[method-assign]
    before = air.clock.now
    run(air, ask(), Way.SMS)
    assert air.clock.now - before < 5
    assert air.channels is not None
    air.settle(300)
    assert air.channels.opened == 1


# --- strangers


def test_atk_45_what_strangers_and_broken_cards_send_changes_nothing() -> None:
    air = quiet()
    generator = random.Random(45)
    task = ask()
    air.ota.dispatcher.submit(EID, task, Way.SMS)  # it waits for an answer all the time
    before = air.eis
    for sender in (ATTACKER, number_of(1)):
        for _ in range(300):
            air.ota.sms.submitted(sender, generator.randbytes(generator.randrange(180)))
            air.ota.sms.reported(sender, generator.randbytes(generator.randrange(180)), bool(generator.randrange(2)))
        for _ in range(300):
            mark = generator.choice([ElementId.COMMAND_PACKET, ElementId.RESPONSE_PACKET])
            elements = [Element(mark)]
            if generator.randrange(2):
                place = bytes((generator.randrange(256), generator.randrange(1, 5), generator.randrange(1, 5)))
                elements.append(Element(ElementId.CONCATENATION_8, place))
            data = UserData(generator.randbytes(generator.randrange(120)), tuple(elements))
            air.ota.sms.submitted(sender, Submit(destination=number_of(1), data=data, dcs=0xF6).encode())
            air.ota.sms.reported(sender, DeliverReport(data=data, dcs=0xF6).encode(), False)
    assert not task.done
    assert air.eis == before
    air.wait(lambda: task.done)
    assert task.result


# --- readers


def test_a_card_at_hand_is_preferred_and_answers_at_once() -> None:
    air = quiet()
    assert air.made.lab is not None
    modem = Modem(air.device.modem._link)
    bearer = ReaderBearer(
        modem, air.made.lab, entropy=SeededEntropy(b"reader"), clock=air.clock, reset=lambda: modem.start()
    )
    air.ota.readers.bearers[EID] = bearer
    assert air.ota.dispatcher.choose(EID, True) is Way.READER
    at_hand = air.ota.bearer(EID, air.wait, way=Way.READER)
    before = air.clock.now
    assert [found.aid for found in at_hand.run(isd_p_states())] == [FIRST]
    with pytest.raises(M2mError, match="6A88"):
        at_hand.run(_missing())
    at_hand.reset()
    assert air.clock.now == before


def _missing() -> ApduScript[None]:
    return enable_profile(Aid.isd_p(0x77))


def test_the_card_learns_where_its_sm_sr_is() -> None:
    air = quiet(addressing=())
    assert air.ota.notifications.confirmed(EID) == 0
    air.bearer.run(update_addressing(sms=Address.of("+491710000001")), "ES5.UpdateSMSRAddressingParameters")
    air.device.power_up()
    air.settle()
    assert air.ota.notifications.confirmed(EID) == 1
