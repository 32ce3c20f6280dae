# SPDX-License-Identifier: Apache-2.0
"""The SM-SR's admin server on a real socket: openssl's client, cards that behave, and clients that do not."""

from __future__ import annotations

import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from apdu.keys.secret import KeyType, SecretKey
from smsr.ota.connection import Limits
from smsr.ota.task import Task, command_task
from smsr.scripts.audit import isd_p_states
from tests.require import require
from tests.support.admin_server import PATIENCE, Client, ServerThread, identity_of, post
from tests.support.air import EID, Air

OTHER = SecretKey(bytes(16), KeyType.TLS_PSK)
NO_CONTENT = b"HTTP/1.1 204 "
SUITES = ("PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256")
_EMPTY = bytes.fromhex("AF80 2302 6A88 0000")


@dataclass
class Served:
    """A server with one card's keys, and a clock that a test turns."""

    air: Air
    thread: ServerThread

    @property
    def port(self) -> int:
        return self.thread.port

    @property
    def key(self) -> SecretKey:
        return self.air.made.scp81[1]

    def card(self) -> Client:
        client = Client(self.port, identity_of(EID), self.key)
        assert client.handshake()
        return client

    def later(self, seconds: float) -> None:
        self.air.clock.now += seconds

    def check(self) -> None:
        """The server still serves."""
        self.later(20)  # whoever was there is silent for long enough
        with self.card() as card:
            assert card.ask(post(EID)).startswith(NO_CONTENT)
        assert self.thread.errors == []


@pytest.fixture
def served() -> Iterator[Served]:
    air = Air()
    assert air.ota.https is not None
    made = Served(air, ServerThread(air.ota.https, air.clock, Limits(unauthenticated=8, connections=40)))
    yield made
    made.thread.stop()


# --- openssl


def s_client(port: int, *more: str, request: bytes = b"") -> tuple[str, str]:
    require("openssl")
    command = ("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", *more)
    process = subprocess.run(command, input=request, capture_output=True, timeout=PATIENCE, check=False)
    return process.stdout.decode("latin-1"), process.stderr.decode("latin-1")


@pytest.mark.parametrize("suite", SUITES)
def test_cc_81_04_openssl_gets_in_with_the_identity_and_key_of_a_card(served: Served, suite: str) -> None:
    options = ("-psk_identity", identity_of(EID), "-psk", served.key.reveal().hex(), "-cipher", f"{suite}:@SECLEVEL=0")
    out, err = s_client(served.port, *options, "-ign_eof", request=post(EID))
    assert f"Cipher is {suite}" in out, err
    assert "HTTP/1.1 204 " in out
    assert "X-Admin-Protocol: globalplatform-remote-admin/1.0" in out
    assert "Secure Renegotiation IS supported" in out or "Secure Renegotiation IS NOT supported" in out
    served.later(20)
    out, _ = s_client(served.port, *options, "-ign_eof", "-reconnect", request=post(EID))
    assert "Reused," not in out


@pytest.mark.parametrize("cipher", ["PSK-NULL-SHA256", "PSK-AES256-GCM-SHA384", "DHE-PSK-AES128-GCM-SHA256", "ALL"])
def test_cc_81_04_other_suites_get_nowhere(served: Served, cipher: str) -> None:
    name = f"{cipher}:!PSK-AES128-GCM-SHA256:!PSK-AES128-CBC-SHA256:@SECLEVEL=0"
    out, _ = s_client(
        served.port, "-psk_identity", identity_of(EID), "-psk", served.key.reveal().hex(), "-cipher", name
    )
    assert "Cipher is (NONE)" in out
    served.check()


# --- who may talk


@pytest.mark.parametrize(
    "identity",
    [
        identity_of(EID, kvn=0x41),
        identity_of(EID, kvn=0x01),
        identity_of(EID, kid=2),
        identity_of(EID).replace("89049032000000000000000000010057", "89049032000000000000000000020024"),
        "someone",
        "x" * 200,
        "80" * 45,
    ],
)
def test_cc_81_05_unknown_identities_end_as_a_wrong_key_does(served: Served, identity: str) -> None:
    with Client(served.port, identity_of(EID), OTHER) as wrong, Client(served.port, identity, served.key) as unknown:
        assert not wrong.handshake()
        assert not unknown.handshake()
        assert wrong.raw[-7:] == unknown.raw[-7:]
        assert wrong.raw[-7:-2] == bytes.fromhex("1503030002")  # an alert, in clear
        assert len(wrong.raw) == len(unknown.raw)
    served.check()


