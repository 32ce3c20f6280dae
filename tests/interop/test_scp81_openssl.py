# SPDX-License-Identifier: Apache-2.0
"""The whole card against `openssl s_server -psk`, over a real socket; what it says in HTTP is written by hand here."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apdu.cat.bip import OpenChannel
from apdu.cat.envelope import EventDownload
from tests.interop.test_tls_psk import SUITES, free_port
from tests.protocol.https_bench import CREATE, IDENTITY, ISD_P, Terminal, no_content, ok, trigger
from tests.require import require
from tests.support.fixtures import MakeLab, make_lab
from tests.support.lab import Lab

require("openssl")

__all__ = ["make_lab"]
PATIENCE = 10.0


class SocketPeer:
    """A TCP connection to wherever the card wants, as it comes."""

    def __init__(self, command: OpenChannel) -> None:
        assert command.transport is not None
        self.link = socket.create_connection((str(command.destination), command.transport.port), timeout=PATIENCE)
        self.closed = False

    def receive(self, data: bytes) -> None:
        self.link.sendall(data)

    def outgoing(self) -> bytes:
        return b""

    def take(self, seconds: float) -> bytes:
        if self.closed or not select.select([self.link], [], [], seconds)[0]:
            return b""
        data = self.link.recv(4096)
        self.closed = not data
        return data


class SocketTerminal(Terminal):
    """A terminal that waits for its sockets as long as a channel is open."""

    def _event(self) -> EventDownload | None:
        event = super()._event()
        end = time.monotonic() + PATIENCE
        while event is None and self.links and time.monotonic() < end:
            for link in self.links.values():
                assert isinstance(link.peer, SocketPeer)
                link.arrived += link.peer.take(0.05)
                link.dropped = link.dropped or link.peer.closed
            event = super()._event()
        return event


@contextmanager
def s_server(suite: str, key: bytes, said: list[bytes], answers: list[bytes]) -> Iterator[int]:
    """s_server behind its pipes: what clients say goes to `said`, after each request it says the next answer."""
    port = free_port()
    command = (
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-tls1_2", "-psk_identity", IDENTITY,
        "-psk", key.hex(), "-cipher", f"{suite}:@SECLEVEL=0", "-quiet",
    )  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def talk() -> None:
            heard = b""
            while data := stdout.read(4096):
                heard += data
                # a request without a body, or one whose last chunk has come
                whole = heard.endswith(b"0\r\n\r\n") or (heard.endswith(b"\r\n\r\n") and b"chunked" not in heard)
                if whole and answers:
                    said.append(heard)
                    heard = b""
                    stdin.write(answers.pop(0))

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        try:
            wait_until_it_listens(port)
            yield port
        finally:
            process.kill()
            thread.join(PATIENCE)


def wait_until_it_listens(port: int) -> None:
    """By the table of sockets: a connection would be served."""
    end = time.monotonic() + PATIENCE
    wanted = f":{port:04X} 00000000:0000 0A"
    while time.monotonic() < end:
        with open("/proc/net/tcp", encoding="ascii") as table:
            if wanted in table.read():
                return
        time.sleep(0.02)
    raise AssertionError("s_server does not listen")


def triggered(lab: Lab, port: int) -> None:
    terminal = SocketTerminal(lab, SocketPeer)
    connection = bytes.fromhex(f"350103 39020578 3C0302{port:04X} 3E05217F000001")
    assert terminal.deliver(terminal.packet(trigger(connection=connection).encode(), spi="1601")).packets
    assert terminal.links == {}


@pytest.mark.parametrize("suite", SUITES)
def test_cc_81_01_the_card_is_administered_through_openssl(make_lab: MakeLab, suite: str) -> None:
    lab = make_lab()
    said: list[bytes] = []
    with s_server(suite, lab.made.scp81[1].reveal(), said, [ok(CREATE, "/1"), no_content()]) as port:
        triggered(lab, port)
    assert [request.split(b"\r\n")[0] for request in said] == [b"POST /admin HTTP/1.1", b"POST /1 HTTP/1.1"]
    assert said[1].endswith(b"\r\n\r\n9\r\n" + bytes.fromhex("AF8023030090000000") + b"\r\n0\r\n\r\n")
    assert lab.state_of(ISD_P) is not None


def test_cc_81_05_openssl_with_another_key_gets_no_request(make_lab: MakeLab) -> None:
    lab = make_lab()
    said: list[bytes] = []
    with s_server(SUITES[0], bytes(16), said, [ok(CREATE, "/1")]) as port:
        triggered(lab, port)
    assert said == []
    assert lab.state_of(ISD_P) is None
