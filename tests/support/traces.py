# SPDX-License-Identifier: Apache-2.0
"""Traces for the tests of their views: small, hostile, and large ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from apdu.trace.events import AnyEvent, BearerEvent, ChannelEvent, ForeignEvent, FunctionEvent, LinkEvent
from apdu.trace.jsonl import to_line

__all__ = ["HOSTILE", "RAW", "command", "exchange", "hostile", "large", "write"]

HOSTILE: Final = (
    '<script>alert("x")</script><img src=x onerror=alert(1)>\x1b[31m\x9b31m\x07</textarea>\u202e[red]& ]]> -->;#quot;'
)
"""Text that a terminal, a browser, rich or Mermaid would obey."""
RAW: Final = ("<script>alert", "<img", "</textarea>", "\x1b[31m\x07", "\x9b", "\x07", "\u202e", "]]>")
"""What of it must not be left as it is."""


def command(time: float, data: str, *, reader: str = "", side: str = "reader") -> LinkEvent:
    """A command on the link."""
    return LinkEvent(time=time, side=side, kind="command", data=bytes.fromhex(data), reader=reader)


def exchange(time: float, data: str, response: str, *, reader: str = "") -> tuple[LinkEvent, LinkEvent]:
    """A command and its response a thousandth of a second later."""
    answer = bytes.fromhex(response)
    return (
        command(time, data, reader=reader),
        LinkEvent(time=time + 0.001, side="reader", kind="response", data=answer, reader=reader),
    )


def hostile() -> list[AnyEvent]:
    """Hostile text wherever a trace has text."""
    text = HOSTILE
    label = f"\x80\x01{text}".encode("utf-8", "replace")
    spn = b"\x00" + text.encode("ascii", "replace")[:40]
    return [
        FunctionEvent(time=0.0, layer="es5", name=f"ES5.{text}", fields={text: text, "list": [text, {text: text}]}),
        *exchange(0.1, "00A40804046F38" + "6F46", "9000", reader=text),
        *exchange(0.15, "00A40804047FFF6F46", "9000", reader=text),
        *exchange(0.2, "00B0000011", spn.hex() + "9000", reader=text),
        *exchange(0.3, f"00A40400{len(label[:16]):02X}{label[:16].hex()}", "6A82", reader="<b>other</b>"),
        BearerEvent(
            time=0.4, layer="http", side="reader", direction="to-card", name=text, fields={"uri": text}, data=label
        ),
        BearerEvent(time=0.45, layer=text, side="card", direction=text, name=text, data=label),
        ChannelEvent(time=0.5, layer="scp03", side="reader", protected=label, plain=label, target=text),
        ForeignEvent(time=0.6, layer=text, event=text, extra={text: text}),
        FunctionEvent(time=0.7, layer="es5", name=f"ES5.{text}", outcome=text),
    ]


def write(path: Path, events: Iterable[AnyEvent]) -> Path:
    """A trace file."""
    path.write_text("".join(to_line(event) + "\n" for event in events), "ascii")
    return path


def _session() -> Iterator[str]:
    number = 0
    while True:
        record = number % 250 + 1
        select = exchange(number / 100, "00A40004026F07", "9000")
        read = exchange(number / 100 + 0.004, f"00B2{record:02X}0420", "00" * 32 + ("9000" if number % 9 else "6282"))
        yield from map(to_line, (*select, *read))
        number += 1


def large(path: Path, apdus: int) -> Path:
    """A trace of so many commands, made of one piece over and over."""
    piece = "\n".join(islice(_session(), 4000)) + "\n"  # 2000 commands
    with path.open("w", encoding="ascii") as file:
        for _ in range(apdus // 2000):
            file.write(piece)
        file.writelines(line + "\n" for line in islice(_session(), apdus % 2000 * 2))
    return path
