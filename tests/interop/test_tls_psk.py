# SPDX-License-Identifier: Apache-2.0
"""TLS-PSK against OpenSSL's and GnuTLS's own programs: both suites, and nothing else."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeyType, SecretKey
from apdu.tls.engine import PskClient, PskServer, TlsEngine, TlsFailed, TlsState
from apdu.trace.events import BearerEvent
from apdu.trace.unwrap import KeyRing, unwrap
from apdu.trace.unwrap.keys import PresharedKey
from tests.require import require
from tests.unit.trace.unwrap.channel import Sent, channel

require("openssl")

KEY = SecretKey(bytes.fromhex("A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"), KeyType.TLS_PSK)
OTHER = SecretKey(bytes(16), KeyType.TLS_PSK)
IDENTITY = "8001028110890010120123412340123456789012244F10A0000005591010FFFFFFFF8900000100820101830140"
SUITES = ("PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256")
GNUTLS = {
    "PSK-AES128-GCM-SHA256": "NORMAL:-KX-ALL:+PSK:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM",
    "PSK-AES128-CBC-SHA256": "NORMAL:-KX-ALL:+PSK:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256",
}
PATIENCE = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pump(engine: TlsEngine, link: socket.socket, until: bytes | None = None) -> bytes:
    """Drive an engine over a socket until it is open, or until it has received something."""
    received = b""
    while True:
        link.sendall(engine.outgoing())
        if (engine.state is TlsState.OPEN) if until is None else until in received:
            return received
        data = link.recv(4096)
        if not data:
            engine.end_of_stream()
        try:
            received += engine.receive(data)
        finally:
            with suppress(OSError):
                link.sendall(engine.outgoing())


@contextmanager
def program(*command: str, port: int) -> Iterator[None]:
    """A server in a process of its own, from the moment at which it listens."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, f"{command[0]} does not listen"
                time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        yield link


@pytest.mark.parametrize("suite", SUITES)
def test_openssl_takes_our_client(suite: str) -> None:
    port = free_port()
    command = (
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-tls1_2", "-psk_identity", IDENTITY,
        "-psk", KEY.reveal().hex(), "-cipher", f"{suite}:@SECLEVEL=0", "-rev", "-quiet",
    )  # fmt: skip
    with program(*command, port=port), connected(port) as link:
        client = PskClient(IDENTITY, KEY)
        pump(client, link)
        assert client.cipher_suite == suite
        client.send(b"GlobalPlatform\n")
        assert pump(client, link, b"\n") == b"mroftalPlabolG\n"


@pytest.mark.parametrize("suite", SUITES)
def test_a_trace_of_a_channel_to_openssl_is_read_with_the_key(suite: str) -> None:
    port = free_port()
    command = (
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-tls1_2", "-psk_identity", IDENTITY,
        "-psk", KEY.reveal().hex(), "-cipher", f"{suite}:@SECLEVEL=0", "-rev", "-quiet",
    )  # fmt: skip
    talk: list[Sent] = []
    with program(*command, port=port), connected(port) as link:
        client = PskClient(IDENTITY, KEY)
        received = b""
        while b"\n" not in received:
            if client.state is TlsState.OPEN and not any(data[0] == 23 for _, data in talk):
                client.send(b"GlobalPlatform\n")
            up = client.outgoing()
            if up:
                talk.append(("card", up))
                link.sendall(up)
                if up[0] == 23:
                    continue
            down = link.recv(4096)
            talk.append(("server", down))
            received += client.receive(down)
    ring = KeyRing(preshared=[PresharedKey(KEY, identity=IDENTITY)])
    found = [event for event in unwrap(channel(talk), ring) if isinstance(event, BearerEvent)]
    records = [event for event in found if event.layer == "tls" and "verified" in event.extra]
    assert len(records) == 4  # finished and data of both
    assert {event.extra["verified"] for event in records} == {True}
    assert all(suite[-10:-7] in str(event.fields["suite"]) for event in records)
    said = {event.direction: event.data for event in found if event.layer == "http"}  # which is no HTTP
    assert said == {"from-card": b"GlobalPlatform\n", "to-card": b"mroftalPlabolG\n"}


@pytest.mark.parametrize("suite", SUITES)
def test_gnutls_which_is_strict_about_identities_takes_our_client(suite: str, tmp_path: Path) -> None:
    require("gnutls")
    port = free_port()
    passwords = tmp_path / "psk"
    passwords.write_text(f"{IDENTITY}:{KEY.reveal().hex()}\n")
    command = ("gnutls-serv", "--pskpasswd", str(passwords), "--priority", GNUTLS[suite], "-p", str(port), "--echo")
    with program(*command, port=port):
        with connected(port) as link:
            client = PskClient(IDENTITY, KEY)
            pump(client, link)
            assert client.cipher_suite == suite
            client.send(b"GlobalPlatform\n")
            assert pump(client, link, b"\n") == b"GlobalPlatform\n"
        for identity, key in (("someone", KEY), (IDENTITY, OTHER)):
            with connected(port) as link, pytest.raises((TlsFailed, OSError)):
                pump(PskClient(identity, key), link)


