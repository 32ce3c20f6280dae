# SPDX-License-Identifier: Apache-2.0
"""Every proactive command against its terminal response: sequences of TS 31.124 27.22.4."""

from __future__ import annotations

import pytest

from apdu.cat.codes import CommandType
from apdu.cat.commands import DisplayText, GetInkey, GetInput, SelectItem
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.terminal import Facility, TerminalProfile
from apdu.cat.values import Duration
from emulator.device.device import Surroundings
from emulator.device.handlers import HANDLERS
from emulator.device.settings import Settings
from emulator.device.user import User
from emulator.network.network import Network
from emulator.network.sms import RpCause, SmsCentre
from tests.unit.cat import vectors
from tests.unit.device.fake import Bench, ToolkitCard

SEND_SMS = (
    "D037 8103011300 82028183 850753656E6420534D 860991112233445566 77F8"
    "8B18 01000991 10325476F8 40F4 0C 54657374204D657373616765"
)
SEND_SMS_PACKING = (
    "D032 8103011301 82028183 850753656E6420534D 86099111223344556677F8 8B13 0100099110325476F8 40F4 07 53656E6420534D"
)
SET_UP_CALL = "D01E 8103011000 82028183 85084E6F742062757379 8609911032042143651C2C"
SELECT_ITEM = "D025 8103012400 82028182 850B53656C656374204974656D 8F040149 7431 8F0402497432 8F0403497433"


class Sphinx(User):
    """Answers as a test says."""

    def __init__(self, said: str | None = None, item: int | None = None, yes: bool = True) -> None:
        self.said, self.chosen, self.yes = said, item, yes

    def confirms(self, command: ProactiveCommand) -> bool:
        return self.yes

    def clears(self, command: DisplayText) -> bool:
        return self.yes

    def agrees(self, command: GetInkey) -> bool:
        return self.yes

    def key(self, command: GetInkey) -> str | None:
        return self.said

    def text(self, command: GetInput) -> str | None:
        return self.said

    def item(self, command: SelectItem) -> int | None:
        return self.chosen


def bench(user: User | None = None, network: Network | None = None) -> Bench:
    return Bench(
        around=Surroundings(user=user, network=network or Network(sms=SmsCentre(), ussd_menu={"*100#": "12 EUR"}))
    )


def answered(said: Bench, command: str) -> str:
    said.ask(command)
    return said.card.answers[-1].hex().upper()


def h(text: str) -> str:
    return text.replace(" ", "").upper()


