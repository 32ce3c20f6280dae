# SPDX-License-Identifier: Apache-2.0
"""Every state machine of the card walked through APDUs: all pairs of state and event, legal and illegal.

What is legal, and the status word of what is not, is written down here once more, from the specification; where the
card has a table the two must say the same. An illegal event leaves the memory as it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from enum import Enum

import pytest

from apdu.channel import scp03, scp03t
from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03t_host import Scp03tHost
from apdu.channel.session import SessionKeys
from apdu.command.apdu import CommandApdu
from apdu.gp.codes import LifeCycle
from apdu.ids import ECASD, ISD_R
from apdu.keys.secret import SecretKey
from emulator.sd.lifecycle import ISD_P, Event
from tests.fuzz.stages import quiet_lab, recorded
from tests.protocol.test_isd_r import answer, create, delete
from tests.protocol.test_isd_r_profiles import disable, enable, fall_back
from tests.support.flow import FIRST, SECOND
from tests.support.lab import Lab, SecureHost
from tests.support.profile import subscriber
from tests.support.sm_dp import SmDp, run

S = LifeCycle
AID = str(SECOND)


def card_with(medium: str) -> Lab:
    """A bench whose card holds what the flow had written before a step."""
    lab = quiet_lab(lambda moment: None)
    lab.flash = recorded().media[medium].copy()
    lab.restart()
    return lab


def kept(lab: Lab) -> dict[str, bytes]:
    """What is durable, without the sequence counters: opening a session moves them."""
    return {key: value for key, value in lab.snapshot().items() if "/ctr/" not in key}


# --- the life cycle of an ISD-P

MEDIA: dict[LifeCycle | None, str] = {
    None: "create-isdp",
    S.SELECTABLE: "establish-keyset",
    S.PERSONALIZED: "download",
    S.DISABLED: "enable",
    S.ENABLED: "wrong pin",
}
"""The flow came to each state by its own APDUs: these are the media before the step that leaves it."""


class Function(Enum):
    """What may be done to an ISD-P from outside."""

    CREATE = "CreateISDP"
    ESTABLISH = "EstablishISDPKeySet"
    BEGIN = "SCP03t INITIALIZE UPDATE"
    INSTALL = "a whole download"
    ENABLE = "EnableProfile"
    DISABLE = "DisableProfile"
    DELETE = "DeleteProfile"
    FALL_BACK = "SetFallBackAttribute"
    SET_STATUS = "SET STATUS"


def _tlv(host: SecureHost, tlv: bytes) -> str:
    """One SCP03t TLV as the reader binding sends it (annex 11)."""
    commands = [SmDp.personalize(SECOND), *SmDp.store(tlv, p1=0x91, p2=0)]
    return run(host, commands)


def _begin(host: SecureHost) -> str:
    reply = _tlv(host, bytes.fromhex("840A30000102030405060708"))
    return "8420" if reply.startswith("8420") else reply


def _establish(lab: Lab, host: SecureHost) -> str:
    dp = SmDp(lab, ephemeral_scalar=b"\x33" * 32)
    first = run(host, [dp.personalize(SECOND), *dp.first()])
    if not first.startswith("8510"):
        return first
    return run(host, dp.second(dp.payload(bytes.fromhex(first[4:-4]))))[-4:]


def _install(host: SecureHost) -> str:
    session = Scp03tHost(recorded().keys, bytes(8), SECOND)
    reply = _tlv(host, session.initialize_update())
    if not reply.startswith("8420"):
        return reply
    reply = _tlv(host, session.external_authenticate(bytes.fromhex(reply[:-4])))
    session.authenticated(bytes.fromhex(reply[:-4]))
    package = subscriber(2).package
    for at in range(0, len(package), 1007):
        reply = _tlv(host, session.protect(package[at : at + 1007]))
        said = session.receive(bytes.fromhex(reply[:-4]))
    return said.hex().upper()


def happen(lab: Lab, function: Function) -> str:
    """Let it happen; the last answer."""
    host = lab.open_isd_r()
    match function:
        case Function.CREATE:
            return answer(host, create(AID))
        case Function.ESTABLISH:
            return _establish(lab, host)
        case Function.BEGIN:
            return _begin(host)
        case Function.INSTALL:
            return _install(host)
        case Function.ENABLE:
            return answer(host, enable(AID))
        case Function.DISABLE:
            return answer(host, disable(AID))
        case Function.DELETE:
            return answer(host, delete(AID))
        case Function.FALL_BACK:
            return answer(host, fall_back(AID))
        case Function.SET_STATUS:
            return answer(host, f"80F0408010{AID}")


NO_KEYS, HAS_PROFILE = "9F4401039000", "9F4401029000"  # annex 12, the second (U)
SUCCESS = "3007A0053003800100"
Outcome = tuple[str, LifeCycle | None]
LIFE: dict[tuple[LifeCycle | None, Function], Outcome] = {
    (None, Function.CREATE): ("009000", S.SELECTABLE),
    (S.SELECTABLE, Function.ESTABLISH): ("9000", S.PERSONALIZED),
    (S.PERSONALIZED, Function.ESTABLISH): ("9000", S.PERSONALIZED),
    (S.PERSONALIZED, Function.BEGIN): ("8420", S.PERSONALIZED),
    (S.PERSONALIZED, Function.INSTALL): (SUCCESS, S.DISABLED),
    (S.DISABLED, Function.ENABLE): ("9000", S.ENABLED),
    (S.ENABLED, Function.DISABLE): ("9000", S.DISABLED),
    (S.SELECTABLE, Function.DELETE): ("009000", None),
    (S.PERSONALIZED, Function.DELETE): ("009000", None),
    (S.DISABLED, Function.DELETE): ("009000", None),
    (S.DISABLED, Function.FALL_BACK): ("9000", S.DISABLED),
    (S.ENABLED, Function.FALL_BACK): ("9000", S.ENABLED),
}
"""What is legal (SGP.02 v4.2 2.2.1.3, 3.1 to 3.7, as card.md 1.4 and 4 give it)."""
ILLEGAL: dict[tuple[LifeCycle | None, Function], str] = {
    **{(state, Function.CREATE): "6A80" for state in MEDIA if state},
    **{(None, function): "6A88" for function in Function if function is not Function.CREATE},
    (None, Function.SET_STATUS): "6985",
    **{(state, Function.SET_STATUS): "6985" for state in MEDIA if state},
    (S.DISABLED, Function.ESTABLISH): "6985",
    (S.ENABLED, Function.ESTABLISH): "6985",
    (S.SELECTABLE, Function.BEGIN): NO_KEYS,
    (S.SELECTABLE, Function.INSTALL): NO_KEYS,
    (S.DISABLED, Function.BEGIN): HAS_PROFILE,
    (S.DISABLED, Function.INSTALL): HAS_PROFILE,
    (S.ENABLED, Function.BEGIN): HAS_PROFILE,
    (S.ENABLED, Function.INSTALL): HAS_PROFILE,
    (S.SELECTABLE, Function.ENABLE): "6985",
    (S.PERSONALIZED, Function.ENABLE): "6985",
    (S.ENABLED, Function.ENABLE): "6985",
    (S.SELECTABLE, Function.DISABLE): "6985",
    (S.PERSONALIZED, Function.DISABLE): "6985",
    (S.DISABLED, Function.DISABLE): "6985",
    (S.ENABLED, Function.DELETE): "6985",
    (S.SELECTABLE, Function.FALL_BACK): "6985",
    (S.PERSONALIZED, Function.FALL_BACK): "6985",
}
PAIRS = list(itertools.product(MEDIA, Function))
NAMED = {
    Function.ESTABLISH: Event.ESTABLISH_KEY_SET,
    Function.BEGIN: Event.BEGIN_DOWNLOAD,
    Function.INSTALL: Event.INSTALL_PROFILE,
    Function.ENABLE: Event.ENABLE,
    Function.DISABLE: Event.DISABLE,
    Function.DELETE: Event.DELETE,
}


def test_the_tables_are_complete_and_the_cards_own_says_the_same() -> None:
    assert set(LIFE) | set(ILLEGAL) == set(PAIRS)
    assert not set(LIFE) & set(ILLEGAL)
    mine = {(state, NAMED[function]): after for (state, function), (_, after) in LIFE.items() if function in NAMED}
    assert mine == {(state, event): after for state, row in ISD_P.items() for event, after in row.items()}


@pytest.mark.parametrize("state, function", PAIRS)
def test_the_life_cycle_of_an_isd_p(state: LifeCycle | None, function: Function) -> None:
    lab = card_with(MEDIA[state])
    assert lab.state_of(SECOND) is state
    before = kept(lab)
    legal = LIFE.get((state, function))
    expected, after = legal or (ILLEGAL[state, function], state)
    assert happen(lab, function) == expected
    assert lab.state_of(SECOND) is after
    if legal is None:
        assert kept(lab) == before
    lab.restart()
    assert lab.state_of(SECOND) is after
    if legal is None:
        assert kept(lab) == before
    assert sum(record.state is S.ENABLED for record in lab.card.registry.isd_ps()) == 1
    assert not lab.recorder.errors


@pytest.mark.parametrize("function", [Function.ENABLE, Function.DISABLE, Function.DELETE, Function.ESTABLISH])
def test_events_of_another_isd_p_do_not_count(function: Function) -> None:
    """The same walk by one step for a second ISD-P: its state decides, not its neighbour's."""
    lab = card_with(MEDIA[S.PERSONALIZED])
    assert lab.state_of(FIRST) is S.ENABLED
    before = kept(lab)
    if function is not Function.ESTABLISH:
        assert happen(lab, function) in ("6985", "009000")
    if function is not Function.DELETE:
        assert kept(lab) == before
    assert lab.state_of(FIRST) is S.ENABLED


