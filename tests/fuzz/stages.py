# SPDX-License-Identifier: Apache-2.0
"""The states of a card that are fuzzed, and the commands that make sense there: those of the demo's flow, and more.

Media are copied from a run of the flow; a case begins on a copy, with a card that was switched on a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from apdu.channel.scp03 import SecurityLevel
from apdu.command.apdu import CommandApdu
from apdu.ids import ECASD, ISD_R, MNO_SD
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace import Recorder
from apdu.trace.events import ChannelEvent, Layer
from emulator.memory import Flash, Moment
from tests.support.flow import SECOND, Flow, flow_lab
from tests.support.lab import Lab, SecureHost
from tests.support.profile import subscriber
from tests.support.sm_dp import SmDp, challenge, run

H = bytes.fromhex
PIN2 = "39383736FFFFFFFF"


def command(text: str) -> bytes:
    """A command in clear, `header data [/ Le]` in hexadecimal digits; Lc is put in."""
    body, _, le = text.partition("/")
    raw = H(body)
    data = raw[4:]
    return raw[:4] + (bytes((len(data),)) + data if data else b"") + H(le)


UICC = [
    command(text)
    for text in (
        "00A40004 3F00 / 00",
        "00A4000C 2FE2",
        "00A40804 7FFF6F07 / 00",
        "00A40904 6F07 / 00",
        "00A40304",
        "00A4040C A0000000871002",
        "00A4044C A0000000871002",
        "00B00000 / 0A",
        "00B08700 / 09",
        "00B20104 / 00",
        "00B20102 / 26",
        "00D60000 014D324DFF",
        "00DC0104" + "FF" * 38,
        "00A20104 3D3D3D3D3D3D3D3D / 00",
        "80320000 000001 / 00",
        "0020000A 3837363534333231",
        f"00200081 {PIN2}",
        "0020000A",
        f"00240081 {PIN2}{PIN2}",
        f"00260081 {PIN2}",
        f"00280081 {PIN2}",
        f"002C0081 3232323232323232{PIN2}",
        "002C0001",
        "00880081 10" + "11" * 16 + "10" + "22" * 16 + "/ 00",
        "00880080 10" + "11" * 16 + "/ 00",
        "00E00000 621B 82024121 83026FF1 A503C00100 8A0105 8B036F0601 80020010 8800",
        "00E00000 621E 82054221001004 83026FF2 A503C00100 8A0105 8B036F0601 80020040 8800",
        "00E40000 6FF1",
        "80D40000 6208 83026FF1 80020020",
        "00440000 6F46",
        "00040000 6F46",
        "00440000",
        "80CB0080 80 / 00",
        "80DB0080 800401020304",
        "80780001 / 00",
        "80F20000 / 00",
        "80F2000C",
        "80F20101 / 00",
        "00700000 / 01",
        "00700005",
        "00708001",
        "80100000" + "FF" * 20,
        "80AA0000 A908810100820101830107",
        "80120000 / 0B",
        "80140000 810301010482028281830100",
        "80C20000 D607990103820282 81",
        "80C20000 D60A990103820282819B0100",
        "80C20000 D10E820283818B080001020304050607",
        "00C00000 / 10",
        "80CA005A / 00",
    )
]


@dataclass(frozen=True)
class Stage:
    """One state: the medium, how a session gets there from power-on, and commands in clear."""

    name: str
    medium: str
    prepare: Callable[[Lab], SecureHost | None]
    corpus: tuple[bytes, ...]
    per_state: Callable[[Lab], list[bytes]] | None = None
    """Commands that are right for one preparation only (they answer its challenge)."""


@dataclass(frozen=True)
class Recorded:
    """What one run of the flow leaves: media by step, commands in clear by target, the keys."""

    media: dict[str, Flash]
    commands: dict[str, list[bytes]]
    plain: list[bytes]
    keys: KeySet


class _Photographed(Flow):
    """A flow that keeps the medium before every step."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.media: dict[str, Flash] = {}
        self.steps = [(name, self._with_photograph(name, action)) for name, action in self.steps]

    def _with_photograph(self, name: str, action: Callable[[], None]) -> Callable[[], None]:
        def step() -> None:
            self.media[name] = self.lab.flash.copy()
            action()

        return step