EXCHANGES: list[tuple[str, str, str]] = [
    ("display text 1.1", vectors.DISPLAY_TEXT_111, "8103012180 82028281 830100"),
    ("display text 1.9, null text", vectors.DISPLAY_TEXT_191, "8103012180 82028281 830132"),
    ("display text 5.1", "D01A 8103012180 82028102 8D0B0442617369632049636F6E 9E020001", "8103012180 82028281 830104"),
    ("get inkey yes/no", "D015 8103012204 82028182 8D0A04456E74657220222B22", "8103012204 82028281 830100 8D020401"),
    ("get input", "D016 8103012300 82028182 8D00 91020310 970404333231", "8103012300 82028281 830100 8D0404333231"),
    ("get input, bad default", "D016 8103012300 82028182 8D00 91020310 97040C333231", "8103012300 82028281 830132"),
    ("more time", "D009 8103010200 82028182", "8103010200 82028281 830100"),
    ("poll interval 1.1", "D00D 8103010300 82028182 84020114", "8103010300 82028281 830100 84020114"),
    ("polling off", "D009 8103010400 82028182", "8103010400 82028281 830100"),
    ("event list", "D00C 8103010500 82028182 990103", "8103010500 82028281 830100"),
    ("event list empty", "D00B 8103010500 82028182 9900", "8103010500 82028281 830100"),
    ("event list unknown", "D00C 8103010500 82028182 990112", "8103010500 82028281 830130"),
    ("event list with channels", "D00E 8103010500 82028182 9903 03090A", "8103010500 82028281 830130"),
    ("play tone", "D010 8103012000 82028103 8E0101 84020105", "8103012000 82028281 830100"),
    ("select item 1.1", SELECT_ITEM, "8103012400 82028281 830100 900101"),
    ("set up menu", "D019 8103012500 82028182 85044D656E75 8F04014F6E65 8F02 0254", "8103012500 82028281 830100"),
    ("timer start", "D011 8103012700 82028182 A40101 A503005000", "8103012700 82028281 830100 A40101"),
    ("timer get, stopped", "D00C 8103012702 82028182 A40105", "8103012702 82028281 830124 A40105"),
    ("timer stop, stopped", "D00C 8103012701 82028182 A40105", "8103012701 82028281 830124 A40105"),
    ("timer without a value", "D00C 8103012700 82028182 A40101", "8103012700 82028281 830136"),
    ("timer 9", "D011 8103012700 82028182 A40109 A503005000", "8103012700 82028281 830132"),
    ("idle text", "D00F 8103012800 82028182 8D0404 4D324D", "8103012800 82028281 830100"),
    ("language notification", "D00D 8103013501 82028182 AD026465", "8103013501 82028281 830100"),
    ("local information 1.1", "D009 8103012600 82028182", "8103012600 82028281 830100 930900F1100001 0000001F"),
    ("imei", "D009 8103012601 82028182", "8103012601 82028281 830100 94080A40040121436507"),
    ("date and time", "D009 8103012603 82028182", "8103012603 82028281 830100 A60772105180000000"),
    ("language", "D009 8103012604 82028182", "8103012604 82028281 830100 AD02656E"),
    ("timing advance", "D009 8103012605 82028182", "8103012605 82028281 830130"),
    ("access technology", "D009 8103012606 82028182", "8103012606 82028281 830100 BF0108"),
    ("imeisv", "D009 8103012608 82028182", "8103012608 82028281 830100 E20903400401214365 07F0"),
    ("search mode", "D009 8103012609 82028182", "8103012609 82028281 830100 E50101"),
    ("battery", "D009 810301260A 82028182", "810301260A 82028281 830100 E30104"),
    ("send sms 1.1", SEND_SMS, "8103011300 82028281 830100"),
    ("set up call 1.1", SET_UP_CALL, "8103011000 82028281 830100"),
    ("dtmf, no call", "D00D 8103011400 82028183 AC0221F3", "8103011400 82028281 83022007"),
    ("send ss", "D010 8103011100 82028183 8905FF2A12 3BFB", "8103011100 82028281 830100"),
    ("ussd", "D010 8103011200 82028183 8A0644 2A31303023", "8103011200 82028281 830100 8D07043132 20455552"),
    ("ussd packed", "D010 8103011200 82028183 8A060F AA180C3602", "8103011200 82028281 830100 8D0704313220455552"),
    ("ussd unknown", "D00D 8103011200 82028183 8A0344 2A31", "8103011200 82028281 83023700"),
    ("launch browser", "D00B 8103011500 82028182 B100", "8103011500 82028281 830100"),
    ("at command", "D00E 8103013400 82028182 A803415449", "8103013400 82028281 830130"),
    ("other card", "D009 8103013310 82028110", "8103013310 82028281 830130"),
    ("open channel", "D00D 8103014001 82028182 390203E8", "8103014001 82028281 830130"),
    ("channel status", "D009 8103014400 82028182", "8103014400 82028281 830130"),
    ("unknown type", "D009 8103017E00 82028182", "8103017E00 82028281 830131"),
    ("missing text", "D009 8103012100 82028102", "8103012100 82028281 830136"),
    ("broken duration", "D00C 8103010300 82028182 840100", "8103010300 82028281 830132"),
    ("object to be comprehended", "D00C 8103010200 82028182 DE0101", "8103010200 82028281 830132"),
    ("object to be passed over", "D00C 8103010200 82028182 5E0101", "8103010200 82028281 830101"),
    ("steering of roaming", "D010 8103010107 82028182 F20562F2204000", "8103010107 82028281 830130"),
]  # fmt: skip


@pytest.mark.parametrize("command, response", [row[1:] for row in EXCHANGES], ids=[row[0] for row in EXCHANGES])
def test_terminal_response(command: str, response: str) -> None:
    assert answered(bench(), command) == h(response)


