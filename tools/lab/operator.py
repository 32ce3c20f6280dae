# SPDX-License-Identifier: Apache-2.0
"""`euicc lab operator`: where SM-SR and SM-DP tell an operator what became of things.

Takes the callbacks and notifications of ES2 and ES4, shows each in a line and keeps it in `operator.jsonl`.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final

import click

from apdu.errors import LocalProtocolError
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Function, Interface
from smsr.api.json_codec import encode
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.api.soap import SoapBinding
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import Oid
from smsr.kit.tls import LiveTrust, server_context
from smsr.serving.http.app import App
from smsr.serving.http.limits import Limits
from smsr.serving.http.server import HttpServer, Tls
from smsr.serving.http.site import Site
from smsr.serving.service import Operation, ReplyTo
from tools.ending import Ending
from tools.lab.layout import HOST, Lab
from tools.text import printable

__all__ = ["OPERATOR_FUNCTIONS", "Operator", "run", "servers"]

OPERATOR_FUNCTIONS: Final = tuple(
    each for each in (*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS) if each.interface in (Interface.ES2, Interface.ES4)
)
"""What an operator hears of."""
_WIDEST: Final = 400


class Operator:
    """An operator as its bindings see it (`Service`): it is told things, and nobody calls it."""

    def __init__(self, oid: Oid, path: Path, say: Callable[[str], None] = click.echo) -> None:
        """`path`: where it keeps what it was told; made when it is not there. `say` shows it."""
        self.oid = oid
        self._say = say
        self.functions: tuple[Function, ...] = ()
        self._counts: Counter[str] = Counter()
        self._lock = Lock()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab")

    def call(self, function: Function, request: Request, reply: ReplyTo | None = None) -> Response | Operation:
        """No binding has a function to call here."""
        raise LocalProtocolError(f"{function} is no function of an operator")

    def operation(self, requester: Oid, id: str) -> Operation | None:
        """There are none."""
        return None

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """Keep a notification."""
        self._keep("notification", function, sender, "", notification)

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """Keep a callback."""
        self._keep("callback", function, sender, relates_to, response)

    def figure(self, kind: str) -> float:
        """How many came since the start."""
        return self._counts[kind]

    def close(self) -> None:
        """Nothing more is kept."""
        self._file.close()

    def _keep(self, kind: str, function: Function, sender: Oid, relates_to: str, message: Any) -> None:
        told = json.loads(encode(message))
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "kind": kind,
            "function": str(function),
            "sender": sender,
            "relates_to": relates_to,
            "message": told,
        }
        with self._lock:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._counts[kind] += 1
        to = f" to {relates_to}" if relates_to else ""
        self._say(printable(f"{kind:14}{function} from {sender}{to}: {json.dumps(told)}", _WIDEST))


def run(lab: Lab) -> None:
    """Until Ctrl-C or SIGTERM."""
    with Ending() as ending, ExitStack() as stack:
        operator = Operator(lab.oid("operator"), lab.path / "operator.jsonl")
        stack.callback(operator.close)
        for server in servers(lab, operator):
            host, port = server.start()
            stack.callback(server.close)
            click.echo(f"listening     {host}:{port}")
        ending.wait()


def servers(lab: Lab, operator: Operator) -> tuple[HttpServer, HttpServer]:
    """With certificates, and for health and figures without."""
    folder = PkiFolder(lab.pki)
    context = server_context(folder, "operator", time.time())
    site = Site(
        title="operator",
        service=operator,
        soap=SoapBinding((*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS), BY_TYPE, BY_ELEMENT),
        url=f"https://{HOST}:{lab.ports.operator}",
        told=OPERATOR_FUNCTIONS,
        gauges={f"{kind}s": lambda kind=kind: operator.figure(kind) for kind in ("callback", "notification")},  # type: ignore[misc]
    )
    limits = Limits()
    tls = Tls(context, LiveTrust(folder, context))
    return (
        HttpServer(App(site), HOST, lab.ports.operator, limits, tls),
        HttpServer(App(site, observed=True), HOST, lab.ports.operator_plain, limits, None),
    )