@cache
def recorded() -> Recorded:
    """Run the flow once."""
    lab = flow_lab()
    flow = _Photographed(lab)
    flow.run()
    assert flow.keys is not None
    commands: dict[str, list[bytes]] = {}
    for event in lab.recorder.events:
        if isinstance(event, ChannelEvent) and event.layer is Layer.SCP03:
            known = commands.setdefault(event.target, [])
            if isinstance(event.plain, bytes) and event.plain not in known:
                known.append(event.plain)
    plain = list(dict.fromkeys(command for command, _ in flow.seen.exchanges if not command[0] & 0x04))
    return Recorded(flow.media, commands, plain, flow.keys)


def quiet_lab(hook: Callable[[Moment], None]) -> Lab:
    """A bench that keeps internal errors and forgets events."""
    lab = flow_lab()
    lab.recorder = Recorder(lambda event: None)
    lab.hook = hook
    return lab


# --- preparations


def _switched_on(lab: Lab) -> None:
    lab.send("8010000014" + "FF" * 20)


def _at_usim(lab: Lab) -> None:
    _switched_on(lab)
    lab.send("00A4040C07A0000000871002")
    lab.send("0020000A083837363534333231")
    lab.send("0020008108" + PIN2)


CHANNELS = (0, 1, 3, 4, 19)


def on_channel(raw: bytes, number: int) -> bytes:
    """The same command on another logical channel (GPCS tables 11-11 and 11-12)."""
    cla = raw[0] & 0x80 | (number if number < 4 else 0x40 | number - 4)
    return bytes((cla,)) + raw[1:]


def _many_channels(lab: Lab) -> None:
    """Channels with the file system, an application, security domains and nothing current."""
    _switched_on(lab)
    for number in CHANNELS[1:]:
        lab.send(f"007000{number:02X}")
    for number, aid in ((1, "A0000000871002"), (3, str(ISD_R)), (4, str(MNO_SD)), (19, str(ECASD))):
        lab.card.transmit(on_channel(command(f"00A4040C {aid}"), number))


def _selected(aid: bytes) -> Callable[[Lab], None]:
    def prepare(lab: Lab) -> None:
        lab.send(f"00A40400{len(aid):02X}{aid.hex()}00")

    return prepare


def _isd_r(channel: int = 0) -> Callable[[Lab], SecureHost]:
    def prepare(lab: Lab) -> SecureHost:
        if channel:
            lab.send(f"007000{channel:02X}")
        return lab.open_isd_r(channel)

    return prepare


def _forwarding(lab: Lab) -> SecureHost:
    host = lab.open_isd_r()
    assert run(host, [SmDp.personalize(SECOND)])[-4:] == "9000"
    return host


_waiting: dict[int, bytes] = {}


def _challenged(lab: Lab) -> SecureHost:
    host = lab.open_isd_r()
    _waiting[id(lab)] = challenge(host, SmDp(lab), SECOND)
    return host


def challenge_of(lab: Lab) -> bytes:
    """The random challenge that this card waits for an answer to."""
    return _waiting[id(lab)]


def _answers(lab: Lab) -> list[bytes]:
    dp = SmDp(lab)
    return [H(each) for each in dp.second(dp.payload(challenge_of(lab)))]


def _session(aid: bytes, keys: Callable[[], KeySet], level: SecurityLevel) -> Callable[[Lab], SecureHost]:
    def prepare(lab: Lab) -> SecureHost:
        host = SecureHost(lab.card, keys(), aid, level, 0, lab.entropy.draw(8))
        host.open()
        return host

    return prepare


def _mno_sd_keys() -> KeySet:
    keys = subscriber(2).domain_keys
    return KeySet(0x30, *(SecretKey(keys[0x30, kid]) for kid in (1, 2, 3)))