# --- an SCP03 session, through the dispatcher


class Session:
    """A session with the ISD-R on one channel, brought into a state."""

    def __init__(self, state: scp03.State, channel: int) -> None:
        self.lab = quiet_lab(lambda moment: None)
        self.lab.restart()
        if channel:
            self.lab.send(f"007000{channel:02X}")
        self.channel = channel
        self.host = SecureHost(self.lab.card, self.lab.keys, ISD_R, SecurityLevel.ALL, channel, bytes(8))
        self.select()
        self.good_authentication = self._other_authentication()
        if state is scp03.State.INITIATED:
            reply = self.host.send(self.host.session.initialize_update())
            self.good_authentication = self.host.session.external_authenticate(reply)
        elif state is not scp03.State.NONE:
            self.host.open()
        if state is scp03.State.ABORTED:
            assert self.host.send(self.plain()).sw == 0x6982

    def select(self) -> None:
        self.host.send(CommandApdu(self._cla(0x00), 0xA4, 0x04, 0x00, bytes(ISD_R), 256))

    def _cla(self, cla: int) -> int:
        return cla | (self.channel if self.channel < 4 else 0x40 | self.channel - 4)

    def plain(self) -> CommandApdu:
        return CommandApdu(self._cla(0x80), 0xCA, 0x00, 0x66, b"", 256)

    def _other_authentication(self) -> CommandApdu:
        """What would open another session, and none here."""
        cla = self._cla(0x80) | (0x04 if self.channel < 4 else 0x20)
        return CommandApdu(cla, 0x82, 0x33, 0x00, bytes(range(16)))

    @property
    def state(self) -> scp03.State:
        session = self.lab.card.channels[self.channel].session if self.channel in self.lab.card.channels else None
        return scp03.State.NONE if session is None else session.state

    def command(self, state: scp03.State, *, good: bool) -> CommandApdu:
        if state is scp03.State.OPEN:
            wrapped = self.host.session.wrap(self.plain())
            return wrapped if good else wrapped._replace(data=bytes(8))
        if good:
            return self.plain()
        cla = self._cla(0x80) | (0x04 if self.channel < 4 else 0x20)
        return CommandApdu(cla, 0xCA, 0x00, 0x66, bytes(8), 256)


