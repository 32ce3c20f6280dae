# SPDX-License-Identifier: Apache-2.0
"""`euicc card serve`: the card of an image in the virtual reader of pcscd, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

import click

from apdu.trace import Event
from emulator.card import Card
from emulator.memory.image import ImageBackend
from emulator.memory.store import Memory
from emulator.readers.vpcd import DEFAULT_PORT, SlotState, VpcdReader
from tools.entropy import SystemEntropy
from tools.errors import ToolError

__all__ = ["open_card", "parse_address", "serve"]

_HOST: Final = "127.0.0.1"
_HINT: Final = " (start it; `euicc doctor` says what is missing)"


class _Watch:
    """Says what goes wrong inside the card, once each."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[str] = set()

    def event(self, event: Event) -> None:
        """Nothing: `--trace-file` of the commands at the reader shows what the card is asked."""

    def internal_error(self, error: BaseException) -> None:
        """One line; the card has answered 6F00, or nothing at its reset."""
        text = f"the card failed inside ({type(error).__name__}: {error})"
        if text not in self._said:
            self._said.add(text)
            self._say(text)


def open_card(image: ImageBackend, say: Callable[[str], None]) -> Card:
    """The card of an image; ToolError when there is none in it. `say` hears what goes wrong inside."""
    memory = Memory(image)
    if memory.get("card") is None:
        raise ToolError(f"the card in {image.path} was never finished: delete the file and make a new one")
    return Card(memory, entropy=SystemEntropy(), clock=time.time, observer=_Watch(say))


def parse_address(text: str | None, default: int = DEFAULT_PORT) -> tuple[str, int]:
    """HOST:PORT, HOST or :PORT; ToolError for anything else."""
    host, _, port = (text or "").rpartition(":") if text and ":" in text else (text or "", "", "")
    if port and not (port.isdecimal() and 0 < int(port) < 1 << 16):
        raise ToolError(f"{text} is no address: give HOST:PORT, for example {_HOST}:{default}")
    return host.strip("[]") or _HOST, int(port or default)


def serve(path: Path, vpcd: str | None) -> None:
    """Serve until a signal ends it; the image is then closed cleanly."""
    host, port = parse_address(vpcd)
    with ImageBackend(path) as image:
        card = open_card(image, lambda text: click.echo(text, err=True))
        eid = card.registry.ecasd.eid
        click.echo(f"card {eid} for {host}:{port}; Ctrl-C takes it out")

        def report(state: SlotState) -> None:
            click.echo(state.value + (_HINT if state is SlotState.WAITING else ""))

        reader = VpcdReader(card, host, port, report)

        def stop(number: int, frame: FrameType | None) -> None:
            reader.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        reader.run()
