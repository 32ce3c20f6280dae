# SPDX-License-Identifier: Apache-2.0
"""Call one function of a server as one of the parties of a folder of certificates."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click

from apdu.errors import DecodeError
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Function
from smsr.api.json_codec import encode
from smsr.api.messages import Response
from smsr.api.soap import SoapBinding
from smsr.kit.folder import PkiFolder, read_certificate
from smsr.kit.passphrase import Passphrase
from smsr.kit.tls import LiveTrust, client_context
from smsr.kit.trust import ROLE_NAMES
from smsr.kit.x509 import registered_id
from smsr.serving.client import Client
from smsr.serving.connections import Connections
from smsr.serving.operations import encode_operation
from smsr.serving.parties import Address, Parties, Party
from smsr.serving.paths import Kind, caller, provider
from smsr.serving.service import Binding, Operation
from tools.client.options import request_of
from tools.client.show import shown
from tools.errors import ToolError

__all__ = ["Where", "call"]

_PATIENCE: Final = 600.0
"""Seconds that --wait waits."""


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to call, and as whom."""

    server: str
    pki: Path
    name: str | None
    binding: Binding
    passphrase_env: str | None
    wait: bool
    as_json: bool


def call(function: Function, where: Where, given: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    """Call it and print the answer; exit code 1 when the function failed. `head`: what stands in every request."""
    if where.wait and where.binding is Binding.SOAP:
        raise click.UsageError("--wait looks at the operation, which there is with --binding json only")
    own = _own(function, where)
    head = {**head, "function_call_identifier": head["function_call_identifier"] or str(uuid4())}
    request = request_of(function, given, head, own.oid)
    folder = PkiFolder(where.pki)
    context = client_context(folder, own.name, time.time(), _passphrase(where))
    with closing(Connections(context, LiveTrust(folder, context).current)) as connections:
        role = provider(function)
        found = connections.identify(where.server)
        if found.role != role:
            raise ToolError(f"{where.server} is an {ROLE_NAMES[found.role]}; {function} is for an {ROLE_NAMES[role]}")
        receiver = Party(oid=found.oid, role=role, url=where.server, binding=where.binding)
        soap = SoapBinding((*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS), BY_TYPE, BY_ELEMENT)
        client = Client(own, Parties([receiver]), connections, soap)
        result = client.call(receiver, function, request)
        if isinstance(result, Operation) and where.wait:
            result = client.wait(receiver, result, _PATIENCE)
    _print(result, where)


def _own(function: Function, where: Where) -> Party:
    try:
        Address.parse(where.server)
    except DecodeError as error:
        raise click.UsageError(f"--server {where.server}: {error.message}") from None
    role = caller(function, Kind.REQUEST)
    name = where.name or ROLE_NAMES[role].lower()
    folder = PkiFolder(where.pki)
    if name not in folder.parties():
        raise ToolError(f"{where.pki} has no certificates of {name}: name a party with --as")
    oid = registered_id(read_certificate(folder.newest(name, "tls", time.time()) / "tls.pem"))
    if oid is None:
        raise ToolError(f"the certificate of {name} names no object identifier")
    return Party(oid=oid, role=role, name=name)


def _passphrase(where: Where) -> Passphrase | None:
    if where.passphrase_env is None:
        return None
    value = os.environ.get(where.passphrase_env)
    if value is None:
        raise click.UsageError(f"there is no environment variable {where.passphrase_env}")
    return Passphrase(value.encode())


def _print(result: Response | Operation, where: Where) -> None:
    response = result.response if isinstance(result, Operation) else result
    if where.as_json:
        data = encode_operation(result) if isinstance(result, Operation) else encode(result)
        click.echo(json.dumps(json.loads(data), indent=2))
    elif response is not None:
        click.echo("\n".join(shown(response)))
    else:
        assert isinstance(result, Operation)
        click.echo(f"{result.state.value}: {result.function}, call {result.identifier}")
        if result.id:
            click.echo(f"the same command with --call {result.identifier} shows how far it is")
    if response is not None and not response.status.is_success:
        raise SystemExit(1)
