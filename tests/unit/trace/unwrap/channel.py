# SPDX-License-Identifier: Apache-2.0
"""BIP channels as they stand in a trace: toolkit commands around the bytes of two ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from apdu.cat.bip import ChannelStatus, CloseChannel, OpenChannel, ReceiveData, SendData, TransportLevel
from apdu.cat.codes import CommandType, Device
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.command.apdu import CommandApdu
from apdu.gp.sgp02 import CreateIsdp
from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeyType, SecretKey
from apdu.ota.admin import PROTOCOL, PROTOCOL_VALUE, admin_from
from apdu.ota.remote import ResponseItem, ResponseTag, build_response_script, build_script, command_item
from apdu.tls.engine import PskClient, PskServer
from apdu.trace.events import LinkEvent
from apdu.trace.unwrap import KeyRing
from apdu.trace.unwrap.keys import PresharedKey
from tests.support.lab import EID
from tests.unit.trace.unwrap.wire import link

PSK = SecretKey(bytes(range(16)), KeyType.TLS_PSK)
IDENTITY = f"8001028110{EID}4F10A0000005591010FFFFFFFF8900000100820101830140".upper()
PSK_RING = KeyRing(preshared=[PresharedKey(PSK, bytes(EID), 0x40, 0x01)])
PIECE = 200

Sent = tuple[str, bytes]
"""Who sends, "card" or "server", and what."""


def command(kind: CommandType, to: int) -> dict[str, object]:
    return {
        "details": CommandDetails(1, kind, 1),
        "devices": DeviceIdentities(Device.UICC, to),
    }


def fetched(proactive: ProactiveCommand, answer: TerminalAnswer) -> Iterator[LinkEvent]:
    """FETCH and TERMINAL RESPONSE."""
    raw = proactive.encode()
    yield link("command", bytes.fromhex("80120000") + bytes((len(raw) & 0xFF,)))
    yield link("response", raw + b"\x90\x00")
    yield link("command", CommandApdu(0x80, 0x14, 0, 0, answer.value()).encode())
    yield link("response", b"\x90\x00")


def _said(proactive: ProactiveCommand, **more: object) -> TerminalAnswer:
    return TerminalAnswer(
        details=proactive.details,
        devices=DeviceIdentities(Device.TERMINAL, Device.UICC),
        result=Result(0x00),
        **more,  # type: ignore[arg-type]
    )


def opened(number: int = 1) -> Iterator[LinkEvent]:
    """OPEN CHANNEL."""
    proactive = OpenChannel(
        **command(CommandType.OPEN_CHANNEL, Device.TERMINAL),  # type: ignore[arg-type]
        buffer_size=1400,
        transport=TransportLevel(2, 4433),
    )
    yield from fetched(proactive, _said(proactive, channel_status=(ChannelStatus(number, True).to_bytes(),)))


def carried(talk: Iterable[Sent], number: int = 1) -> Iterator[LinkEvent]:
    """SEND DATA and RECEIVE DATA, in pieces."""
    for who, data in talk:
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            if who == "card":
                send = SendData(**command(CommandType.SEND_DATA, 0x20 | number), data=piece)  # type: ignore[arg-type]
                yield from fetched(send, _said(send, channel_data_length=255))
            else:
                receive = ReceiveData(**command(CommandType.RECEIVE_DATA, 0x20 | number), length=PIECE)  # type: ignore[arg-type]
                yield from fetched(receive, _said(receive, channel_data=piece, channel_data_length=0))


def closed(number: int = 1) -> Iterator[LinkEvent]:
    """CLOSE CHANNEL."""
    close = CloseChannel(**command(CommandType.CLOSE_CHANNEL, 0x20 | number))  # type: ignore[arg-type]
    yield from fetched(close, _said(close))


def channel(talk: Iterable[Sent]) -> list[LinkEvent]:
    """A whole channel."""
    return [*opened(), *carried(talk), *closed()]


def conversation(exchanges: Iterable[tuple[bytes, bytes]], key: SecretKey = PSK) -> list[Sent]:
    """What a card and an SM-SR of apdu.tls say: each request and its answer in clear."""
    client = PskClient(IDENTITY, key)
    server = PskServer({IDENTITY: key}.get, SeededEntropy(b"server"))
    talk: list[Sent] = []

    def move() -> None:
        while True:
            up = client.outgoing()
            if up:
                talk.append(("card", up))
                server.receive(up)
            down = server.outgoing()
            if down:
                talk.append(("server", down))
                client.receive(down)
            if not up and not down:
                return

    move()
    for request, answer in exchanges:
        client.send(request)
        move()
        server.send(answer)
        move()
    client.close()
    move()
    return talk


HEAD = f"{PROTOCOL}: {PROTOCOL_VALUE}\r\n"
CREATE = CreateIsdp(aid=Aid.isd_p(0x10)).install().command().encode()
SCRIPT = build_script([command_item(CREATE)], indefinite=True)
ANSWER = build_response_script(1, [ResponseItem(ResponseTag.R_APDU, b"\x00\x90\x00")], indefinite=True)
SECRET_SCRIPT = build_script([command_item(bytes.fromhex("80D8300113") + b"\x30" + bytes(range(18)))], indefinite=True)
"""PUT KEY, with a key value that is easy to find."""


def post(body: bytes = b"") -> bytes:
    """A request of a card."""
    head = f"POST /admin HTTP/1.1\r\nHost: x\r\n{HEAD}X-Admin-From: {admin_from(EID)}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ok(body: bytes) -> bytes:
    """An answer of an SM-SR, in chunks."""
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + 50]), body[at : at + 50]) for at in range(0, len(body), 50))
    return f"HTTP/1.1 200 OK\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + pieces + b"0\r\n\r\n"


END = f"HTTP/1.1 204 No Content\r\n{HEAD}\r\n".encode()
SESSION = ((post(), ok(SCRIPT)), (post(ANSWER), END))
