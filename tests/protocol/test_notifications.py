# SPDX-License-Identifier: Apache-2.0
"""Default notifications: what the card tells its SM-SR by itself, by which bearer, how often (SGP.02 v4.2 4.1.1.11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apdu.cat.codes import CommandType, GeneralResult
from apdu.cat.comprehension import Result
from apdu.gp.codes import LifeCycle, Pol1
from apdu.ids import Aid
from apdu.ota.addressing import SmsAddressing, https_addressing
from apdu.ota.trigger import HttpParameters, SessionParameters, Trigger
from apdu.sms.address import Address
from apdu.sms.tpdu import Submit
from emulator.ota.notifier import ATTEMPTS, TIMER, WAITING
from emulator.sd.registry import isd_p_prefix
from tests.protocol.https_bench import CONNECTION, Served, no_content, ok, script, serving, trigger
from tests.protocol.test_scp80 import script as sms_script
from tests.support.lab import EID, Lab
from tests.support.profile import subscriber
from tests.unit.ota import model

SM_SR = Address.of("+491710000001")
SMS = SmsAddressing(address=SM_SR).encode()
HTTPS = https_addressing(
    Trigger(session=SessionParameters(connection=CONNECTION, http=HttpParameters(host="sm-sr", uri="/notify")))
)
FIRST, SECOND = Aid.isd_p(0x10), Aid.isd_p(0x20)
IMEI = "14083A45990057918503"


def content(kind: int, sequence: int, aid: Aid = FIRST, imei: str = IMEI) -> str:
    value = f"4C10{EID}4D01{kind:02X}4E02{sequence:04X}2F10{aid}{imei}"
    return f"E1{len(value) // 2:02X}{value}".upper()


def store(lab: Lab, *objects: bytes) -> None:
    registry = lab.card.registry
    registry.save_isd_r(replace(registry.isd_r, addressing=objects))
    lab.card.memory.commit()


def confirm(sequence: int) -> str:
    return f"80E28900073A08044E02{sequence:04X}00"


def restarted(served: Served) -> Served:
    """The terminal resets the card and introduces itself."""
    served.lab.card.reset()
    served.terminal.asked = []
    served.terminal.power_up()
    return served


def opened(served: Served, message: Submit) -> str:
    """What is in a notification by SMS, its checksum verified by the tests' own implementation."""
    assert message.destination == SM_SR
    assert [tuple(element) for element in message.data.elements] == [(0x70, b"")]
    packet = message.data.payload
    assert packet[2:16].hex().upper() == "150200101200000100000000" + "0000"
    data = packet[24:]
    again = model.command(b"\x02\x00", 0x10, 0x12, packet[7:10], 0, data, served.terminal.keys, "aes")
    assert again == packet
    return data.hex().upper()


@pytest.fixture
def served(profiled: Lab) -> Served:
    """A card with a profile and an SM-SR that it can reach by SMS."""
    store(profiled, SMS)
    return restarted(Served(profiled, serving()))


def change(served: Served, *, pol1: int = 0) -> None:
    """Another profile is enabled."""
    lab = served.lab
    lab.put_isd_p(0x20, LifeCycle.DISABLED, fallback=bool(pol1))
    lab.card.memory.put(f"{isd_p_prefix(SECOND)}/pkg", subscriber(2).package)
    if pol1:
        registry = lab.card.registry
        registry.save(replace(registry.require(FIRST), pol1=pol1))
    lab.card.memory.commit()
    assert lab.open_isd_r().command(f"80E28800153A03124F10{SECOND}").sw in (0x9000, 0x910B)


def test_the_captured_notification_is_what_the_card_makes(served: Served) -> None:
    """card.md 4.10: SPI 02 00, KIc 10, KID 12, no counter; only the tag of the ISD-P is the newer one."""
    assert served.terminal.events == b"\x03\x09\x0a"
    (message,) = served.terminal.locate()
    assert opened(served, message) == content(1, 0)
    assert (message.pid, message.dcs) == (0, 0xF6)


def test_a_card_without_an_address_tells_nothing(profiled: Lab) -> None:
    served = restarted(Served(profiled, serving()))
    assert served.terminal.asked == []
    assert profiled.card._ota is None
    store(profiled, bytes.fromhex("A400"))
    restarted(served)
    served.terminal.events = b"\x03"
    assert served.terminal.locate() == []
    assert served.terminal.of_type(CommandType.OPEN_CHANNEL) == []


def test_a_card_without_a_profile_tells_nothing(lab: Lab) -> None:
    store(lab, SMS)
    served = restarted(Served(lab, serving()))
    assert served.terminal.locate() == []
    assert not lab.card.registry.isd_r.attached


@pytest.mark.parametrize("status", [1, 2])
def test_nothing_is_told_before_the_network_serves(served: Served, status: int) -> None:
    assert served.terminal.locate(status) == []
    assert len(served.terminal.locate()) == 1
    assert served.terminal.locate() == []


def test_the_first_attach_is_told_once_in_the_life_of_a_card(served: Served) -> None:
    assert len(served.terminal.locate()) == 1
    assert served.terminal.timers[TIMER] == WAITING
    answer = served.terminal.ask(sms_script(confirm(0)))
    assert answer.data.hex().endswith("23029000")
    assert served.terminal.timers == {}
    served.lab.restart()
    restarted(served)
    assert served.terminal.asked == []
    assert served.lab.card.registry.isd_r.sequence == 1