class OurServer:
    """Takes connections one after the other and keeps what became of each."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                link.settimeout(PATIENCE)
                with link:
                    self.outcomes.append(self._one(link))

    @staticmethod
    def _one(link: socket.socket) -> str:
        server = PskServer(lambda identity: KEY if identity == IDENTITY else None, SeededEntropy(b"server"))
        try:
            pump(server, link)
            server.send(b"204 No Content\n")
            link.sendall(server.outgoing())
            server.close()
            link.sendall(server.outgoing())
        except (TlsFailed, OSError):
            return "refused"
        return server.cipher_suite

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)


@pytest.fixture
def our_server() -> Iterator[OurServer]:
    server = OurServer()
    yield server
    server.stop()


def s_client(server: OurServer, *options: str, key: SecretKey = KEY, identity: str = IDENTITY) -> str:
    """What s_client received, and what our server made of it."""
    before = len(server.outcomes)
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-psk_identity", identity, "-psk",
        key.reveal().hex(), "-quiet", *options,
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    end = time.monotonic() + PATIENCE
    while len(server.outcomes) == before and "204" not in done.stdout:
        # versions that the local openssl does not even try leave no connection behind
        if "no protocols available" in done.stderr or "no ciphers" in done.stderr or time.monotonic() > end:
            return "not tried"
        time.sleep(0.01)
    while len(server.outcomes) == before:
        time.sleep(0.01)
    assert ("204 No Content" in done.stdout) is (server.outcomes[-1] != "refused")
    return server.outcomes[-1]


@pytest.mark.parametrize("suite", SUITES)
def test_openssl_talks_to_our_server(our_server: OurServer, suite: str) -> None:
    assert s_client(our_server, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0") == suite


def test_our_server_prefers_gcm(our_server: OurServer) -> None:
    assert s_client(our_server, "-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256:@SECLEVEL=0") == (
        "PSK-AES128-GCM-SHA256"
    )


def test_cc_81_02_every_other_suite_of_the_local_openssl_is_refused(our_server: OurServer) -> None:
    listed = subprocess.run(
        ["openssl", "ciphers", "-s", "-psk", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    others = sorted(set(listed.strip().split(":")) - set(SUITES))
    assert len(others) > 40
    assert any("NULL" in suite for suite in others)
    everything = ":".join(others)
    assert s_client(our_server, "-tls1_2", "-cipher", f"{everything}:@SECLEVEL=0") == "refused"
    for suite in others:
        assert s_client(our_server, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0") in ("refused", "not tried"), suite


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_3"])
def test_cc_81_03_other_versions_are_refused(our_server: OurServer, version: str) -> None:
    assert s_client(our_server, version, "-cipher", "ALL:@SECLEVEL=0") in ("refused", "not tried")


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_3"])
def test_cc_81_03_our_client_takes_no_other_version(version: str) -> None:
    port = free_port()
    command = (
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", version, "-psk_identity", IDENTITY,
        "-psk", KEY.reveal().hex(), "-cipher", "PSK:@SECLEVEL=0", "-quiet",
    )  # fmt: skip
    with program(*command, port=port), connected(port) as link, pytest.raises((TlsFailed, OSError)):
        pump(PskClient(IDENTITY, KEY), link)


def test_cc_81_05_wrong_keys_and_unknown_identities_are_refused(our_server: OurServer) -> None:
    options = ("-tls1_2", "-cipher", "PSK:@SECLEVEL=0")
    assert s_client(our_server, *options, key=OTHER) == "refused"
    assert s_client(our_server, *options, identity="someone else") == "refused"


def test_cc_81_06_there_is_no_resumption(our_server: OurServer, tmp_path: Path) -> None:
    saved = tmp_path / "session"
    options = ("-tls1_2", "-cipher", f"{SUITES[0]}:@SECLEVEL=0")
    assert s_client(our_server, *options, "-sess_out", str(saved)) == SUITES[0]
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{our_server.port}", "-psk_identity", IDENTITY, "-psk",
        KEY.reveal().hex(), *options, "-sess_in", str(saved),
    ]  # fmt: skip
    if not saved.exists():  # the server gave nothing that could be resumed
        return
    again = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert "Reused" not in again.stdout


def test_cc_81_06_renegotiation_is_refused() -> None:
    server = PskServer(lambda _: KEY, SeededEntropy(b"server"))
    client = PskClient(IDENTITY, KEY)
    while client.state is not TlsState.OPEN:
        server.receive(client.outgoing())
        client.receive(server.outgoing())
    for engine in (client, server):
        with pytest.raises(Exception, match="no renegotiation"):
            engine._connection.renegotiate()
