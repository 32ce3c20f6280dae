# SPDX-License-Identifier: Apache-2.0
"""A terminal with channels in memory, and an SM-SR's HTTPS server of the tests' own behind them (apdu.tls, no h11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from apdu.cat.bip import ChannelStatus, OpenChannel, ReceiveData, SendData
from apdu.cat.catalogue import read_command
from apdu.cat.codes import CommandType, Device, Event, GeneralResult
from apdu.cat.commands import SendShortMessage, SetUpEventList, TimerManagement
from apdu.cat.comprehension import DeviceIdentities, Result
from apdu.cat.envelope import EventDownload, TimerExpiration
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.command import CommandApdu, exchange
from apdu.gp.sgp02 import CreateIsdp
from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from apdu.ota.trigger import DnsParameters, HttpParameters, PskSelection, RetryPolicy, SessionParameters, Trigger
from apdu.sms.tpdu import Submit
from apdu.tls.engine import PskServer, TlsFailed
from emulator.ota.agent import State
from tests.protocol.sms_bench import SmsBench
from tests.support.lab import EID, Lab

IDENTITY = f"8001028110{EID}4F10A0000005591010FFFFFFFF8900000100820101830140".upper()
CONNECTION = bytes.fromhex("350103 39020578 3C0302 01BB 3E05217F000001")
PROTOCOL = "X-Admin-Protocol: globalplatform-remote-admin/1.0"
CONTENT = "Content-Type: application/vnd.globalplatform.card-content-mgt;version=1.0"
IMEI = "354990075195830"


@dataclass(frozen=True)
class Posted:
    """One request as the server read it."""

    target: str
    headers: dict[str, str]
    body: bytes | None
    chunks: tuple[int, ...] = ()


Reply = Callable[[Posted], bytes | None]
"""The raw answer to a request; None: none, the link is cut."""


def ok(
    body: bytes, following: str | None = "/next", *more: str, protocol: str = PROTOCOL, content: str = CONTENT
) -> bytes:
    """200 with a script."""
    lines = ["HTTP/1.1 200 OK", protocol, content, *more, "Transfer-Encoding: chunked"]
    if following is not None:
        lines.append(f"X-Admin-Next-URI: {following}")
    head = "\r\n".join(line for line in lines if line) + "\r\n\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in _pieces(body))
    return head.encode() + chunks + b"0\r\n\r\n"


def _pieces(body: bytes, size: int = 100) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def no_content(following: str | None = None) -> bytes:
    """204."""
    more = "" if following is None else f"X-Admin-Next-URI: {following}\r\n"
    return f"HTTP/1.1 204 No Content\r\n{PROTOCOL}\r\n{more}\r\n".encode()


class Peer(Protocol):
    """What is at the other end of a channel."""

    closed: bool

    def receive(self, data: bytes) -> None: ...

    def outgoing(self) -> bytes: ...


class HttpsPeer:
    """An HTTPS server for one connection: requests are read by hand."""

    def __init__(self, keys: dict[str, SecretKey], reply: Reply) -> None:
        self.tls = PskServer(keys.get, SeededEntropy(b"server"))
        self._reply = reply
        self._buffer = b""
        self.posted: list[Posted] = []
        self.closed = False
        self.failed = ""

    def receive(self, data: bytes) -> None:
        try:
            self._buffer += self.tls.receive(data)
        except TlsFailed as error:
            self.failed, self.closed = str(error), True
            return
        while (read := _request(self._buffer)) is not None:
            posted, self._buffer = read
            self.posted.append(posted)
            answer = self._reply(posted)
            if answer is None:
                self.closed = True
                return
            self.tls.send(answer)

    def outgoing(self) -> bytes:
        return self.tls.outgoing()


def _request(raw: bytes) -> tuple[Posted, bytes] | None:
    """A whole request and what follows it."""
    head, mark, rest = raw.partition(b"\r\n\r\n")
    if not mark:
        return None
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, version = first.split(" ")
    assert (method, version) == ("POST", "HTTP/1.1")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert len(headers) == len(lines)
    assert "content-length" not in headers
    if headers.get("transfer-encoding") != "chunked":
        return Posted(target, headers, None), rest
    body = b""
    sizes: list[int] = []
    while True:
        size_text, mark, rest = rest.partition(b"\r\n")
        if not mark:
            return None
        size = int(size_text, 16)
        if len(rest) < size + 2:
            return None
        assert rest[size : size + 2] == b"\r\n"
        piece, rest = rest[:size], rest[size + 2 :]
        if not size:
            return Posted(target, headers, body, tuple(sizes)), rest
        body += piece
        sizes.append(size)


@dataclass
class Link:
    """One channel of the terminal."""

    command: OpenChannel
    peer: Peer
    arrived: bytes = b""
    told: bool = False
    dropped: bool = False
    stored: bytes = b""
    reported: bool = False
    sent: list[bytes] = field(default_factory=list)


class Terminal(SmsBench):
    """The device's side: BIP, timers, event list; what the card asked for is kept in `asked`."""

    def __init__(self, lab: Lab, peers: Callable[[OpenChannel], Peer] | None = None) -> None:
        self.peers = peers
        self.asked: list[ProactiveCommand] = []
        self.answers: dict[int, Result] = {}
        """Results by type of command, instead of what would happen."""
        self.buffer: int | None = None
        self.cut_at = 0
        """Cut the link before this TLS record, counted over all connections of the terminal."""
        self.records = 0
        self.links: dict[int, Link] = {}
        self.events: bytes = b""
        self.timers: dict[int, int] = {}
        self.before: Callable[[ProactiveCommand], None] = lambda command: None
        super().__init__(lab)

    def power_up(self, profile: bytes | None = None) -> None:
        self.links, self.events, self.timers = {}, b"", {}
        profile = bytes((0xFF,)) * 30 if profile is None else profile
        raw = self.card.transmit(bytes.fromhex("80100000") + bytes((len(profile),)) + profile)
        self.settle(int.from_bytes(raw[-2:], "big"))

    # --- the card's commands

    def settle(self, sw: int) -> list[Submit]:
        """Everything that is due, but for timers."""
        sent: list[Submit] = []
        while True:
            while sw >> 8 == 0x91:
                fetched = exchange(self.card, CommandApdu(0x80, 0x12, 0, 0, le=sw & 0xFF or 256)).data
                command = read_command(fetched)
                self.asked.append(command)
                self.before(command)
                if isinstance(command, SendShortMessage) and command.tpdu is not None:
                    sent.append(Submit.decode(command.tpdu))
                if command.details.type == CommandType.REFRESH:
                    return sent
                answer = self._answer(command)
                sw = exchange(self.card, CommandApdu(0x80, 0x14, 0, 0, answer.value())).sw
            event = self._event()
            if event is None:
                return sent
            sw = exchange(self.card, CommandApdu(0x80, 0xC2, 0, 0, event.encode())).sw

    def _answer(self, command: ProactiveCommand) -> TerminalAnswer:
        instead = self.answers.get(command.details.type)
        if instead is not None:
            return TerminalAnswer.to(command, instead)
        done = TerminalAnswer.to(command, Result(GeneralResult.DONE))
        match command.details.type:
            case CommandType.OPEN_CHANNEL:
                return self._open(command, done)
            case CommandType.SEND_DATA | CommandType.RECEIVE_DATA | CommandType.CLOSE_CHANNEL:
                return self._on_channel(command, done)
            case CommandType.GET_CHANNEL_STATUS:
                states = tuple(ChannelStatus(n, not link.dropped).to_bytes() for n, link in self.links.items())
                return replace(done, channel_status=states)
            case CommandType.SET_UP_EVENT_LIST:
                assert isinstance(command, SetUpEventList)
                self.events = command.events
            case CommandType.TIMER_MANAGEMENT:
                assert isinstance(command, TimerManagement)
                if command.details.qualifier == 0:
                    assert command.seconds is not None
                    self.timers[command.timer] = command.seconds
                else:
                    self.timers.pop(command.timer, None)
            case CommandType.PROVIDE_LOCAL_INFORMATION:
                return replace(done, imei=IMEI)
        return done

    def _open(self, command: ProactiveCommand, done: TerminalAnswer) -> TerminalAnswer:
        assert isinstance(command, OpenChannel)
        assert self.peers is not None
        number = next(n for n in range(1, 8) if n not in self.links)
        self.links[number] = Link(command, self.peers(command))
        return replace(
            done,
            channel_status=(ChannelStatus(number, True).to_bytes(),),
            buffer_size=self.buffer or command.buffer_size,
        )

    def _on_channel(self, command: ProactiveCommand, done: TerminalAnswer) -> TerminalAnswer:
        number = command.devices.destination & 0x0F
        link = self.links.get(number)
        if link is None:
            return replace(done, result=Result(GeneralResult.BIP_ERROR, b"\x03"))
        if command.details.type == CommandType.CLOSE_CHANNEL:
            del self.links[number]
            return done
        if isinstance(command, ReceiveData):
            size = command.length
            data, link.arrived = link.arrived[:size], link.arrived[size:]
            link.told = link.told and bool(link.arrived)
            short = Result(GeneralResult.MISSING_INFORMATION) if len(data) < size else done.result
            return replace(done, result=short, channel_data=data, channel_data_length=min(len(link.arrived), 255))
        assert isinstance(command, SendData)
        if link.dropped:
            return replace(done, result=Result(GeneralResult.BIP_ERROR, b"\x02"))
        link.stored += command.data
        if command.details.qualifier & 1:
            data, link.stored = link.stored, b""
            self._transfer(link, data)
        return replace(done, channel_data_length=255)

    def _transfer(self, link: Link, data: bytes) -> None:
        """Bytes for the peer, and what it answers, record by record."""
        link.sent.append(data)
        self._count(link, data, link.peer.receive)
        if not link.dropped:
            self._count(link, link.peer.outgoing(), lambda piece: setattr(link, "arrived", link.arrived + piece))
        link.dropped = link.dropped or link.peer.closed

    def _count(self, link: Link, data: bytes, hand_on: Callable[[bytes], None]) -> None:
        if not self.cut_at:
            hand_on(data)
            return
        # what begins a record is counted; a record may come in several pieces, which then count once
        at = 0
        while at < len(data) and not link.dropped:
            size = len(data) - at
            if data[at] in (20, 21, 22, 23) and data[at + 1 : at + 3] in (b"\x03\x03", b"\x03\x01"):
                size = min(size, 5 + int.from_bytes(data[at + 3 : at + 5], "big"))
                self.records += 1
                if self.records == self.cut_at:
                    link.dropped = True
                    return
            hand_on(data[at : at + size])
            at += size

    # --- what the terminal says by itself

    def _event(self) -> EventDownload | None:
        for number, link in self.links.items():
            if link.arrived and not link.told and Event.DATA_AVAILABLE in self.events:
                link.told = True
                return self._about(Event.DATA_AVAILABLE, number, not link.dropped, len(link.arrived))
            if link.dropped and not link.reported and Event.CHANNEL_STATUS in self.events:
                link.reported = True
                return self._about(Event.CHANNEL_STATUS, number, False)
        return None

    @staticmethod
    def _about(event: Event, number: int, linked: bool, length: int | None = None) -> EventDownload:
        return EventDownload(
            events=bytes((event,)),
            devices=DeviceIdentities(Device.TERMINAL, Device.UICC),
            channel_status=ChannelStatus(number, linked, 0 if linked else 5),
            channel_data_length=None if length is None else min(length, 255),
        )

    def expire(self, timer: int = 1) -> list[Submit]:
        """The end of a timer."""
        seconds = self.timers.pop(timer)
        return list(self.envelope(TimerExpiration.of(timer, seconds).encode()).sent)

    def poll(self) -> list[Submit]:
        """STATUS."""
        return self.settle(exchange(self.card, CommandApdu(0x80, 0xF2, 0, 0x0C)).sw)

    def locate(self, status: int = 0) -> list[Submit]:
        """The event location status, if the card wants it."""
        if Event.LOCATION_STATUS not in self.events:
            return []
        event = replace(EventDownload.of(Event.LOCATION_STATUS), location_status=status)
        return list(self.envelope(event.encode()).sent)

    def of_type(self, kind: CommandType) -> list[ProactiveCommand]:
        """What the card asked for, by type."""
        return [command for command in self.asked if command.details.type == kind]


