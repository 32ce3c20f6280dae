# SPDX-License-Identifier: Apache-2.0
"""Many clients with one thread: the same kind of request over kept connections, as fast as it is answered."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import uvloop

from tools.errors import ToolError

__all__ = ["Load", "Round", "Target", "run_load"]

_END: Final = b"\r\n\r\n"
_OK: Final = b"HTTP/1.1 200"
_LENGTH: Final = b"content-length: "


class Target(NamedTuple):
    """Where requests go."""

    host: str
    port: int
    path: str
    context: ssl.SSLContext


class Load(NamedTuple):
    """What came of one round."""

    seconds: float
    latencies: list[float]
    """Of each request, in seconds."""


class Round(NamedTuple):
    """How long, and how many requests a second, in even steps; None: as many as are answered."""

    seconds: float
    rate: float | None = None


def run_load(target: Target, bodies: Iterator[bytes], connections: int, rounds: list[Round]) -> Iterator[Load]:
    """All rounds on the same connections; the first one is for them to come up."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        clients = runner.run(_connected(target, connections))
        for each in rounds:
            yield runner.run(_round(clients, target, bodies, each))
        runner.run(_closed(clients))


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connected(target: Target, count: int) -> list[Client]:
    found = []
    for _ in range(count):
        found.append(await asyncio.open_connection(target.host, target.port, ssl=target.context))
    return found


async def _closed(clients: list[Client]) -> None:
    for _, writer in clients:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in clients), return_exceptions=True)


async def _round(clients: list[Client], target: Target, bodies: Iterator[bytes], wanted: Round) -> Load:
    latencies: list[float] = []
    begin = time.perf_counter()
    if wanted.rate is None:
        moments = [_now_until(begin + wanted.seconds)] * len(clients)
    else:
        pause = 1 / wanted.rate
        steps = int(wanted.seconds * wanted.rate)
        moments = [
            iter([begin + pause * step for step in range(number, steps, len(clients))])
            for number in range(len(clients))
        ]  # fmt: skip
    work = zip(clients, moments, strict=True)
    await asyncio.gather(*(_ask(client, target, bodies, each, latencies.append) for client, each in work))
    return Load(time.perf_counter() - begin, latencies)


def _now_until(end: float) -> Iterator[float]:
    while (now := time.perf_counter()) < end:
        yield now


async def _ask(
    client: Client,
    target: Target,
    bodies: Iterator[bytes],
    moments: Iterator[float],
    measured: Callable[[float], None],
) -> None:
    """One request after the other; one whose moment is over when its turn comes was waiting since then."""
    reader, writer = client
    for moment in moments:
        if (pause := moment - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        body = next(bodies)
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(_END)
        at = answer.lower().find(_LENGTH)
        content = await reader.readexactly(int(answer[at + len(_LENGTH) :].split(b"\r", 1)[0]))
        if not answer.startswith(_OK) or b"EXECUTED_SUCCESS" not in content:
            raise ToolError(f"GetEIS was answered with {answer[:30]!r}, {content[:200]!r}: nothing to measure")
        measured(time.perf_counter() - moment)