SCP03_PAIRS = list(itertools.product(scp03.State, scp03.Event, (0, 5)))


@pytest.mark.parametrize("state, event, channel", SCP03_PAIRS)
def test_an_scp03_session(state: scp03.State, event: scp03.Event, channel: int) -> None:
    session = Session(state, channel)
    assert session.state is state
    before = session.lab.snapshot()
    expected = scp03.TRANSITIONS[state, event]
    match event:
        case scp03.Event.INITIALIZE_UPDATE:
            sw = session.host.send(CommandApdu(session.plain().cla, 0x50, 0x30, 0x00, bytes(8), 256)).sw
        case scp03.Event.AUTHENTICATION_GOOD:
            sw = session.host.send(session.good_authentication).sw
        case scp03.Event.AUTHENTICATION_BAD:
            good = session.good_authentication
            sw = session.host.send(good._replace(data=good.data[:-1] + bytes((good.data[-1] ^ 1,)))).sw
        case scp03.Event.COMMAND_GOOD | scp03.Event.COMMAND_BAD:
            sw = session.host.send(session.command(state, good=event is scp03.Event.COMMAND_GOOD)).sw
        case scp03.Event.END:
            session.select()
            sw = 0x9000
    if state is scp03.State.NONE and event in (scp03.Event.AUTHENTICATION_GOOD, scp03.Event.AUTHENTICATION_BAD):
        assert sw == 0x6985
    assert sw == (expected.refused or 0x9000)
    assert session.state is expected.state
    if event is not scp03.Event.INITIALIZE_UPDATE:  # that counts
        assert session.lab.snapshot() == before
    assert not session.lab.recorder.errors


