# SPDX-License-Identifier: Apache-2.0
"""The card through pcscd and its virtual reader, beside a stub in the same reader that does nothing but answer.

Card, stub and client are processes of their own; the rounds of both alternate, so that what disturbs one disturbs the
other. Where no pcscd can be started the figures are left out, and a note says why.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from emulator.atr import ATR
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample
from tools.errors import ToolError
from tools.pcscd import PrivatePcscd, obstacle

__all__ = ["client", "pcsc_metrics", "pcsc_note", "serve_card", "serve_stub"]

_READER: Final = "euicc bench"
_STUB, _CARD = 0, 1
"""Slots."""
_SELECT_MF: Final = [0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00]
_PATIENCE: Final = 20.0


def pcsc_note() -> str:
    """What the figures are, or why there are none."""
    reason = obstacle()
    if reason is not None:
        return f"pcsc: not measured, {reason}."
    return "pcsc_card, pcsc_stub: SELECT of the MF from a pyscard client through pcscd and vpcd; the stub answers 9000."


def pcsc_metrics(profile: Path | None, effort: Effort) -> Iterator[Metric]:
    """Commands a second of the card and of the stub, and the one by the other."""
    if obstacle() is not None:
        return
    stub, card = _measure(profile, effort)
    ratios = [one / other for one, other in zip(card, stub, strict=True)]
    yield Metric("pcsc_stub", Figure(Sample.of(stub), "/s"))
    yield Metric("pcsc_card", Figure(Sample.of(card), "/s"))
    yield Metric("pcsc_ratio", Figure(Sample.of(ratios), ""), Budget(0.75, Better.HIGHER))


def _measure(profile: Path | None, effort: Effort) -> tuple[list[float], list[float]]:
    with TemporaryDirectory(prefix="euicc-bench-") as folder:
        service = PrivatePcscd(Path(folder, "pcscd"), _READER)
        children: list[subprocess.Popen[bytes]] = []
        try:
            service.start()
            for call in (
                f"serve_stub({service.port + _STUB})",
                f"serve_card({str(profile or '')!r}, {service.port + _CARD})",
            ):
                children.append(subprocess.Popen([sys.executable, "-c", f"from tools.bench import pcsc; pcsc.{call}"]))
            code = f"from tools.bench import pcsc; pcsc.client({effort.rounds}, {effort.round_seconds})"
            done = subprocess.run(
                [sys.executable, "-c", code],
                env=service.environment,
                capture_output=True,
                text=True,
                timeout=_PATIENCE + 4 * effort.rounds * effort.round_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError("the client of the private pcscd does not come to an end") from None
        finally:
            for child in children:
                child.terminate()
                child.wait()
            service.stop()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ToolError(f"the client of the private pcscd failed: {last}")
    stub, card = json.loads(done.stdout)
    return stub, card


# --- what runs in processes of its own


def serve_card(profile: str, port: int) -> None:
    """A card with an enabled profile, in RAM, until the process ends."""
    from emulator.readers.vpcd import VpcdReader
    from tools.bench.line import Line

    card = Line(Path(profile) if profile else None).job().provision()
    VpcdReader(card, "127.0.0.1", port, lambda state: None).run()


def serve_stub(port: int) -> None:
    """The least that a card can be, with the same care for the socket."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    atr = len(ATR).to_bytes(2, "big") + ATR
    buffer = b""
    while data := connection.recv(65536):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        buffer += data
        while len(buffer) >= 2 and len(buffer) >= (end := 2 + (buffer[0] << 8 | buffer[1])):
            body, buffer = buffer[2:end], buffer[end:]
            if body == b"\x04":
                connection.sendall(atr)
            elif len(body) > 1:
                connection.sendall(b"\x00\x02\x90\x00")


def client(count: int, seconds: float) -> None:
    """Print the commands a second of each round, of the stub and of the card."""
    from smartcard.Exceptions import SmartcardException
    from smartcard.System import readers

    connections = []
    end = time.monotonic() + _PATIENCE
    for slot in (_STUB, _CARD):
        while True:
            try:
                connection = next(each for each in readers() if str(each).endswith(str(slot))).createConnection()
                connection.connect()
                break
            except SmartcardException:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        if connection.transmit(_SELECT_MF) != ([], 0x90, 0x00):
            raise SystemExit("SELECT MF fails: nothing to measure")
        connections.append(connection)
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        for connection, found in zip(connections, rates, strict=True):
            transmit = connection.transmit
            number, start = 0, time.perf_counter()
            while (taken := time.perf_counter() - start) < seconds:
                transmit(_SELECT_MF)
                number += 1
            found.append(number / taken)
    print(json.dumps(rates), flush=True)
    os._exit(0)  # pyscard's threads and handles end with the process