def test_cc_81_04_lower_case_names_the_same_card(served: Served) -> None:
    with Client(served.port, identity_of(EID).lower(), served.key) as card:
        assert card.handshake()
        assert card.ask(post(EID)).startswith(NO_CONTENT)


def test_cc_81_06_a_second_session_is_refused_while_the_first_lives(served: Served) -> None:
    with served.card() as first:
        with served.card() as second:
            assert second.gone()
        assert first.ask(post(EID)).startswith(NO_CONTENT)
    with served.card() as third:
        assert third.ask(post(EID)).startswith(NO_CONTENT)


def test_cc_81_06_a_dead_session_gives_way(served: Served) -> None:
    with served.card() as first:
        served.later(16)
        with served.card() as second:
            assert second.ask(post(EID)).startswith(NO_CONTENT)
        assert first.gone()


# --- sessions


def give(served: Served) -> Task[object]:
    """A script for the card."""
    assert served.air.ota.https is not None
    task: Task[object] = command_task(isd_p_states(), "ES5.GetStatus")
    served.air.ota.https.carry(EID, task, served.air.ota.dispatcher.chain_of(EID))
    return task


def following(answer: bytes) -> str:
    line = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"x-admin-next-uri:"))
    return line.split(b": ")[1].decode()


_ANSWERED = (
    "X-Admin-Script-Status: ok",
    "Content-Type: application/vnd.globalplatform.card-content-mgt-response;version=1.0",
)


def test_cc_81_07_a_script_and_the_end_over_one_connection(served: Served) -> None:
    task = give(served)
    with served.card() as card:
        answer = card.ask(post(EID))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\xae\x80\x83\x01\x01\x22" in answer
        card.send(post(EID, following(answer), *_ANSWERED, body=_EMPTY))
        time.sleep(0.2)
        assert task.done
        assert task.result == ()
        # the request is held, and released
        assert served.air.ota.https is not None
        served.air.ota.dispatcher.release(EID)
        assert card.receive().startswith(NO_CONTENT)


def test_a_held_request_gets_the_next_script_at_once(served: Served) -> None:
    give(served)
    with served.card() as card:
        answer = card.ask(post(EID))
        card.send(post(EID, following(answer), *_ANSWERED, body=_EMPTY))
        time.sleep(0.1)
        second = give(served)
        assert card.receive(lambda data: b"0\r\n\r\n" in data).startswith(b"HTTP/1.1 200 ")
        assert not second.done


def test_what_comes_while_a_request_is_held_is_no_card(served: Served) -> None:
    give(served)
    with served.card() as card:
        answer = card.ask(post(EID))
        card.send(post(EID, following(answer), *_ANSWERED, body=_EMPTY))
        time.sleep(0.1)
        card.send(b"POST")
        assert card.gone()
    served.air.ota.dispatcher.release(EID)
    served.check()


def test_cc_81_08_without_its_headers_a_request_is_refused(served: Served) -> None:
    give(served)
    for missing in (b"X-Admin-Protocol", b"X-Admin-From"):
        with served.card() as card:
            lines = post(EID).split(b"\r\n")
            request = b"\r\n".join(line for line in lines if not line.startswith(missing))
            assert card.ask(request).startswith(b"HTTP/1.1 400 ")
            assert card.gone()


# --- broken HTTP


def _with(*more: str, body: bytes = b"") -> bytes:
    return post(EID, "/adm", *more) + body


