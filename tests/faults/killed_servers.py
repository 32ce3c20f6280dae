# SPDX-License-Identifier: Apache-2.0
"""An SM-SR and an SM-DP that are killed again and again, and an operator that does not give up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from apdu.errors import M2mError
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.json_codec import encode
from smsr.api.messages import Call, Request, Response
from smsr.api.soap import SoapBinding
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR
from smsr.kit.tls import LiveTrust, client_context
from smsr.serving.client import Client
from smsr.serving.connections import Connections
from smsr.serving.parties import Parties, Party
from smsr.serving.service import Operation
from tests.require import ROOT
from tests.scale import scale
from tools.lab.layout import HOST, Lab
from tools.lab.operator import Operator, servers

__all__ = ["Caller", "Servers", "callbacks", "calling", "hearing", "written"]

_ROWS: Final = {str(each): each for each in (*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS)}
_PATIENCE: Final = 120.0 if scale() == "ci" else 1200.0
"""Seconds; of hundreds of kills more than a few can meet the same call."""


class Servers:
    """Both of a lab, each a process."""

    def __init__(self, lab: Lab, *, by_air: bool = False) -> None:
        """`by_air`: the cards are in the lab's devices, and not in reach of the SM-SR."""
        command = [sys.executable, "-m", "tests.faults.server_child", str(lab.path), *["air"] * by_air]
        self._program = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        self._running: dict[str, int] = {}

    def start(self, name: str) -> None:
        """`sm-sr` or `sm-dp`."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(name, file=self._program.stdin, flush=True)
        self._running[name] = int(self._program.stdout.readline())

    def kill(self, name: str) -> None:
        """Without a warning."""
        self._end(name, signal.SIGKILL)

    def stop(self) -> None:
        """Both, as one would."""
        for name in self._running:
            self._end(name, signal.SIGTERM)

    def close(self) -> None:
        """Whatever is left."""
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(30)

    def _end(self, name: str, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._running[name], number)
            end = time.monotonic() + 30
            while time.monotonic() < end:
                os.kill(self._running[name], 0)
                time.sleep(0.005)
            raise AssertionError(f"{name} does not end")


@dataclass
class Caller:
    """The operator as a client: an exchange that failed is made again, as the same call."""

    lab: Lab
    client: Client
    answers: dict[str, Response] = field(default_factory=dict)
    """By the FunctionCallIdentifier."""
    asynchronous: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        ports = self.lab.ports
        self._oid = self.lab.oid("operator")
        at = f"https://{HOST}:"
        self._parties = {
            "ES2": Party(oid=self.lab.oid("sm-dp"), role=ROLE_SM_DP, url=f"{at}{ports.sm_dp}"),
            "ES4": Party(oid=self.lab.oid("sm-sr"), role=ROLE_SM_SR, url=f"{at}{ports.sm_sr}"),
        }

    def head(self, name: str) -> Call:
        """Of a request."""
        return Call(self._oid, name)

    def do(self, function: str, request: Request, *, again: bool = False) -> Response:
        """To its end; `again`: ask once more, for the same answer."""
        response = self._do(function, request)
        with self._lock:
            known = self.answers.setdefault(request.call.identifier, response)
        assert known == response, f"{function} {request.call.identifier}: first {known}, then {response}"
        return self.do(function, request) if again else response

    def _do(self, function: str, request: Request) -> Response:
        party, end, last = self._parties[function[:3]], time.monotonic() + _PATIENCE, ""
        while time.monotonic() < end:
            try:
                found = self.client.call(party, _ROWS[function], request)
                if isinstance(found, Response):
                    return found
                with self._lock:
                    self.asynchronous.add(request.call.identifier)
                if (response := self._waited(party, found, end)) is not None:
                    return response
            except M2mError as error:  # killed, starting, or too busy
                last = str(error)
                time.sleep(0.05)
        raise AssertionError(f"{function} {request.call.identifier} does not come to an end: {last}")

    def _waited(self, party: Party, found: Operation, end: float) -> Response | None:
        return self.client.wait(party, found, min(5.0, end - time.monotonic())).response


@contextmanager
def hearing(lab: Lab) -> Iterator[Caller]:
    """An operator that is told of things, and calls."""
    operator = Operator(lab.oid("operator"), lab.path / "operator.jsonl", lambda text: None)
    listeners = list(servers(lab, operator))
    for each in listeners:
        each.start()
    with calling(lab) as caller:
        yield caller
    for each in listeners:
        each.close()
    operator.close()


@contextmanager
def calling(lab: Lab) -> Iterator[Caller]:
    """An operator that calls; another process is told of things."""
    folder = PkiFolder(lab.pki)
    context = client_context(folder, "operator", time.time())
    connections = Connections(context, LiveTrust(folder, context).current, timeout=10.0)
    own = Party(oid=lab.oid("operator"), role=ROLE_OPERATOR)
    binding = SoapBinding((*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS), BY_TYPE, BY_ELEMENT)
    yield Caller(lab, Client(own, Parties(), connections, binding))
    connections.close()


def callbacks(lab: Lab) -> dict[str, list[Any]]:
    """What the operator was called back with, by the FunctionCallIdentifier."""
    found: dict[str, list[Any]] = {}
    for line in (lab.path / "operator.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        if told["kind"] == "callback":
            found.setdefault(told["relates_to"], []).append(told["message"])
    return found


def written(response: Response) -> Any:
    """As it stands there."""
    return json.loads(encode(response))
