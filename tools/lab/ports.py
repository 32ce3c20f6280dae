# SPDX-License-Identifier: Apache-2.0
"""Ports of a lab: a row of free ones is drawn once and kept."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from typing import Final

from tools.errors import ToolError, reason
from tools.lab.layout import HOST, Ports

__all__ = ["check_free", "draw_ports", "taken"]

_ROWS: Final = range(10_000, 32_000, 10)
"""Below those that systems hand out for outgoing connections."""
_TRIES: Final = 200


def draw_ports() -> Ports:
    """Neighbours of which nobody listens on any now; drawn, so that two labs seldom meet."""
    names = Ports.__struct_fields__
    for _ in range(_TRIES):
        first = secrets.choice(_ROWS)
        ports = range(first, first + len(names))
        if all(taken(port) is None for port in ports):
            return Ports(**dict(zip(names, ports, strict=True)))
    raise ToolError(f"no {len(names)} neighbouring ports of {HOST} are free")


def check_free(ports: Ports) -> None:
    """ToolError when somebody listens where a part of the lab is to."""
    for name, port in _each(ports):
        if (why := taken(port)) is not None:
            raise ToolError(f"{HOST}:{port}, which is for {name}, cannot be had: {why}; who listens there?")


def _each(ports: Ports) -> Iterator[tuple[str, int]]:
    for name in ports.__struct_fields__:
        yield name.replace("_", "-"), getattr(ports, name)


def taken(port: int) -> str | None:
    """Why nobody can listen there now; None: it is free."""
    try:
        socket.create_server((HOST, port)).close()  # connections that are ending do not count (SO_REUSEADDR)
    except OSError as error:
        return reason(error)
    return None