def test_every_type_is_asked_here() -> None:
    asked = {bytes.fromhex(command)[5] for _, command, _ in EXCHANGES}
    assert set(HANDLERS) <= asked | {CommandType.REFRESH}


@pytest.mark.parametrize(
    "type", [type for type in CommandType if type not in HANDLERS], ids=lambda type: str(type.name)
)
def test_what_the_device_does_not_do_it_does_not_announce(type: CommandType) -> None:
    on = bench()
    profile = TerminalProfile(on.card.profile)
    assert not profile.supports(type)
    assert on.ask(f"D009 810301{type:02X}00 82028182").result.general in (0x30, 0x32, 0x36)


def test_terminal_profile_announces_what_the_device_does() -> None:
    profile = TerminalProfile(bench().card.profile)
    assert {type for type in CommandType if profile.supports(type)} == set(HANDLERS)
    assert profile.has(Facility.SMS_PP_DOWNLOAD)
    assert profile.has(Facility.TIMER_EXPIRATION)
    assert profile.has(Facility.EVENT_LOCATION_STATUS)
    assert not profile.has(Facility.EVENT_DATA_AVAILABLE)
    assert not profile.has(Facility.CALL_CONTROL)
    assert profile.channels == 0


@pytest.mark.parametrize(
    "qualifier, said, response",
    [
        ("00", "+", "8D02042B"), ("01", "q", "8D020471"), ("03", "Д", "8D03080414"), ("00", None, None),
        ("00", "12", None), ("01", "Д", None),
    ],
)  # fmt: skip
def test_get_inkey(qualifier: str, said: str | None, response: str | None) -> None:
    command = f"D015 81030122{qualifier} 82028182 8D0A04456E74657220222B22"
    text = answered(bench(Sphinx(said)), command)
    expected = f"830112 {''}" if response is None else f"830100 {response}"
    assert text == h(f"81030122{qualifier} 82028281 {expected}")


@pytest.mark.parametrize(
    "qualifier, said, response",
    [
        ("00", "12345", "8D06043132333435"), ("08", "67*#+", "8D0600B69B6AB402"), ("03", "Да", "8D05080414 0430"),
        ("00", "1234", None), ("00", "123456", None), ("00", None, None),
    ],
)  # fmt: skip
def test_get_input(qualifier: str, said: str | None, response: str | None) -> None:
    length = "0205" if said == "Да" else "0505"
    command = f"D01B 81030123{qualifier} 82028182 8D0C04456E74657220 3132333435 9102{length}"
    text = answered(bench(Sphinx(said)), command)
    expected = "830112" if response is None else f"830100 {response}"
    assert text == h(f"81030123{qualifier} 82028281 {expected}")


def test_who_says_nothing_else_answers_by_the_rules() -> None:
    on = bench()
    assert on.ask("D00D 8103012300 82028182 8D0091020400").result.general == 0x32  # at least 4, at most 0
    assert on.ask("D00F 8103012300 82028182 8D00 91020310").texts[0].text == "123"
    said = on.ask("D015 8103012300 82028182 8D00 91020310 9704 04 333231".replace(" ", ""))
    assert said.texts[0].text == "321"
    assert on.ask("D00F 8103012200 82028182 8D0404 414243").texts[0].text == "1"


def test_user_declines_or_is_not_there() -> None:
    on = bench(Sphinx(yes=False, item=9))
    assert on.result(SEND_SMS) == (0x22, b"")
    assert on.result(SET_UP_CALL) == (0x22, b"")
    assert on.result(vectors.DISPLAY_TEXT_111) == (0x12, b"")
    assert on.result(SELECT_ITEM) == (0x12, b"")
    assert on.ask("D015 8103012204 82028182 8D0A04456E74657220222B22").texts[0].raw == b"\x00"


def test_busy_screen_gives_way_to_high_priority_only() -> None:
    on = bench()
    on.device.screen_busy = True
    assert on.result("D010 8103012180 82028102 8D0504 4D324D21") == (0x20, b"\x01")
    assert on.result("D010 8103012181 82028102 8D0504 4D324D21") == (0x00, b"")


