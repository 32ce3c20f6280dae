# SPDX-License-Identifier: Apache-2.0
"""Over the air: TLS-PSK handshakes, and the SM-SR's admin server with many sessions open."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final

from apdu.gp.status import StatusQuery
from apdu.ids import ISD_R, Eid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeyType, SecretKey
from apdu.ota.admin import RESPONSE_TYPE, PskIdentity, admin_from
from apdu.script import ApduScript, Batch
from apdu.sms.address import Address
from apdu.sms.transport import LocalSms
from apdu.tls.engine import PskClient, PskServer, TlsState
from smsr.kit.sealer import Sealer
from smsr.ota.admin import ENTRY
from smsr.ota.journal import SqliteJournal
from smsr.ota.ota import OtaSettings, OverTheAir
from smsr.ota.push import PushSettings
from smsr.ota.server import AdminServer
from smsr.ota.sms import SmsSettings
from smsr.ota.task import command_task
from smsr.store import MemoryEisStore
from tools.bench.line import Line
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample, rate
from tools.errors import ToolError
from tools.pki import signed_eis

__all__ = ["SERVER_NOTE", "ota_metrics"]

SERVER_NOTE: Final = (
    "admin_requests: answers of cards over loopback sockets, each followed by the next script; per second of the "
    "processor time of the server's thread. 500 sessions are open, the clients run in another thread. "
    "provisioning_https: processor time from the trigger to the confirmed notification and two audits: SM-DP, SM-SR "
    "and its server, short messages, TCP on loopback, device and card in one process."
)
_KEY: Final = SecretKey(bytes(range(16)), KeyType.TLS_PSK)
_IDENTITY: Final = "80" * 45
_ANSWER: Final = bytes.fromhex("AF80 2302 6A88 0000".replace(" ", ""))
_PATIENCE: Final = 30.0
_MANY: Final = 1 << 30


def handshake() -> Callable[[], object]:
    """Both ends of a handshake over memory."""
    entropy = SeededEntropy(b"handshake")

    def shake() -> None:
        client, server = PskClient(_IDENTITY, _KEY), PskServer(lambda identity: _KEY, entropy)
        while client.state is not TlsState.OPEN or server.state is not TlsState.OPEN:
            server.receive(client.outgoing())
            client.receive(server.outgoing())

    return shake


class _Cards:
    """Cards of an SM-SR: their EIS, and a script for each that has no end."""

    def __init__(self, line: Line, count: int) -> None:
        store = MemoryEisStore()
        station = line.card()
        entropy = SeededEntropy(b"cards")
        self.eids = [Eid.create(f"89049032{number:022d}") for number in range(1, count + 1)]
        for eid in self.eids:
            made = replace(station.made, eid=eid)
            store.add(signed_eis(made, line.eum, line.clock()))
        self.psk = station.made.scp81[1]
        settings = OtaSettings(
            sms=SmsSettings(originator=Address.of("1")),
            push=PushSettings(address=ip_address("127.0.0.1"), port=1),
            numbers=lambda eis: (Address.of("2"),),
        )
        self.ota = OverTheAir(
            store,
            LocalSms(entropy),
            settings,
            keeper=SqliteJournal(":memory:", Sealer(SecretKey(bytes(16)), entropy)),
            entropy=entropy,
            clock=time.time,
        )
        assert self.ota.https is not None
        self.desk = self.ota.https
        for eid in self.eids:
            self.desk.carry(eid, command_task(_for_ever()), self.ota.dispatcher.chain_of(eid))


def _for_ever() -> ApduScript[None]:
    batch = Batch(ISD_R, (StatusQuery().command(),))
    for _ in range(_MANY):
        yield batch


class _Server:
    """The admin server in a thread."""

    def __init__(self, cards: _Cards) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = AdminServer(cards.desk, entropy=SeededEntropy(b"server"), clock=time.time)
        self.port: int = self._do(self._server.start())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def seconds(self) -> float:
        """Processor time of the thread so far."""

        async def used() -> float:
            return time.thread_time()

        return float(self._do(used()))

    def stop(self) -> None:
        """End it."""
        self._do(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()


class _Client:
    """One card's connection."""

    def __init__(self, port: int, eid: Eid, psk: SecretKey) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._tls = PskClient(str(PskIdentity(eid, ISD_R, 1, 0x40)), psk)
        self._from = admin_from(eid)
        while self._tls.state is TlsState.HANDSHAKE:
            self._socket.sendall(self._tls.outgoing())
            self._tls.receive(self._socket.recv(4096))
        self._uri = ENTRY
        self.post(b"")
        self.read()

    def post(self, body: bytes) -> None:
        """Send a request."""
        lines = [
            f"POST {self._uri} HTTP/1.1",
            "Host: 127.0.0.1",
            "X-Admin-Protocol: globalplatform-remote-admin/1.0",
            f"X-Admin-From: {self._from}",
        ]
        tail = b""
        if body:
            lines += [f"Content-Type: {RESPONSE_TYPE}", "X-Admin-Script-Status: ok", "Transfer-Encoding: chunked"]
            tail = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        self._tls.send("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + tail)
        self._socket.sendall(self._tls.outgoing())

    def read(self) -> None:
        """Take the next script."""
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            data = self._socket.recv(65536)
            if not data:
                raise ToolError("the admin server closed a session that should go on: nothing to measure")
            answer += self._tls.receive(data)
        mark = answer.index(b"X-Admin-Next-URI: ") + 18
        self._uri = answer[mark : answer.index(b"\r\n", mark)].decode("ascii")

    def close(self) -> None:
        """Go away."""
        self._socket.close()


def requests(line: Line, effort: Effort) -> Sample:
    """Requests in a second of the server's processor time."""
    cards = _Cards(line, effort.sessions)
    server = _Server(cards)
    clients: list[_Client] = []
    rates: list[float] = []
    try:
        clients.extend(_Client(server.port, eid, cards.psk) for eid in cards.eids)
        for _ in range(effort.slow_rounds):
            before = server.seconds()
            for client in clients:
                client.post(_ANSWER)
            for client in clients:
                client.read()
            rates.append(len(clients) / (server.seconds() - before))
    finally:
        for client in clients:
            client.close()
        server.stop()
    return Sample.of(rates)


def provisioning(line: Line, effort: Effort) -> Sample:
    """Milliseconds of processor time: all parties, the network and the TCP connection are in this process."""
    used: list[float] = []
    for _ in range(effort.rounds):
        job = line.air_job()
        try:
            before = time.process_time()
            job.provision()
            used.append((time.process_time() - before) * 1e3)
        finally:
            job.air.close()
    return Sample.of(used[1:] or used)  # the first compiles declarations


def ota_metrics(line: Line, effort: Effort) -> Iterator[Metric]:
    """Handshakes, requests, and the whole way of a profile."""
    yield Metric("tls_psk_handshake", Figure(rate(handshake(), effort), "/s"), Budget(2_000, Better.HIGHER))
    yield Metric("admin_requests", Figure(requests(line, effort), "/s"), Budget(1_000, Better.HIGHER))
    yield Metric("provisioning_https", Figure(provisioning(line, effort), "ms"), Budget(25, Better.LOWER))
