# SPDX-License-Identifier: Apache-2.0
"""Both ends of TLS-PSK against each other: what a connection does, and what ends it."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable

import pytest

from apdu.errors import LocalProtocolError
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeyType, SecretKey
from apdu.tls import binding
from apdu.tls.engine import PskClient, PskServer, TlsEngine, TlsFailed, TlsState

KEY = SecretKey(bytes(range(16)), KeyType.TLS_PSK)
OTHER = SecretKey(bytes(16), KeyType.TLS_PSK)
IDENTITY = "8001028110" + "89" * 16
Find = Callable[[str], SecretKey | None]
Pair = tuple[PskClient, PskServer]
ALERT = 21


def ends(find: Find = lambda _: KEY, identity: str = IDENTITY) -> Pair:
    return PskClient(identity, KEY), PskServer(find, SeededEntropy(b"server"))


def pump(one: TlsEngine, other: TlsEngine, size: int = 1 << 20) -> bytes:
    """Carry records both ways until none are left; what the second one received."""
    received = b""
    while True:
        to_other, to_one = one.outgoing(), other.outgoing()
        if not to_other and not to_one:
            return received
        for at in range(0, len(to_other), size):
            received += other.receive(to_other[at : at + size])
        for at in range(0, len(to_one), size):
            one.receive(to_one[at : at + size])


def opened() -> Pair:
    client, server = ends()
    pump(client, server)
    assert (client.state, server.state) == (TlsState.OPEN, TlsState.OPEN)
    return client, server


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_records_may_be_cut_anywhere(size: int) -> None:
    client, server = ends()
    pump(client, server, size)
    client.send(b"POST / HTTP/1.1\r\n" * 2000)
    assert pump(client, server, size) == b"POST / HTTP/1.1\r\n" * 2000
    assert (server.identity, server.cipher_suite) == (IDENTITY, "PSK-AES128-GCM-SHA256")


def test_the_server_answers() -> None:
    client, server = opened()
    server.send(b"204")
    assert client.receive(server.outgoing()) == b"204"


def test_nothing_is_sent_before_the_handshake_is_over() -> None:
    client, server = ends()
    for engine in (client, server):
        with pytest.raises(LocalProtocolError):
            engine.send(b"too early")


def test_closing_is_told_to_the_other_end() -> None:
    client, server = opened()
    client.close()
    with pytest.raises(LocalProtocolError):
        client.send(b"too late")
    pump(client, server)
    assert (client.state, server.state) == (TlsState.CLOSED, TlsState.CLOSED)
    assert server.receive(b"anything") == b""


def test_a_connection_that_is_cut_did_not_close() -> None:
    _, server = opened()
    with pytest.raises(TlsFailed, match="cut"):
        server.end_of_stream()
    assert server.state is TlsState.FAILED


def alert(find: Find) -> bytes:
    """What a server sends to a client whose key it does not have."""
    client, server = ends(find)
    server.receive(client.outgoing())
    client.receive(server.outgoing())
    with pytest.raises(TlsFailed):
        server.receive(client.outgoing())
    assert server.state is TlsState.FAILED
    return server.outgoing()


def test_cc_81_05_an_unknown_identity_ends_like_a_wrong_key() -> None:
    unknown, wrong = alert(lambda _: None), alert(lambda _: OTHER)
    assert unknown == wrong
    assert unknown[0] == ALERT


def test_a_changed_record_ends_the_connection() -> None:
    client, server = opened()
    client.send(b"something")
    record = bytearray(client.outgoing())
    record[-1] ^= 1
    with pytest.raises(TlsFailed):
        server.receive(bytes(record))
    with pytest.raises(LocalProtocolError):
        server.send(b"more")


def test_a_record_sent_twice_ends_the_connection() -> None:
    client, server = opened()
    client.send(b"something")
    record = client.outgoing()
    server.receive(record)
    with pytest.raises(TlsFailed):
        server.receive(record)


@pytest.mark.parametrize("identity", ["", "x" * 129, "Ω" * 100])
def test_identities_that_nobody_has_are_not_looked_up(identity: str) -> None:
    asked: list[str] = []

    def find(name: str) -> SecretKey | None:
        asked.append(name)
        return KEY

    client, server = ends(find, identity)
    with pytest.raises(TlsFailed):
        pump(client, server)
    assert not asked or all(len(name) <= 128 for name in asked)


def test_noise_ends_the_connection_and_nothing_else() -> None:
    draw = random.Random(5)
    client, server = opened()
    for _ in range(300):
        _, victim = ends()
        hello = bytearray(PskClient(IDENTITY, KEY).outgoing())
        for _ in range(draw.randrange(1, 5)):
            hello[draw.randrange(len(hello))] = draw.randrange(256)
        try:
            victim.receive(bytes(hello) + draw.randbytes(draw.randrange(50)))
        except TlsFailed:
            continue
    client.send(b"still here")
    assert pump(client, server) == b"still here"


def test_nothing_is_kept_of_connections_that_ended() -> None:
    gc.collect()
    before = len(binding._ASKING)
    for _ in range(50):
        opened()
        ends()
    gc.collect()
    assert len(binding._ASKING) == before


def test_no_key_is_shown() -> None:
    client, server = opened()
    for engine in (client, server):
        assert KEY.reveal().hex() not in repr(vars(engine)).lower()


def test_what_the_binding_lacks_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "_NEEDED", ("SSL_CTX_set_psk_nothing",))
    binding._binding.cache_clear()
    try:
        with pytest.raises(binding.TlsUnavailable, match="SSL_CTX_set_psk_nothing"):
            binding._binding()
    finally:
        binding._binding.cache_clear()