# --- an SCP03t session, through the reader binding


class Download:
    """An SCP03t session with the ISD-P, brought into a state."""

    def __init__(self, state: scp03t.State) -> None:
        self.lab = card_with(MEDIA[S.PERSONALIZED])
        self.host = self.lab.open_isd_r()
        self.session = Scp03tHost(recorded().keys, bytes(8), SECOND)
        self.authentication = bytes.fromhex("851133") + bytes(16)
        if state is not scp03t.State.NONE:
            reply = bytes.fromhex(_tlv(self.host, self.session.initialize_update())[:-4])
            self.authentication = self.session.external_authenticate(reply)
        if state is scp03t.State.OPEN:
            self.session.authenticated(bytes.fromhex(_tlv(self.host, self.authentication)[:-4]))

    @property
    def state(self) -> scp03t.State:
        found = self.lab.card.downloads.get(SECOND)
        return scp03t.State.NONE if found is None else found._session.state

    def protected(self, tag: int, *, good: bool) -> bytes:
        """86 or 87; outside a session there is none that verifies."""
        if self.session.state.name != "OPEN":
            return bytes((tag, 0x18)) + bytes(24)
        keys = SessionKeys(*(SecretKey(bytes((n,)) * 16) for n in (1, 2, 3)))
        whole = self.session.protect(b"\xa0") if tag == 0x86 else self.session.replace_keys(keys, bytes(16))
        return whole if good else whole[:-1] + bytes((whole[-1] ^ 1,))


ANSWERS = {0x84: "8420", 0x85: "8500", 0x86: "8600", 0x87: "8700"}
SCP03T_PAIRS = list(itertools.product(scp03t.State, scp03t.Event))


@pytest.mark.parametrize("state, event", SCP03T_PAIRS)
def test_an_scp03t_session(state: scp03t.State, event: scp03t.Event) -> None:
    download = Download(state)
    assert download.state is state
    E = scp03t.Event
    bad_85 = download.authentication[:-1] + bytes((download.authentication[-1] ^ 1,))
    commands: dict[scp03t.Event, Callable[[], bytes]] = {
        E.INITIALIZE_GOOD: lambda: bytes.fromhex("840A30000102030405060708"),
        E.INITIALIZE_BAD: lambda: bytes.fromhex("840A7F000102030405060708"),
        E.AUTHENTICATE_GOOD: lambda: download.authentication,
        E.AUTHENTICATE_BAD: lambda: bad_85,
        E.DATA_GOOD: lambda: download.protected(0x86, good=True),
        E.DATA_BAD: lambda: download.protected(0x86, good=False),
        E.KEYS_GOOD: lambda: download.protected(0x87, good=True),
        E.KEYS_BAD: lambda: download.protected(0x87, good=False),
        E.MALFORMED: lambda: bytes.fromhex("8409300001020304050607"),
    }
    expected = scp03t.TRANSITIONS[state, event]
    before = kept(download.lab)
    if event is E.END:
        assert answer(download.host, "80CA00D300") == "D301339000"
        download.lab.open_isd_r()  # selected anew
    else:
        tlv = commands[event]()
        reply = _tlv(download.host, tlv)
        if expected.refused is None:
            assert reply.startswith(ANSWERS[tlv[0]])
        else:
            assert reply == f"9F4{tlv[0] & 0x0F:X}01{expected.refused:02X}9000"
    assert download.state is expected.state
    staged = {key for key in kept(download.lab) if key.startswith("stage/")}
    assert bool(staged) == (state is scp03t.State.OPEN and event is E.DATA_GOOD)
    assert {key: value for key, value in kept(download.lab).items() if key not in staged} == before
    assert not download.lab.recorder.errors


