# SPDX-License-Identifier: Apache-2.0
"""A trace of any format, read from a file or from standard input while it is still being written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from apdu.errors import DecodeError
from apdu.trace.sources import HEAD, Damage, Item, detect
from tools.errors import ToolError, reason

__all__ = ["Damage", "Item", "read_items", "read_trace"]

_CHUNK: Final = 1 << 16
_STANDARD_INPUT: Final = Path("-")


def read_trace(path: Path) -> Iterator[Item]:
    """The events of a trace and what is damaged in it, one by one; `-` is standard input.

    ToolError when it cannot be read or has a format that is not known; what is known is said at the first item.
    """
    shown = "standard input" if path == _STANDARD_INPUT else str(path)
    try:
        with ExitStack() as stack:
            file = sys.stdin.fileno() if path == _STANDARD_INPUT else stack.enter_context(path.open("rb")).fileno()
            yield from read_items(lambda: os.read(file, _CHUNK))
    except OSError as error:
        raise ToolError(f"the trace {shown} cannot be read: {reason(error)}") from None
    except DecodeError as error:
        raise ToolError(f"{shown} {error.message}") from None


def read_items(read: Callable[[], bytes], *, growing: bool = False) -> Iterator[Item]:
    """The events of what `read` gives, until it gives nothing; DecodeError when its format is not known.

    Of a trace that is growing, the first whole lines say the format as soon as they can.
    """
    head = b""
    while len(head) < HEAD and (data := read()):
        head += data
        if b"\n" in head.lstrip() and head.lstrip()[:1] == b"{":  # enough: someone may wait for the first line
            break
        if growing and head.endswith(b"\n") and _known(head):
            break
    source = detect(head).make()
    yield from source.feed(head)
    while data := read():
        yield from source.feed(data)
    yield from source.end()


def _known(head: bytes) -> bool:
    try:
        detect(head)
    except DecodeError:
        return False
    return True