_KEY = "8810" + "AB" * 16 + "00"
_SSD = "A000000151535042"
_SSD_FIELDS = f"07A0000001515350 08A000000151535041 08{_SSD} 0380C000 06C90481020370 00"
MNO_SD_COMMANDS = [
    command(text)
    for text in (
        "80F24002 4F00 / 00",
        "80F28002 4F00 / 00",
        "80F24002 4F00 5C054F9F70C5CC / 00",
        "80CA0066 / 00",
        "80CA00E0 / 00",
        f"80D80081 31 {_KEY * 3} / 00",
        f"80D80001 70 {_KEY} / 00",
        "80E28800 0070 0A 4208 0102030405060708",
        f"80E28800 00B9 12 B910 9501388001888101108201018301 31 8113 10 {'AB' * 16}",
        f"80E60C00 {_SSD_FIELDS} / 00",
        f"80E60400 {_SSD_FIELDS} / 00",
        f"80E60800 0000 08{_SSD} 0380C000 0000 / 00",
        f"80E62000 0000 08{_SSD} 000000 / 00",
        "80E62000 0000 10A0000005591010FFFFFFFF8900000F00 000000 / 00",
        "80E28800 3A06 03 810102",
        "80E28800 3A07 0B A009 0607913386994211F1",
        f"80E40000 4F08{_SSD} / 00",
        "80E40000 D20131 / 00",
        f"80F04080 {_SSD}",
        f"80F04000 {_SSD}",
    )
]
ISD_P_COMMANDS = [
    command(text)
    for text in (
        "80CA00E0 / 00",
        "80CA0045 / 00",
        "80E28800 0070 0A 4208 0102030405060708",
        "80E28800 3A07 0B A009 0607913386994211F1",
        "80E28800 0070 11 4205 4953445001 45084953445053444901",
        f"80D80001 70 {_KEY} / 00",
    )
]
SCP03T = [
    command(text)
    for text in (
        "80E29100 840A3000 0102030405060708 / 00",
        "80E29100 840A0000 0102030405060708 / 00",
        "80E29100 851133" + "00" * 16 + "/ 00",
        "80E29100 8618" + "00" * 24 + "/ 00",
        "80E29100 8600 / 00",
        "80E29100 8740" + "00" * 64 + "/ 00",
        "80E21100 02030405 / 00",
    )
]


@cache
def stages() -> dict[str, Stage]:
    """All of them, by name."""
    known = recorded()
    es5 = [each for each in known.commands[str(ISD_R)] if each[1] != 0xE2 or not each[2] & 0x10]
    isd_p = [bytes((each[0] & 0xFC,)) + each[1:] for each in known.commands[str(SECOND)]]
    everything = [*known.plain, *UICC]
    create = [each for each in es5 if each[1:3] == b"\xe6\x0c"]
    more = ("80E28800 3A05 12 4F10" + str(SECOND), "80E28800 3A07 05 A303810105", "80E28900 3A08 04 4E020000 / 00")
    fall_back = [command(text) for text in more]
    many = tuple(on_channel(each, number) for each in (*everything, *MNO_SD_COMMANDS) for number in CHANNELS)
    found = [
        Stage("uicc", "wrong pin", _switched_on, tuple(everything)),
        Stage("usim", "wrong pin", _at_usim, tuple(everything)),
        Stage("no session", "enable", _selected(ISD_R), (*es5, *fall_back, *known.plain)),
        Stage("ecasd", "enable", _selected(ECASD), (*es5, *UICC[-2:])),
        Stage("channels", "wrong pin", _many_channels, many),
        Stage("isd-r", "enable", _isd_r(), (*es5, *fall_back)),
        Stage("isd-r, channel 5", "disable", _isd_r(5), (*es5, *fall_back)),
        Stage("isd-r, empty", "create-isdp", _isd_r(), (*create, *es5)),
        Stage("certificate", "establish-keyset", _forwarding, tuple(c for c in es5 if c[:3] == H("80E209"))),
        Stage("challenged", "establish-keyset", _challenged, (), _answers),
        Stage("scp03t", "download", _forwarding, tuple(SCP03T)),
        Stage("isd-p", "download", _session(SECOND, lambda: known.keys, SecurityLevel.ALL), (*isd_p, *ISD_P_COMMANDS)),
        Stage("mno-sd", "wrong pin", _session(MNO_SD, _mno_sd_keys, SecurityLevel.ALL), tuple(MNO_SD_COMMANDS)),
        Stage(
            "mno-sd, level 01", "wrong pin", _session(MNO_SD, _mno_sd_keys, SecurityLevel.C_MAC), tuple(MNO_SD_COMMANDS)
        ),
    ]
    for stage in found:
        for each in stage.corpus:
            CommandApdu.parse(each)
    return {stage.name: stage for stage in found}
