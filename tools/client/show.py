# SPDX-License-Identifier: Apache-2.0
"""A response as text: a line for each value that is not empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from apdu.keys.secret import SecretKey
from smsr.api.eis_parts import SignedInfo
from smsr.api.messages import Response
from smsr.api.status import ExecutionStatus
from tools.text import printable

__all__ = ["shown"]

_WIDTH: Final = 34
_LONG: Final = 400


def shown(response: Response) -> Iterator[str]:
    """The lines: the status first."""
    yield _line(0, "status", response.status.status.value)
    yield from _status(response.status)
    for each in fields(response):
        if each.name != "status":
            yield from _member(0, each.name, getattr(response, each.name))


def _status(status: ExecutionStatus) -> Iterator[str]:
    if status.code is not None:
        yield _line(0, "code", f"{status.code} ({status.code.text})")
    for name, text in (("about", status.subject_identifier), ("message", status.message)):
        if text:
            yield _line(0, name, text)


def _member(depth: int, name: str, value: object) -> Iterator[str]:
    if value in (None, "", b"", ()) or isinstance(value, SecretKey | SignedInfo):
        return
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        for each in value:
            yield from _member(depth, name, each)
    elif is_dataclass(value):
        yield _line(depth, name, "")
        for each in fields(value):
            yield from _member(depth + 1, each.name, getattr(value, each.name))
    else:
        yield _line(depth, name, _text(value))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " = ".join(map(str, value))
    return value.hex().upper() if type(value) is bytes else str(value)


def _line(depth: int, name: str, text: str) -> str:
    label = "  " * depth + name.replace("_", " ")
    return f"{label:{_WIDTH}}{printable(text, _LONG)}".rstrip()