def test_short_message_is_numbered_and_packed() -> None:
    centre = SmsCentre()
    on = bench(network=Network(sms=centre))
    assert on.result(SEND_SMS) == (0, b"")
    assert on.result(SEND_SMS_PACKING) == (0, b"")
    first, second = centre.messages
    assert first.tpdu == bytes.fromhex("0101099110325476F840F40C54657374204D657373616765")
    assert second.tpdu == bytes.fromhex("0102099110325476F840F007D3B29B0C9A3601")  # TS 31.124 27.22.4.10, 1.2
    assert str(first.service_centre) == "+112233445566778"
    assert second.submit().data.text(second.submit().dcs) == "Send SM"


def test_service_centre_is_that_of_the_card_where_none_is_given() -> None:
    centre = SmsCentre()
    on = bench(network=Network(sms=centre))
    on.ask("D022 8103011300 82028183 8B17 0100099110325476F840F40B 4D324D204D324D204D324D".replace(" ", ""))
    assert str(centre.messages[0].service_centre) == "+49171000000"


def test_network_that_does_not_take_a_message() -> None:
    centre = SmsCentre()
    on = bench(network=Network(sms=centre))
    centre.cause = RpCause.CONGESTION
    assert on.result(SEND_SMS) == (0x35, b"\x2a")
    assert centre.messages == []
    assert bench(network=Network()).result(SEND_SMS) == (0x21, b"\x00")
    assert on.result("D00F 8103011300 82028183 8B040100 0991".replace(" ", "")) == (0x32, b"")
    assert on.result("D009 8103011300 82028183") == (0x36, b"")


def test_without_service_nothing_goes_out() -> None:
    network = Network(sms=SmsCentre())
    on = bench(network=network)
    network.lose_coverage()
    for command in (SEND_SMS, SET_UP_CALL, "D00D 8103011200 82028183 8A0344 2A31", "D009 8103012600 82028182",
                    "D009 8103012606 82028182"):  # fmt: skip
        assert on.result(command) == (0x20, b"\x04")
    assert on.result("D00B 8103011500 82028182 B100") == (0x26, b"\x01")
    network.limit()
    said = on.ask("D009 8103012600 82028182")
    assert said.result.general == 0x06
    assert said.location == network.place
    network.restore()
    assert on.result(SEND_SMS) == (0, b"")


def test_calls() -> None:
    on = bench()
    assert on.result(SET_UP_CALL) == (0, b"")
    assert str(on.device.call) == "+012340123456a1a2"  # a separates what is sent as DTMF (TS 102 223 8.1)
    assert on.result(SET_UP_CALL) == (0x20, b"\x02")
    assert on.result(SET_UP_CALL.replace("8103011000", "8103011004")) == (0, b"")
    assert on.result("D00D 8103011400 82028183 AC0221F3") == (0, b"")
    assert on.result("D009 8103010104 82028182") == (0x20, b"\x02")  # no reset in a call
    on.device.hang_up()
    assert on.device.call is None


def test_menu_and_choice() -> None:
    on = bench()
    on.ask("D019 8103012500 82028182 85044D656E75 8F04014F6E65 8F020254")
    assert [item.text.text for item in on.device.menu] == ["One", "T"]
    on.device.choose(2)
    on.device.settle()
    assert on.card.envelopes == [bytes.fromhex("D307 82020181 900102")]
    with pytest.raises(Exception, match="no item 3"):
        on.device.choose(3)
    on.ask("D011 8103012500 82028182 85044D656E75 8F00")
    assert on.device.menu == ()


def test_idle_text() -> None:
    on = bench()
    on.ask("D00F 8103012800 82028182 8D04044D324D")
    assert on.device.idle_text == "M2M"
    on.ask("D00B 8103012800 82028182 8D00")
    assert on.device.idle_text == ""


def test_polling_that_is_too_frequent_is_answered_with_what_is_kept() -> None:
    on = Bench(settings=Settings(shortest_poll=10))
    assert on.ask("D00D 8103010300 82028182 84020105").duration == Duration(1, 10)
    assert on.ask("D00D 8103010300 82028182 84020005").duration == Duration(0, 5)


def test_no_network_at_all() -> None:
    on = Bench(card=ToolkitCard())
    assert on.result(SEND_SMS) == (0x20, b"\x04")
    assert on.result("D009 8103012600 82028182") == (0x20, b"\x04")