@dataclass
class Served:
    """A card, its terminal and a server, with every request of every connection."""

    lab: Lab
    reply: Reply
    key: SecretKey | None = None
    connections: list[HttpsPeer] = field(default_factory=list)

    def __post_init__(self) -> None:
        key = self.key or self.lab.made.scp81[1]
        self.keys = {IDENTITY: key}
        self.terminal = Terminal(self.lab, self._connect)

    def _connect(self, command: OpenChannel) -> Peer:
        self.connections.append(HttpsPeer(self.keys, self.reply))
        return self.connections[-1]

    @property
    def posted(self) -> list[Posted]:
        return [posted for connection in self.connections for posted in connection.posted]

    def trigger(self, parameters: Trigger | bytes | None = None, spi: str = "1639") -> int:
        """Send the trigger and let everything happen; the status of its proof of receipt."""
        self.terminal.asked = []
        data = parameters if isinstance(parameters, bytes) else (parameters or trigger()).encode()
        reply = self.terminal.deliver(self.terminal.packet(data, spi=spi))
        (packet,) = reply.packets
        if reply.sent:  # before the session
            assert self.terminal.asked[0].details.type == CommandType.SEND_SHORT_MESSAGE
        opened = self.terminal.open(packet, spi)
        assert opened.data == b""
        return opened.status