@pytest.mark.parametrize("tag", [0x80, 0x83, 0x88, 0x22, 0x90])
def test_a_tlv_that_is_no_command(tag: int) -> None:
    """card.md 12.5: unknown tag in a script: 90 01 01."""
    download = Download(scp03t.State.OPEN)
    assert _tlv(download.host, bytes((tag, 0x00))) == "9001019000"
    assert download.state is scp03t.State.NONE


# --- logical channels


class Place(Enum):
    """Where a channel stands."""

    CLOSED = "closed"
    OPEN = "open, nothing selected"
    SELECTED = "a security domain selected"
    SESSION = "a secure session"


CHANNEL: dict[tuple[Place, str], tuple[str, Place]] = {
    (Place.CLOSED, "open"): ("9000", Place.OPEN),
    (Place.CLOSED, "close"): ("6200", Place.CLOSED),
    (Place.CLOSED, "select"): ("6881", Place.CLOSED),
    (Place.CLOSED, "get data"): ("6881", Place.CLOSED),
    (Place.CLOSED, "reset"): ("", Place.CLOSED),
    (Place.OPEN, "open"): ("6985", Place.OPEN),
    (Place.OPEN, "close"): ("9000", Place.CLOSED),
    (Place.OPEN, "select"): ("9000", Place.SELECTED),
    (Place.OPEN, "get data"): ("6D00", Place.OPEN),
    (Place.OPEN, "reset"): ("", Place.CLOSED),
    (Place.SELECTED, "open"): ("6985", Place.SELECTED),
    (Place.SELECTED, "close"): ("9000", Place.CLOSED),
    (Place.SELECTED, "select"): ("9000", Place.SELECTED),
    (Place.SELECTED, "get data"): ("9000", Place.SELECTED),
    (Place.SELECTED, "reset"): ("", Place.CLOSED),
    (Place.SESSION, "open"): ("6985", Place.SESSION),
    (Place.SESSION, "close"): ("9000", Place.CLOSED),
    (Place.SESSION, "select"): ("9000", Place.SELECTED),
    (Place.SESSION, "get data"): ("6982", Place.SELECTED),  # a plain command: the session is over
    (Place.SESSION, "reset"): ("", Place.CLOSED),
}
EVENTS = ("open", "close", "select", "get data", "reset")


@pytest.mark.parametrize("number", [1, 3, 4, 19])
@pytest.mark.parametrize("place, event", list(itertools.product(Place, EVENTS)))
def test_a_logical_channel(place: Place, event: str, number: int) -> None:
    lab = quiet_lab(lambda moment: None)
    lab.restart()
    interindustry = f"{number if number < 4 else 0x40 | number - 4:02X}"
    proprietary = f"{0x80 | int(interindustry, 16):02X}"
    if place is not Place.CLOSED:
        lab.send(f"007000{number:02X}")
    if place is Place.SELECTED:
        lab.send(f"{interindustry}A4040010{ECASD}00")
    if place is Place.SESSION:
        lab.open_isd_r(number)
    before = lab.snapshot()
    sent = {
        "open": f"007000{number:02X}",
        "close": f"007080{number:02X}",
        "select": f"{interindustry}A4040010{ECASD}00",
        "get data": f"{proprietary}CA006600",
    }
    sw, after = CHANNEL[place, event]
    if event == "reset":
        lab.card.reset()
    else:
        assert lab.send(sent[event])[-4:] == sw
    channel = lab.card.channels.get(number)
    if after is Place.CLOSED:
        assert channel is None
    else:
        assert channel is not None
        assert (channel.application is not None) == (after is not Place.OPEN)
        assert (channel.session is not None and channel.session.level is not None) == (after is Place.SESSION)
    assert lab.snapshot() == before
    assert lab.send(f"00A4040010{ECASD}00")[-4:] == "9000"  # the basic channel does not care


# --- the proactive session


class Talk(Enum):
    """Where the proactive session stands."""

    SILENT = "no TERMINAL PROFILE yet, a REFRESH waits"
    IDLE = "nothing to say"
    WAITING = "91xx"
    FETCHED = "fetched, not answered"


