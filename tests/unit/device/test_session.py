# SPDX-License-Identifier: Apache-2.0
"""Power-up, polling, timers, events, REFRESH, and a device that was told to behave otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from apdu.cat.codes import AccessTechnology, BipProblem, CommandType, Event, GeneralResult
from apdu.cat.comprehension import Result
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand, Refresh
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility, TerminalCapability, TerminalProfile
from apdu.cat.values import LocationInformation
from apdu.errors import EncodeError, LocalProtocolError, RemoteProtocolError, StatusError
from emulator.device.answers import answer
from emulator.device.device import Carried, Surroundings
from emulator.device.policy import Policy, Reaction
from emulator.device.settings import Settings
from emulator.network.network import Network, eutran_cell
from tests.unit.device.fake import Bench, ToolkitCard

TEXT = "D012 8103012180 82028102 8D05044D324D21"
MORE_TIME = "D009 8103010200 82028182"
START_1 = "D011 8103012700 82028182 A40101 A503005000"  # five minutes
GET_1 = "D00C 8103012702 82028182 A40101"
STOP_1 = "D00C 8103012701 82028182 A40101"
STATUS = bytes.fromhex("80F2000C")
LOCATION_EVENT = "D00C 8103010500 82028182 990103"
PROFILE = 0x10


def polls(on: Bench) -> int:
    return on.card.log.count(STATUS)


def wake(on: Bench) -> float | None:
    return on.device.wake


# --- power-up and polling


def test_power_up_in_the_order_of_a_modem() -> None:
    on = Bench(settings=Settings(capability=TerminalCapability(extended_channels=b"", euicc=b"\x07")))
    heads = [command[:4].hex().upper() for command in on.card.log]
    assert heads[0] == "80100000"
    assert on.card.log[2] == bytes.fromhex("80AA000007A9058100830107")
    assert "00A40404" in heads
    assert on.card.log[-1] == bytes.fromhex("80F2010C")  # the USIM is activated
    assert on.device.identity is not None
    assert on.device.identity.imsi == "001010123456789"
    assert on.device.fault is None


def test_card_without_a_usim_is_told_about_the_terminal_all_the_same() -> None:
    on = Bench(card=ToolkitCard(usim=False))
    assert on.device.identity is None
    assert on.device.fault is not None
    assert on.result(MORE_TIME) == (0, b"")


def test_card_that_refuses_the_profile() -> None:
    class Deaf(ToolkitCard):
        def _run(self, command: bytes) -> bytes:
            return b"\x6f\x00" if command[1] == PROFILE else super()._run(command)

    with pytest.raises(StatusError):
        Bench(card=Deaf())


def test_polling_starts_with_thirty_seconds_and_goes_by_what_is_agreed() -> None:
    on = Bench()
    on.wait(29)
    assert polls(on) == 0
    on.wait(1)
    assert polls(on) == 1
    on.ask("D00D 8103010300 82028182 84020005")  # five minutes
    assert wake(on) == on.clock.now + 300
    before = polls(on)
    on.wait(299)
    assert polls(on) == before
    on.wait(1)
    assert polls(on) == before + 1
    on.ask("D009 8103010400 82028182")
    before = polls(on)
    on.wait(10_000)
    assert polls(on) == before
    assert wake(on) is None
    on.device.power_up()
    on.wait(30)
    assert polls(on) == before + 1


def test_command_is_fetched_after_the_poll_that_announces_it() -> None:
    on = Bench()
    on.card.ask(TEXT)
    on.wait(29)
    assert on.card.answers == []
    on.wait(1)
    assert len(on.card.answers) == 1


def test_card_that_never_comes_to_an_end() -> None:
    on = Bench()
    on.card.ask(*[MORE_TIME] * 40)
    with pytest.raises(RemoteProtocolError, match="without end"):
        on.poll()


def test_proactive_command_that_cannot_be_read() -> None:
    on = Bench()
    on.card.queue.append(b"\xd0\x03\x81\x01\x01")
    with pytest.raises(RemoteProtocolError, match="cannot be read"):
        on.poll()


@pytest.mark.parametrize(
    "broken, result",
    [("D00A 8103012100 8202 81 82 8D", "32"), ("D02A 8103012100 82028182", "32"), ("D005 8103012100", "36")],
)
def test_broken_command_whose_details_can_be_read_is_answered(broken: str, result: str) -> None:
    on = Bench()
    on.card.queue.append(bytes.fromhex(broken))
    on.poll()
    assert [reply.hex() for reply in on.card.answers] == ["8103012100820282818301" + result]


# --- timers


def test_timer_of_ts_31_124() -> None:
    on = Bench(settings=Settings(poll=None))
    assert on.ask(START_1).timer == 1
    on.wait(61)
    assert on.ask(GET_1).timer_seconds == 239
    on.wait(238)
    assert on.card.envelopes == []
    assert on.device.wake == on.clock.now + 1
    on.wait(1)
    assert on.card.envelopes == [bytes.fromhex("D70C 82028281 A40101 A503005000")]
    assert on.result(GET_1) == (0x24, b"")
    on.wait(1000)
    assert len(on.card.envelopes) == 1


def test_timer_that_is_stopped_or_started_again() -> None:
    on = Bench(settings=Settings(poll=None))
    on.ask(START_1)
    on.wait(10)
    assert on.ask(STOP_1).timer_seconds == 290
    on.wait(1000)
    assert on.card.envelopes == []
    on.ask(START_1)
    on.wait(200)
    on.ask(START_1)
    on.wait(200)
    assert on.card.envelopes == []
    on.wait(100)
    assert len(on.card.envelopes) == 1


def test_timers_end_in_their_order_and_a_late_look_says_how_long_it_was() -> None:
    on = Bench(settings=Settings(poll=None))
    for timer, minutes in ((1, "30"), (8, "20"), (3, "10")):
        on.ask(f"D011 8103012700 82028182 A401{timer:02X} A50300{minutes}00")
    on.wait(2 * 60 + 5)
    assert [envelope[8] for envelope in on.card.envelopes] == [3, 8]
    assert on.card.envelopes[0].endswith(bytes.fromhex("A503002050"))


def test_reset_stops_timers_and_forgets_events() -> None:
    on = Bench(settings=Settings(poll=None))
    on.ask(START_1)
    on.ask("D00C 8103010500 82028182 990104")
    on.device.power_up()
    on.wait(1000)
    assert not on.device.press_key()
    assert on.card.envelopes == []


# --- events


def test_events_are_reported_only_where_the_card_asked() -> None:
    network = Network()
    on = Bench(around=Surroundings(network=network))
    network.lose_coverage()
    on.device.settle()
    network.restore()
    on.device.settle()
    assert not on.device.idle()
    assert on.card.envelopes == []
    on.ask("D00E 8103010500 82028182 9903 03050B")
    network.lose_coverage()
    on.device.settle()
    assert on.card.envelopes.pop() == bytes.fromhex("D60A 990103 82028281 9B0102")
    network.restore()
    on.device.settle()
    assert on.card.envelopes.pop() == bytes.fromhex("D615 990103 82028281 9B0100 930900F11000010000001F")
    on.card.envelopes.clear()
    network.move(LocationInformation("26201", 0x1234, bytes.fromhex("0042")), AccessTechnology.GSM)
    on.device.settle()
    assert on.card.envelopes == [
        bytes.fromhex("D613 990103 82028281 9B0100 930762F21012340042"),
        bytes.fromhex("D60A 99010B 82028281 BF0100"),
    ]
    on.ask("D00B 8103010500 82028182 9900")  # no more
    on.card.envelopes.clear()
    network.lose_coverage()
    on.device.settle()
    assert on.card.envelopes == []


def test_user_activity_and_idle_screen_are_reported_once() -> None:
    on = Bench()
    on.ask("D00D 8103010500 82028182 99020405")
    assert on.device.press_key()
    assert not on.device.press_key()
    assert on.device.idle()
    on.device.settle()
    assert on.card.envelopes == [
        bytes.fromhex("D607 990104 82028281"),
        bytes.fromhex("D607 990105 82020281"),
    ]
    on.ask("D00C 8103010500 82028182 990104")
    assert on.device.press_key()


def test_list_that_is_refused_leaves_the_one_before() -> None:
    on = Bench()
    on.ask("D00C 8103010500 82028182 990104")
    assert on.result("D00D 8103010500 82028182 990204 7F") == (0x30, b"")
    assert on.device.press_key()


def test_busy_card_is_asked_again() -> None:
    on = Bench(settings=Settings(poll=None))
    on.ask("D00C 8103010500 82028182 990104")
    on.card.busy = 2
    on.device.press_key()
    on.device.settle()
    assert on.card.envelopes == []
    assert on.device.wake == on.clock.now + 1
    on.wait(0.5)
    assert on.card.busy == 1
    on.wait(0.5)
    on.wait(1)
    assert len(on.card.envelopes) == 1


def test_place_that_cannot_be_coded_is_refused_at_once() -> None:
    network = Network()
    with pytest.raises(EncodeError):
        network.move(LocationInformation("2620", 1, eutran_cell(1)), AccessTechnology.GSM)
    with pytest.raises(EncodeError):
        network.move(LocationInformation("26201", 0x10000, eutran_cell(1)), AccessTechnology.GSM)
    assert network.place.plmn == "00101"


# --- REFRESH


def refresh(on: Bench, mode: int, more: str = "") -> tuple[int, bytes]:
    return on.result(f"D009 81030101{mode:02X} 82028182 {more}")


def commands_since(on: Bench, start: int) -> list[str]:
    return [command[:4].hex().upper() for command in on.card.log[start:]]


def test_refresh_of_files() -> None:
    seen: list[Refresh] = []
    on = Bench(around=Surroundings(refreshed=seen.append))
    start = len(on.card.log)
    assert refresh(on, 1, "920B 02 3F002FE2 3F007FFF6F07".replace(" ", "")) == (0x03, b"")
    assert seen[0].files == (bytes.fromhex("3F002FE2"), bytes.fromhex("3F007FFF6F07"))
    assert "00B08700" in commands_since(on, start)  # EF.IMSI was read again
    start = len(on.card.log)
    assert refresh(on, 1, "9207013F007FFF6F46") == (0, b"")
    assert "00B08700" not in commands_since(on, start)
    assert refresh(on, 1) == (0x36, b"")
    assert refresh(on, 2) == (0x36, b"")
    assert refresh(on, 2, "9207013F007FFF6F46") == (0, b"")


@pytest.mark.parametrize("mode", [0, 3])
def test_refresh_initialises_the_usim_again(mode: int) -> None:
    on = Bench(around=Surroundings(network=Network()))
    start = len(on.card.log)
    assert refresh(on, mode) == (0, b"")
    seen = commands_since(on, start)
    assert seen.index("00A40404") < seen.index("80F2010C") < seen.index("80140000")
    assert on.card.resets == 1
    assert on.device.registration.attached


@pytest.mark.parametrize("mode", [5, 6])
def test_refresh_restarts_the_application(mode: int) -> None:
    on = Bench()
    start = len(on.card.log)
    assert refresh(on, mode, "AF0CA0000000871002FF49FF0589") == (0, b"")
    seen = commands_since(on, start)
    assert seen.index("80F2020C") < seen.index("00A40404") < seen.index("80F2010C") < seen.index("80140000")
    assert on.card.resets == 1


def test_refresh_of_an_application_that_is_not_active() -> None:
    on = Bench()
    assert refresh(on, 5, "AF0CA0000000871002FF49FF0590") == (0x08, b"")
    on.card.usim = False
    assert refresh(on, 3) == (0x20, b"\x0a")


def test_uicc_reset_has_no_terminal_response() -> None:
    carried: list[Carried] = []
    on = Bench(around=Surroundings(carried=carried.append))
    on.card.ask("D009 8103010104 82028182")
    on.poll()
    assert on.card.answers == []
    assert on.card.resets == 2
    assert on.device.modem.resets == 1
    assert [(done.command.details.type, done.answer) for done in carried] == [(CommandType.REFRESH, None)]
    assert on.device.identity is not None


@pytest.mark.parametrize("mode", [7, 8, 9, 0x42])
def test_refresh_modes_that_are_not_known(mode: int) -> None:
    assert refresh(Bench(), mode) == (0x30, b"")


# --- told to do otherwise


def told(type: CommandType, reaction: Reaction, **more: bool) -> Bench:
    return Bench(policy=Policy({type: reaction}), settings=Settings(poll=None))


def test_refused_and_failed() -> None:
    assert told(CommandType.DISPLAY_TEXT, Reaction.refuse()).result(TEXT) == (0x22, b"")
    assert told(CommandType.DISPLAY_TEXT, Reaction.fail()).result(TEXT) == (0x20, b"\x00")
    bip = Reaction.fail(GeneralResult.BIP_ERROR, bytes((BipProblem.NO_CHANNEL,)))
    assert told(CommandType.OPEN_CHANNEL, bip).result("D00D 8103014001 82028182 390203E8") == (0x3A, b"\x01")
    assert told(CommandType.DISPLAY_TEXT, Reaction.refuse()).result(MORE_TIME) == (0, b"")


@pytest.mark.parametrize("result", list(GeneralResult), ids=lambda result: str(result.name))
def test_every_general_result(result: GeneralResult) -> None:
    on = told(CommandType.DISPLAY_TEXT, Reaction(Result(result, b"\x01\x02")))
    assert on.result(TEXT) == (result, b"\x01\x02")


def test_what_fails_has_no_effect() -> None:
    on = told(CommandType.TIMER_MANAGEMENT, Reaction.fail())
    assert on.result(START_1) == (0x20, b"\x00")
    assert on.device.timers.due is None
    on = told(CommandType.REFRESH, Reaction(Result(0x20, b"\x02")))
    assert refresh(on, 4) == (0x20, b"\x02")
    assert on.card.resets == 1


def test_delayed_answer_comes_when_it_is_due() -> None:
    on = told(CommandType.DISPLAY_TEXT, Reaction(delay=5))
    on.card.ask(TEXT, MORE_TIME)
    on.poll()
    assert on.card.answers == []
    assert on.device.wake == on.clock.now + 5
    assert on.device.transmit(bytes.fromhex("00A4000C022FE2")) == b"\x90\x00"  # meanwhile the card serves others
    on.wait(4.9)
    assert on.card.answers == []
    on.wait(0.1)
    assert [reply[4] for reply in on.card.answers] == [0x80, 0x00]  # then the next one


def test_delayed_reset() -> None:
    on = told(CommandType.REFRESH, Reaction(delay=3))
    on.card.ask("D009 8103010104 82028182")
    on.poll()
    assert on.card.resets == 1
    on.wait(3)
    assert on.card.resets == 2


def test_power_cut_while_an_answer_is_due() -> None:
    on = told(CommandType.DISPLAY_TEXT, Reaction(delay=3))
    on.card.ask(TEXT)
    on.poll()
    on.device.power_up()
    on.wait(10)
    assert on.card.answers == []


def test_delayed_failure() -> None:
    on = told(CommandType.DISPLAY_TEXT, replace(Reaction.fail(), delay=2))
    on.card.ask(TEXT)
    on.poll()
    on.wait(2)
    assert TerminalAnswer.decode(on.card.answers[-1]).result == (0x20, b"\x00")


def test_silence_lasts_until_the_next_reset() -> None:
    on = told(CommandType.DISPLAY_TEXT, Reaction(silent=True))
    on.card.ask(TEXT, MORE_TIME)
    on.poll()
    on.wait(100_000)
    assert on.card.answers == []
    on.device.power_up()
    on.poll()
    assert [reply[3] for reply in on.card.answers] == [CommandType.MORE_TIME]


def test_answer_without_a_question() -> None:
    on = Bench()
    with pytest.raises(LocalProtocolError):
        on.device.modem.respond(answer(ProactiveCommand.from_tlv(bytes.fromhex(MORE_TIME))))


# --- the seam for channels


class Channels:
    """A BIP handler that fails, and has something to report once."""

    channels = 3
    facilities = (Facility.BEARER_E_UTRAN, Facility.TCP_CLIENT)
    linked = False
    wake = None

    def __init__(self) -> None:
        self.asked: list[ProactiveCommand] = []
        self.resets = 0
        self.waiting: list[EventDownload] = []

    def carry_out(self, command: ProactiveCommand) -> TerminalAnswer:
        self.asked.append(command)
        return answer(command, GeneralResult.BIP_ERROR, bytes((BipProblem.REMOTE_UNREACHABLE,)))

    def serve(self, available: bool) -> None:
        pass

    def finished(self) -> None:
        pass

    def events(self) -> Sequence[EventDownload]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def reset(self) -> None:
        self.resets += 1


def test_bip_handler_gets_the_channel_commands() -> None:
    channels = Channels()
    on = Bench(around=Surroundings(bip=channels))
    profile = TerminalProfile(on.card.profile)
    assert profile.channels == 3
    assert profile.supports(CommandType.OPEN_CHANNEL)
    assert profile.has(Facility.EVENT_DATA_AVAILABLE)
    assert profile.has(Facility.TCP_CLIENT)
    assert on.result("D00D 8103014001 82028182 390203E8") == (0x3A, b"\x07")
    assert len(channels.asked) == 1
    assert on.result("D00E 8103010500 82028182 990203 0A") == (0, b"")
    resets = channels.resets
    channels.waiting = [EventDownload.of(Event.CHANNEL_STATUS), EventDownload.of(Event.DATA_AVAILABLE)]
    on.device.settle()
    assert on.card.envelopes == [bytes.fromhex("D607 99010A 82028281")]
    on.device.power_up()
    assert channels.resets == resets + 1


@pytest.mark.parametrize("wrong", [{"imei": "004401012345671"}, {"imei": "1"}, {"software": "x"}, {"language": "deu"}])
def test_settings_that_cannot_be(wrong: dict[str, str]) -> None:
    with pytest.raises(EncodeError):
        Settings(**wrong)  # type: ignore[arg-type]