def trigger(
    *,
    attempts: int = 0,
    seconds: int = 30,
    report: bytes = b"",
    connection: bytes = CONNECTION,
    security: PskSelection | None = None,
    dns: DnsParameters | None = None,
    **http: str,
) -> Trigger:
    """A whole trigger."""
    policy = RetryPolicy.after(attempts, seconds)._replace(failure_report=report)
    session = SessionParameters(
        connection=connection,
        security=security,
        retry=policy,
        http=HttpParameters(**{"host": "127.0.0.1", "uri": "/admin", **http}),
    )
    return Trigger(session=session, dns=dns)


ISD_P = Aid.isd_p(0x10)
READ = "80CA006600"


def script(*commands: str) -> bytes:
    """A script of indefinite length."""
    body = b"".join(b"\x22" + bytes((len(raw),)) + raw for raw in map(bytes.fromhex, commands))
    return b"\xae\x80" + body + bytes(2)


CREATE = script(CreateIsdp(aid=ISD_P).install().command().encode().hex())


def serving(*answers: bytes | None) -> Reply:
    """One answer after the other, then the end."""
    left = list(answers)
    return lambda posted: left.pop(0) if left else no_content()


def executed(served: Served) -> bool:
    """Whether CREATE was carried out."""
    return served.lab.state_of(ISD_P) is not None


def agent_state(served: Served) -> State:
    """Where the card's session stands."""
    agent = served.lab.card.ota._agent
    return State.IDLE if agent is None else agent.state
