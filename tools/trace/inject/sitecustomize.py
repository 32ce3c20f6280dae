# SPDX-License-Identifier: Apache-2.0
"""Watches pyscard in the program in which Python runs it at start, and tells the recorder over a local socket.

Strategy: nothing is imported until the program imports pyscard. Then the functions of PC/SC are replaced by ones that
also report, before anything else of pyscard takes them; so every way of using pyscard is seen. A virtual reader is a
reader of pyscard whose card lives in the recorder. A recorder that went away never disturbs the program.

The program's Python may be another one without the project: only the standard library and pyscard are used here.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

SOCKET = "EUICC_TRACE_SOCKET"
READER = "EUICC_TRACE_READER"
"""Only readers whose name contains this are shown to the program."""
VIRTUAL = "EUICC_TRACE_VIRTUAL"
"""Name of the virtual reader, the only one that is shown then."""
_UNPOWER = 2
_LEAVE = 0


class _Recorder:
    """The way to the recorder; a process that was forked opens its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._file: Any = None

    def tell(self, message: dict[str, object]) -> None:
        """Send one message."""
        with self._lock:
            self._send(message)

    def ask(self, message: dict[str, object]) -> dict[str, Any]:
        """Send one message and wait for what is answered."""
        with self._lock:
            self._send(message)
            line = self._file.readline() if self._file is not None else b""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the recorder has ended"}
        return answer

    def _send(self, message: dict[str, object]) -> None:
        try:
            if self._process != os.getpid():
                self._process = os.getpid()
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(os.environ[SOCKET])
                self._file = connection.makefile("rwb")
            if self._file is not None:
                self._file.write(json.dumps(message).encode("ascii") + b"\n")
                self._file.flush()
        except OSError:
            self._file = None


_recorder = _Recorder()


def _event(kind: str, data: Sequence[int], reader: str) -> None:
    event: dict[str, object] = {"event": "link", "time": time.time(), "layer": "apdu", "side": "reader", "kind": kind}
    _recorder.tell({**event, "data": bytes(byte & 0xFF for byte in data).hex(), "reader": reader})


def _watch_pcsc(scard: ModuleType) -> None:
    """Replace what connects, transmits and disconnects."""
    connect, reconnect, disconnect = scard.SCardConnect, scard.SCardReconnect, scard.SCardDisconnect
    transmit, status, listed = scard.SCardTransmit, scard.SCardStatus, scard.SCardListReaders
    names: dict[int, str] = {}
    wanted = os.environ.get(READER, "").casefold()

    def answered(handle: Any) -> None:
        result = status(handle)
        if result[0] == 0:
            _event("atr", result[-1], names.get(int(handle), ""))

    def connecting(context: Any, reader: str, *arguments: Any) -> Any:
        result = connect(context, reader, *arguments)
        if result[0] == 0:
            names[int(result[1])] = str(reader)
            answered(result[1])
        return result

    def reconnecting(handle: Any, *arguments: Any) -> Any:
        result = reconnect(handle, *arguments)
        if result[0] == 0 and arguments[-1] != _LEAVE:
            answered(handle)
        return result

    def transmitting(handle: Any, protocol: Any, command: Sequence[int]) -> Any:
        reader = names.get(int(handle), "")
        _event("command", command, reader)
        result = transmit(handle, protocol, command)
        if result[0] == 0:
            _event("response", result[1], reader)
        return result

    def disconnecting(handle: Any, disposition: int) -> Any:
        result = disconnect(handle, disposition)
        reader = names.pop(int(handle), "")
        if result == 0 and disposition == _UNPOWER:
            _event("power-off", b"", reader)
        return result

    def listing(*arguments: Any) -> Any:
        code, readers = listed(*arguments)
        return code, [reader for reader in readers if wanted in str(reader).casefold()]

    replaced = (connecting, reconnecting, disconnecting, transmitting, listing)
    originals = ("SCardConnect", "SCardReconnect", "SCardDisconnect", "SCardTransmit", "SCardListReaders")
    for name, function in zip(originals, replaced, strict=True):
        setattr(scard, name, function)
    _recorder.tell({"hello": os.getpid()})


def _show_virtual(system: ModuleType) -> None:
    """Make `readers()` give the virtual reader alone."""
    name = os.environ.get(VIRTUAL)
    if not name:
        return
    reader = _virtual_reader(name)

    def readers(groups: object = None) -> list[Any]:
        return [reader]

    system.readers = readers  # type: ignore[attr-defined]
    sys.modules["smartcard"].readers = readers  # type: ignore[attr-defined]


def _virtual_reader(name: str) -> Any:
    from smartcard.CardConnection import CardConnection
    from smartcard.CardConnectionDecorator import CardConnectionDecorator
    from smartcard.Exceptions import CardConnectionException, NoCardException
    from smartcard.reader.Reader import Reader

    def call(what: str, data: Sequence[int] = (), kind: Any = CardConnectionException) -> list[int]:
        answer = _recorder.ask({"call": what, "data": bytes(data).hex()})
        if "error" in answer:
            raise kind(str(answer["error"]), hresult=0)
        return list(bytes.fromhex(answer["data"]))

    class Connection(CardConnection):  # type: ignore[misc]  # pyscard has no types
        """A connection to the card in the recorder."""

        def connect(self, protocol: Any = None, mode: Any = None, disposition: Any = None) -> None:
            super().connect(protocol, mode, disposition)
            self._atr = call("connect", kind=NoCardException)
            self.setProtocol(CardConnection.T0_protocol)

        def reconnect(self, protocol: Any = None, mode: Any = None, disposition: Any = None) -> None:
            super().reconnect(protocol, mode, disposition)
            self._atr = call("reset")

        def disconnect(self) -> None:
            super().disconnect()
            call("disconnect")

        def getATR(self) -> list[int]:
            atr: list[int] = self._atr
            return atr

        def doTransmit(self, command: Sequence[int], protocol: Any = None) -> tuple[list[int], int, int]:
            answer = call("transmit", command)
            return answer[:-2], answer[-2], answer[-1]

    class VirtualReader(Reader):  # type: ignore[misc]  # pyscard has no types
        """A reader whose card is in the recorder."""

        def createConnection(self) -> Any:
            return CardConnectionDecorator(Connection(self))

    return VirtualReader(name)


_WATCHED: dict[str, Callable[[ModuleType], None]] = {
    "smartcard.scard": _watch_pcsc,
    "smartcard.System": _show_virtual,
}


class _Finder(MetaPathFinder):
    """Finds the modules to watch like everybody else, and has them watched once they have run."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module's own specification, with a loader that does more."""
        watch = _WATCHED.get(name)
        spec = PathFinder.find_spec(name, path) if watch else None
        loader = spec.loader if spec is not None else None
        if watch is None or spec is None or loader is None:
            return None
        run = loader.exec_module

        def run_and_watch(module: ModuleType) -> None:
            run(module)
            watch(module)

        loader.exec_module = run_and_watch  # type: ignore[method-assign]
        return spec


def _run_hidden() -> None:
    """Run the `sitecustomize` that this one stands in front of, if there is one."""
    here = os.path.dirname(os.path.realpath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.realpath(path) != here])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


if __name__ == "sitecustomize" and SOCKET in os.environ:
    sys.meta_path.insert(0, _Finder())
    _run_hidden()
