# SPDX-License-Identifier: Apache-2.0
"""`euicc trace record -- COMMAND`: what a Python program says to cards through pyscard.

The program runs unchanged; `tools/trace/inject` is put in front of its module path and tells over a local socket.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from apdu.errors import DecodeError
from apdu.trace.events import LinkEvent, LinkKind, Side
from apdu.trace.jsonl import from_object, parse_json
from tools.entropy import Source
from tools.errors import ToolError, reason
from tools.reader.sources import VIRTUAL
from tools.trace.inject import sitecustomize
from tools.trace.output import Output, Writer

__all__ = ["record_command"]

_CHUNK: Final = 1 << 16
_MAX_LINE: Final = 1 << 18
_WAIT: Final = 0.05
_SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that ended a program."""


class _Recorder:
    """Takes what the program's processes tell, and is the card of the virtual reader."""

    def __init__(self, writer: Writer, file: BinaryIO, reader: Any | None) -> None:
        self._writer = writer
        self._file = file
        self._clock = Source().clock
        self._reader = reader
        self._cards: dict[socket.socket, Any] = {}
        self._rests: dict[socket.socket, bytes] = {}
        self.seen = False
        self.events = 0

    def take(self, connection: socket.socket) -> bool:
        """Read what one process has told; false when it has ended."""
        try:
            data = connection.recv(_CHUNK)
        except OSError:
            data = b""
        if not data or len(self._rests.get(connection, b"")) > _MAX_LINE:
            self._rests.pop(connection, None)
            self._leave(connection)
            return False
        *lines, rest = (self._rests.get(connection, b"") + data).split(b"\n")
        self._rests[connection] = rest
        for line in lines:
            self._line(connection, line)
        self._file.flush()
        return True

    def _line(self, connection: socket.socket, line: bytes) -> None:
        self.seen = True
        try:
            content = parse_json(line.decode("utf-8", "replace"))
            if not isinstance(content, dict) or "hello" in content:
                return
            if "call" in content:
                connection.sendall(json.dumps(self._call(connection, content)).encode("ascii") + b"\n")
                return
            event = from_object(content)
        except (DecodeError, OSError):  # not our hook, or its process has ended meanwhile
            return
        self._writer(event)
        self.events += 1

    # --- the virtual reader

    def _call(self, connection: socket.socket, content: Mapping[str, object]) -> dict[str, str]:
        from smartcard.Exceptions import SmartcardException

        if self._reader is None:
            return {"error": "there is no virtual reader"}
        try:
            return {"data": self._done(connection, content["call"], bytes.fromhex(str(content["data"]))).hex()}
        except (SmartcardException, ValueError, KeyError) as error:
            return {"error": str(error)}

    def _done(self, connection: socket.socket, call: object, data: bytes) -> bytes:
        assert self._reader is not None
        if call == "connect":
            card = self._cards[connection] = self._reader.createConnection()
            card.connect()
            return self._report(LinkKind.ATR, bytes(card.getATR()))
        if call == "disconnect":
            self._leave(connection)
            return b""
        card = self._cards[connection]
        if call == "reset":
            card.reconnect()
            return self._report(LinkKind.ATR, bytes(card.getATR()))
        self._report(LinkKind.COMMAND, data)
        answer, sw1, sw2 = card.transmit(list(data))
        return self._report(LinkKind.RESPONSE, bytes((*answer, sw1, sw2)))

    def _leave(self, connection: socket.socket) -> None:
        card = self._cards.pop(connection, None)
        if card is not None:
            card.disconnect()
            self._report(LinkKind.POWER_OFF, b"")

    def _report(self, kind: LinkKind, data: bytes) -> bytes:
        assert self._reader is not None
        name = str(self._reader.name)
        self._writer(LinkEvent(time=self._clock(), side=Side.READER, kind=kind, data=data, reader=name))
        self.events += 1
        return data


def record_command(command: Sequence[str], reader: str | None, output: Output) -> int:
    """Run a program and write what it says to cards; its exit code."""
    if shutil.which(command[0]) is None:
        raise ToolError(f"{command[0]}: there is no such program")
    with ExitStack() as stack:
        virtual = _virtual(stack, reader)
        writer, file = stack.enter_context(output.growing())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="euicc-trace-")))
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(folder / "socket"))
        server.listen()
        recorder = _Recorder(writer, file, virtual)
        with _running(command, _environment(folder / "socket", reader, virtual)) as alive:
            _serve(server, recorder, alive)
            code = alive()
    if not recorder.seen:
        raise ToolError(f"{command[0]} used no pyscard in Python: nothing was recorded")
    click.echo(f"{recorder.events} events in {output.path}", err=True)
    return code if code is not None and code >= 0 else _SIGNALLED - (code or 0)


def _virtual(stack: ExitStack, reader: str | None) -> Any | None:
    if reader is None or not reader.startswith(VIRTUAL):
        return None
    from tools.reader.image import image_reader

    if not (path := reader.removeprefix(VIRTUAL)):
        raise ToolError("-r virtual: names no card image: write virtual:FILE.card")
    opened = image_reader(Path(path))
    stack.callback(opened.close)
    return opened


def _environment(path: Path, reader: str | None, virtual: Any | None) -> dict[str, str]:
    place = os.path.dirname(os.path.realpath(sitecustomize.__file__))
    paths = [place, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), sitecustomize.SOCKET: str(path)}
    if virtual is not None:
        environment[sitecustomize.VIRTUAL] = str(virtual.name)
    elif reader is not None:
        environment[sitecustomize.READER] = reader
    return environment


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Callable[[], int | None]]:
    """Start a program; gives what tells its exit code once it has one. Ctrl-C goes to it as well, and it decides."""
    try:
        process = subprocess.Popen(list(command), env=dict(environment))
    except OSError as error:
        raise ToolError(f"{command[0]} cannot be started: {reason(error)}") from None
    try:
        yield process.poll
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _serve(server: socket.socket, recorder: _Recorder, alive: Callable[[], int | None]) -> None:
    """Until the program and all that it started and that told anything have ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        while True:
            try:
                ready = selector.select(_WAIT)
                for key, _ in ready:
                    _attend(key.fileobj, server, recorder, selector)
                if not ready and alive() is not None:
                    return
            except KeyboardInterrupt:  # the program got it too
                continue


def _attend(ready: object, server: socket.socket, recorder: _Recorder, selector: selectors.BaseSelector) -> None:
    assert isinstance(ready, socket.socket)
    if ready is server:
        selector.register(server.accept()[0], selectors.EVENT_READ)
    elif not recorder.take(ready):
        selector.unregister(ready)
        ready.close()
