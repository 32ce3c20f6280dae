# SPDX-License-Identifier: Apache-2.0
"""Connections read with their key: what OpenSSL's engine sealed, on both suites, opens to what was sent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeyType, SecretKey
from apdu.tls import binding
from apdu.tls.engine import PskClient, PskServer, TlsFailed
from apdu.tls.passive import ContentType, Direction, PassiveTls, Record

KEY = SecretKey(bytes(range(16)), KeyType.TLS_PSK)
OTHER = SecretKey(bytes(16), KeyType.TLS_PSK)
IDENTITY = "8001028110" + "89" * 16
REQUEST, ANSWER = b"POST /admin HTTP/1.1\r\n\r\n" * 900, b"HTTP/1.1 204 No Content\r\n\r\n"
Flight = tuple[Direction, bytes]


@contextmanager
def suites(names: str) -> Iterator[None]:
    """Contexts that offer one suite only."""
    binding.client_context.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binding, "CIPHER_SUITES", names)
        binding.client_context()
    try:
        yield
    finally:
        binding.client_context.cache_clear()


def talk(find_key: SecretKey = KEY) -> list[Flight]:
    """A whole connection, flight by flight."""
    client, server = PskClient(IDENTITY, KEY), PskServer(lambda _: find_key, SeededEntropy(b"x"))
    flights: list[Flight] = []

    def carry() -> None:
        while True:
            to_server, to_client = client.outgoing(), server.outgoing()
            if not to_server and not to_client:
                return
            if to_server:
                flights.append((Direction.CLIENT, to_server))
                server.receive(to_server)
            if to_client:
                flights.append((Direction.SERVER, to_client))
                client.receive(to_client)

    try:
        carry()
        client.send(REQUEST)
        carry()
        server.send(ANSWER)
        carry()
        client.close()
        carry()
    except TlsFailed:
        flights.append((Direction.SERVER, server.outgoing()))
    return flights


def read(flights: list[Flight], key: SecretKey | None = KEY, size: int = 1 << 20) -> tuple[PassiveTls, list[Record]]:
    tls = PassiveTls(lambda identity: key if identity == IDENTITY else None)
    records = [
        record
        for direction, data in flights
        for at in range(0, len(data), size)
        for record in tls.feed(direction, data[at : at + size])
    ]
    return tls, records


def said(records: list[Record], direction: Direction) -> bytes:
    return b"".join(
        record.clear or b""
        for record in records
        if record.direction is direction and record.type == ContentType.APPLICATION_DATA
    )


SUITES = ["PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256"]


@pytest.mark.parametrize("size", [1, 13, 1 << 20])
@pytest.mark.parametrize("suite", SUITES)
def test_with_the_key_everything_is_read(suite: str, size: int) -> None:
    with suites(suite):
        tls, records = read(talk(), size=size)
    assert tls.identity == IDENTITY
    assert suite[-10:-7] in tls.suite
    assert said(records, Direction.CLIENT) == REQUEST
    assert said(records, Direction.SERVER) == ANSWER
    assert all(record.verified is not False for record in records)
    told = ", ".join(record.text for record in records)
    hello = f"client hello, TLS 1.2, server hello, TLS 1.2, {tls.suite}, server hello done"
    assert told.startswith(f"{hello}, client key exchange")
    assert records[-1].text == "alert: close notify"


def test_without_the_key_what_is_in_clear_is_read() -> None:
    tls, records = read(talk(), key=None)
    assert tls.identity == IDENTITY
    assert said(records, Direction.CLIENT) == b""
    assert all(record.verified is None for record in records)
    assert any(record.text.endswith("protected bytes") for record in records)


def test_with_another_key_nothing_verifies() -> None:
    _, records = read(talk(), key=OTHER)
    protected = [record for record in records if record.clear is None]
    assert len(protected) > 3
    assert all(record.verified is False for record in protected)


def test_a_refused_key_is_an_alert() -> None:
    _, records = read(talk(OTHER))
    assert records[-1].text == "alert: bad record MAC (fatal)"


@pytest.mark.parametrize("suite", SUITES)
def test_a_changed_record_does_not_verify(suite: str) -> None:
    with suites(suite):
        flights = talk()
    at = max(range(len(flights)), key=lambda each: len(flights[each][1]))
    direction, data = flights[at]
    flights[at] = (direction, data[:-1] + bytes((data[-1] ^ 1,)))
    _, records = read(flights)
    assert any(record.verified is False for record in records)


def test_any_bytes_are_followed_to_an_end() -> None:
    draw = random.Random(3)
    flights = talk()
    for _ in range(400):
        changed = [(direction, bytearray(data)) for direction, data in flights]
        for _ in range(draw.randrange(1, 6)):
            _, data = draw.choice(changed)
            if data:
                data[draw.randrange(len(data))] = draw.randrange(256)
        read([(direction, bytes(data)) for direction, data in changed], size=draw.choice((5, 100, 10000)))
    tls = PassiveTls(lambda _: KEY)
    assert list(tls.feed(Direction.CLIENT, b"GET / HTTP/1.1\r\n")) == []
    assert tls.broken