HOSTILE = {
    "GET": (post(EID).replace(b"POST", b"GET"), 405),
    "CONNECT": (post(EID).replace(b"POST /adm", b"CONNECT a:1"), 405),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405),
    "no version": (b"POST /adm\r\n\r\n", 400),
    "garbage": (b"\x00\x01\x02\x03\r\n\r\n", 400),
    "no Host": (post(EID).replace(b"Host: 127.0.0.1\r\n", b""), 400),
    "two Hosts": (_with("Host: other"), 400),
    "a header that is none": (_with("no colon"), 400),
    "a name with a space": (_with("X-Admin-Resume : true"), 400),
    "NUL in a value": (_with("X-A: \x00"), 400),
    "both lengths": (_with("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "two lengths": (_with("Content-Length: 5", "Content-Length: 6", body=b"12345"), 400),
    "a negative length": (_with("Content-Length: -1"), 400),
    "a length of words": (_with("Content-Length: five"), 400),
    "a huge length": (_with("Content-Length: 99999999999"), 413),
    "a transfer coding of its own": (_with("Transfer-Encoding: gzip"), 501),
    "two transfer codings": (_with("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), 501),
    "chunk of 16 F": (_with("Transfer-Encoding: chunked", body=b"FFFFFFFFFFFFFFFF\r\n" + bytes(70_000)), 413),
    "chunk of 21 digits": (_with("Transfer-Encoding: chunked", body=b"0" * 21 + b"\r\n"), 400),
    "chunk of words": (_with("Transfer-Encoding: chunked", body=b"zz\r\n"), 400),
    "chunk without its end": (_with("Transfer-Encoding: chunked", body=b"1\r\nab\r\n0\r\n\r\n"), 400),
    "a long chunk extension": (_with("Transfer-Encoding: chunked", body=b"1;" + b"x" * 70_000), 431),
    "long headers": (_with("X-Long: " + "x" * 70_000), 431),
    "many headers": (_with(*(f"X-{number}: 1" for number in range(5000))), 431),
    "a long line": (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
    "small chunks": (_with("Transfer-Encoding: chunked", body=b"1\r\nx\r\n" * 66_000), 413),
    "trailers": (
        _with("Transfer-Encoding: chunked", body=b"0\r\n" + b"X: y\r\n" * 20_000),
        431,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_cc_81_10_atk_42_broken_http_is_answered_and_the_connection_closed(served: Served, name: str) -> None:
    task = give(served)
    request, status = HOSTILE[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with served.card() as card:
        try:
            card.send(request)
        except ConnectionError:  # the server has heard enough
            pass
        else:
            answer = card.receive()
            if answer or status != 413:
                assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]
                assert answer.count(b"HTTP/1.1") == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB
    assert task.waiting is None  # no script went out
    assert served.thread.errors == []
    served.later(20)
    with served.card() as card:
        assert card.ask(post(EID)).startswith(b"HTTP/1.1 200 ")


# --- slow and silent


def closed_in_time(client: Client) -> bool:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if client.gone():
            return True
    return False


def test_atk_42_silent_connections_end(served: Served) -> None:
    with Client(served.port) as nothing, Client(served.port, identity_of(EID), served.key) as half:
        assert half.tls is not None
        half.socket.sendall(half.tls.outgoing()[:20])
        time.sleep(0.1)
        served.later(21)
        assert nothing.gone()
        assert half.gone()
    with served.card() as idle:
        served.later(61)
        assert idle.gone()
    served.check()


def test_atk_42_dripping_does_not_keep_a_request_alive(served: Served) -> None:
    with served.card() as card:
        answer = b""
        for byte in post(EID)[:29]:
            card.send(bytes((byte,)))
            served.later(4)
            time.sleep(0.01)
        served.later(10)
        answer = card.receive()
        assert answer.startswith(b"HTTP/1.1 408 ")
    served.check()


def test_atk_42_no_address_takes_all_the_places(served: Served) -> None:
    strangers = [socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) for _ in range(12)]
    time.sleep(0.3)
    refused = 0
    for stranger in strangers:
        stranger.settimeout(0.05)
        try:
            refused += stranger.recv(1) == b""
        except TimeoutError:
            pass
        except ConnectionError:
            refused += 1
        stranger.settimeout(PATIENCE)
    assert refused == 4
    for stranger in strangers:
        stranger.close()
    time.sleep(0.1)
    served.check()


def test_atk_42_the_server_is_full_at_some_point() -> None:
    air = Air()
    assert air.ota.https is not None
    thread = ServerThread(air.ota.https, air.clock, Limits(connections=2))
    with Client(thread.port), Client(thread.port), Client(thread.port) as third:
        assert third.gone()
    thread.stop()


def test_atk_42_garbage_instead_of_tls(served: Served) -> None:
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(5000), b"\x16\x03\x01\xff\xff" + bytes(70_000), b"\x80\x2e\x01"):
        with Client(served.port) as client:
            try:
                client.socket.sendall(garbage)
                client.socket.shutdown(socket.SHUT_WR)
            except ConnectionError:
                continue
            while True:
                try:
                    if not client.socket.recv(4096):
                        break
                except ConnectionError:
                    break
    served.check()


def test_others_do_not_notice(served: Served) -> None:
    """While hostile connections are open a card is served as always."""
    hostile = [Client(served.port) for _ in range(6)]
    for client in hostile:
        client.socket.sendall(b"\x16\x03\x01\x02\x00")
    with served.card() as card:
        start = time.monotonic()
        assert card.ask(post(EID)).startswith(NO_CONTENT)
        assert time.monotonic() - start < 1
    for client in hostile:
        client.socket.close()