PROFILE = "8010000014" + "FF" * 20
GOOD = "801400000C8103010104820282818301"
TOOLKIT: dict[tuple[Talk, str], tuple[str, Talk]] = {
    (Talk.SILENT, "profile"): ("910B", Talk.WAITING),
    (Talk.SILENT, "status"): ("9000", Talk.SILENT),
    (Talk.SILENT, "fetch"): ("6985", Talk.SILENT),
    (Talk.SILENT, "wrong fetch"): ("6985", Talk.SILENT),
    (Talk.SILENT, "response"): ("6985", Talk.SILENT),
    (Talk.SILENT, "wrong response"): ("6985", Talk.SILENT),
    (Talk.SILENT, "event"): ("9000", Talk.SILENT),
    (Talk.SILENT, "reset"): ("", Talk.IDLE),
    (Talk.IDLE, "profile"): ("9000", Talk.IDLE),
    (Talk.IDLE, "status"): ("9000", Talk.IDLE),
    (Talk.IDLE, "fetch"): ("6985", Talk.IDLE),
    (Talk.IDLE, "wrong fetch"): ("6985", Talk.IDLE),
    (Talk.IDLE, "response"): ("6985", Talk.IDLE),
    (Talk.IDLE, "wrong response"): ("6985", Talk.IDLE),
    (Talk.IDLE, "event"): ("9000", Talk.IDLE),
    (Talk.IDLE, "reset"): ("", Talk.IDLE),
    (Talk.WAITING, "profile"): ("910B", Talk.WAITING),
    (Talk.WAITING, "status"): ("910B", Talk.WAITING),
    (Talk.WAITING, "fetch"): ("9000", Talk.FETCHED),
    (Talk.WAITING, "wrong fetch"): ("6C0B", Talk.WAITING),
    (Talk.WAITING, "response"): ("6985", Talk.WAITING),
    (Talk.WAITING, "wrong response"): ("6985", Talk.WAITING),
    (Talk.WAITING, "event"): ("910B", Talk.WAITING),
    (Talk.WAITING, "reset"): ("", Talk.IDLE),
    (Talk.FETCHED, "profile"): ("9000", Talk.FETCHED),
    (Talk.FETCHED, "status"): ("9000", Talk.FETCHED),
    (Talk.FETCHED, "fetch"): ("6985", Talk.FETCHED),
    (Talk.FETCHED, "wrong fetch"): ("6985", Talk.FETCHED),
    (Talk.FETCHED, "response"): ("9000", Talk.IDLE),
    (Talk.FETCHED, "wrong response"): ("6A80", Talk.IDLE),  # annex 6.1: the session is dropped
    (Talk.FETCHED, "event"): ("9000", Talk.FETCHED),
    (Talk.FETCHED, "reset"): ("", Talk.IDLE),
}
TOOLKIT_EVENTS = ("profile", "status", "fetch", "wrong fetch", "response", "wrong response", "event", "reset")


def talking(talk: Talk) -> tuple[Lab, str]:
    """A card in that state, and the number of the command that was fetched."""
    lab = card_with(MEDIA[S.DISABLED])
    number = "01"
    if talk is not Talk.SILENT:
        assert lab.send(PROFILE) == "9000"
    if talk is not Talk.IDLE:
        answer(lab.open_isd_r(), enable(AID))
    if talk is Talk.FETCHED:
        number = lab.send("801200000B")[8:10]
    return lab, number


@pytest.mark.parametrize("talk, event", list(itertools.product(Talk, TOOLKIT_EVENTS)))
def test_the_proactive_session(talk: Talk, event: str) -> None:
    lab, number = talking(talk)
    before = lab.snapshot()
    sent = {
        "profile": PROFILE,
        "status": "80F2000C",
        "fetch": "801200000B",
        "wrong fetch": "801200000A",
        "response": f"801400000C8103{number}0104820282818301 00",
        "wrong response": f"801400000C8103{number}1304820282818301 00",
        "event": "80C200000CD60A 990103 82028281 9B0100",
    }
    sw, after = TOOLKIT[talk, event]
    if event == "reset":
        lab.card.reset()
    else:
        assert lab.send(sent[event])[-4:] == sw
    toolkit = lab.card.toolkit
    assert (toolkit.waiting > 0) == (after is Talk.WAITING)
    assert (toolkit.outstanding is not None) == (after is Talk.FETCHED)
    assert lab.snapshot() == before  # all of this is volatile
    assert not lab.recorder.errors


def test_the_tables_are_complete() -> None:
    assert set(CHANNEL) == set(itertools.product(Place, EVENTS))
    assert set(TOOLKIT) == set(itertools.product(Talk, TOOLKIT_EVENTS))
    assert {pair[:2] for pair in SCP03_PAIRS} == set(scp03.TRANSITIONS)
    assert set(SCP03T_PAIRS) == set(scp03t.TRANSITIONS)