def test_without_a_confirmation_it_is_sent_again_and_then_no_more(served: Served) -> None:
    contents = [opened(served, *served.terminal.locate())]
    for _ in range(ATTEMPTS - 1):
        contents.append(opened(served, *served.terminal.expire(TIMER)))
    assert contents == [content(1, 0)] * ATTEMPTS
    assert served.terminal.timers == {}
    assert served.terminal.locate() == []
    # another number is another notification
    assert served.terminal.ask(sms_script(confirm(1))).data.hex().endswith("23026a88")
    # it is still to be confirmed: the next card session tries again, under the same number
    served.lab.restart()
    restarted(served)
    assert opened(served, *served.terminal.locate()) == content(1, 0)


def test_a_message_that_could_not_be_sent_is_sent_again(served: Served) -> None:
    served.terminal.answers[CommandType.SEND_SHORT_MESSAGE] = Result(GeneralResult.NETWORK_UNABLE, b"\x00")
    served.terminal.locate()
    served.terminal.answers.clear()
    assert len(served.terminal.expire(TIMER)) == 1


def test_a_change_is_told_after_the_reset_by_the_new_profile(served: Served) -> None:
    served.terminal.locate()
    served.terminal.ask(sms_script(confirm(0)))
    change(served)
    assert served.terminal.locate() == []
    restarted(served)
    assert opened(served, *served.terminal.locate()) == content(2, 1, SECOND)


def test_a_change_before_the_first_attach_is_the_only_thing_told(served: Served) -> None:
    change(served)
    assert served.terminal.events == b"\x03\x09\x0a"
    assert served.terminal.locate() == []  # by the old profile: it has no part in this any more
    restarted(served)
    assert opened(served, *served.terminal.locate()) == content(2, 0, SECOND)
    served.terminal.ask(sms_script(confirm(0)))
    restarted(served)
    assert served.terminal.locate() == []


def test_the_confirmation_deletes_what_pol1_wants_deleted(served: Served) -> None:
    change(served, pol1=Pol1.DELETE_ON_DISABLE)
    restarted(served)
    served.terminal.locate()
    answer = served.terminal.ask(sms_script(confirm(0)))
    assert answer.data.hex().upper().endswith(f"8012 4F10{FIRST}9000".replace(" ", ""))
    assert served.lab.state_of(FIRST) is None


def test_a_terminal_without_an_imei_and_one_without_location_events(served: Served) -> None:
    profile = bytearray(b"\xff" * 30)
    profile[3] &= ~0x40  # PROVIDE LOCAL INFORMATION
    profile[4] &= ~0x10  # location status
    served.lab.card.reset()
    served.terminal.power_up(bytes(profile))
    assert served.terminal.events == b"\x09\x0a"
    (message,) = served.terminal.poll()
    assert opened(served, message) == content(1, 0, imei="")


def test_by_https_the_content_is_in_the_address(profiled: Lab) -> None:
    store(profiled, HTTPS)
    served = restarted(Served(profiled, serving(ok(script(confirm(0)), "/1"))))
    assert served.terminal.locate() == []
    assert [posted.target for posted in served.posted] == [f"/notify?msg={content(1, 0)}", "/1"]
    assert served.posted[1].body == bytes.fromhex("AF80230290000000")
    assert profiled.card.registry.notification is None
    assert served.terminal.timers == {}


def test_by_https_it_is_posted_again_when_the_server_was_away(profiled: Lab) -> None:
    store(profiled, HTTPS.replace(b"/notify", b"/a?b=cd"))
    served = restarted(Served(profiled, lambda posted: None))
    served.terminal.locate()
    assert served.terminal.timers == {TIMER: WAITING}
    served.reply = serving(no_content())
    served.terminal.expire(TIMER)
    assert [posted.target for posted in served.posted] == [f"/a?b=cd&msg={content(1, 0)}"] * 2
    assert served.terminal.timers == {TIMER: WAITING}  # it was not confirmed


def test_with_both_addresses_the_bearers_take_turns(profiled: Lab) -> None:
    store(profiled, SMS, HTTPS)
    served = restarted(Served(profiled, serving()))
    assert len(served.terminal.locate()) == 1
    assert served.terminal.expire(TIMER) == []
    assert len(served.posted) == 1
    assert len(served.terminal.expire(TIMER)) == 1


def test_a_terminal_without_channels_gets_messages_only(profiled: Lab) -> None:
    store(profiled, HTTPS)
    served = Served(profiled, serving())
    profile = bytearray(b"\xff" * 30)
    profile[11] = 0
    profiled.card.reset()
    served.terminal.power_up(bytes(profile))
    assert served.terminal.locate() == []
    assert served.terminal.of_type(CommandType.OPEN_CHANNEL) == []


def test_during_a_session_a_notification_by_https_waits(profiled: Lab) -> None:
    store(profiled, HTTPS)
    served = restarted(Served(profiled, serving(None)))
    served.trigger(trigger(attempts=1))
    served.terminal.locate()
    assert len(served.connections) == 1
    served.terminal.expire()
    served.terminal.expire(TIMER)
    assert [posted.target[:7] for posted in served.posted] == ["/admin", "/admin", "/notify"]


@pytest.mark.parametrize("broken", ["A3038101FF", "A300", "A305810306" + "91" + "AA"])
def test_an_address_that_cannot_be_read_is_none(profiled: Lab, broken: str) -> None:
    store(profiled, bytes.fromhex(broken))
    served = restarted(Served(profiled, serving()))
    assert served.terminal.locate() == []
