# SPDX-License-Identifier: Apache-2.0
"""`euicc trace record --gsmtap`: SIM frames as osmocom's tools send them over UDP, while they come."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import FrameType
from typing import Final

import click

from apdu.trace.sources.gsmtap import GSMTAP_PORT, Gsmtap, Seen
from tools.cards.serve import parse_address
from tools.errors import ToolError, reason
from tools.trace.convert import Losses
from tools.trace.open import Damage
from tools.trace.output import Output

__all__ = ["record_gsmtap"]

_LARGEST: Final = 1 << 16


def record_gsmtap(address: str, output: Output) -> None:
    """Write what comes until a signal ends it."""
    host, port = parse_address(address or None, GSMTAP_PORT)
    losses, events = Losses(), 0
    with _bound(host, port) as receiver, output.growing() as (writer, file):
        click.echo(f"listening on {_shown(receiver)}; Ctrl-C ends the trace", err=True)
        gsmtap, offset = Gsmtap(), 0
        for number, (data, sender) in enumerate(_datagrams(receiver), 1):
            for item in gsmtap.datagram(data, Seen(time.time(), sender, offset, number)):
                if isinstance(item, Damage):
                    losses.add(item)
                else:
                    writer(item)
                    events += 1
            offset += len(data)
            file.flush()
    losses.sum()
    click.echo(f"{events} events in {output.path}", err=True)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        receiver = socket.socket(family, kind, protocol)
        receiver.bind(place)
    except OSError as error:
        raise ToolError(f"{host}:{port} cannot be listened on: {reason(error)}; give another HOST:PORT") from None
    with receiver:
        yield receiver


def _shown(receiver: socket.socket) -> str:
    host, port = receiver.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _datagrams(receiver: socket.socket) -> Iterator[tuple[bytes, str]]:
    """Datagrams and who sent them, empty for this machine, until Ctrl-C or SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        while True:
            try:
                data, sender = receiver.recvfrom(_LARGEST)
            except KeyboardInterrupt:
                return
            yield data, "" if ip_address(sender[0].partition("%")[0]).is_loopback else sender[0]
    finally:
        signal.signal(signal.SIGTERM, before)
