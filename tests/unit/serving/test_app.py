# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: where calls run."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from smsr.api.functions import FUNCTIONS, Function
from smsr.api.json_codec import encode
from smsr.api.messages import Request, Response
from smsr.api.status import SUCCESS
from smsr.kit.oid import ROLE_SM_DP
from smsr.kit.trust import Peer
from smsr.serving.http.app import PEER, App
from smsr.serving.paths import Kind, json_path
from tests.support.serving import OIDS, Lab, sample_of


@pytest.mark.parametrize(
    "name, embedded, here",
    [("GetEIS", True, True), ("GetEIS", False, False), ("UpdatePolicyRules", True, False)],
)
def test_only_what_reads_an_embedded_database_runs_in_the_thread_that_listens(
    name: str, embedded: bool, here: bool, tmp_path: Path
) -> None:
    lab, threads = Lab(tmp_path), []

    def respond(function: Function, request: Request) -> Response:
        threads.append(threading.current_thread())
        assert function.response is not None
        return function.response(status=SUCCESS)

    site = replace(lab.site("sm-sr"), embedded=embedded)
    lab.services["sm-sr"].respond = respond
    app = App(site)
    assert asyncio.run(_asked(app, f"ES3.{name}", tmp_path)) == 200
    app.close()
    (thread,) = threads
    assert (thread is threading.current_thread()) is here


async def _asked(app: App, name: str, pki: Path) -> int:
    """The status of an SM-DP's call."""
    function = next(each for each in FUNCTIONS if str(each) == name)
    certificate = load_pem_x509_certificate((pki / "sm-dp/1/tls.pem").read_bytes())
    scope = {
        "type": "http",
        "method": "POST",
        "path": json_path(function, Kind.REQUEST),
        "headers": [(b"content-type", b"application/json")],
        PEER: Peer(oid=OIDS["sm-dp"], role=ROLE_SM_DP, certificate=certificate),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": encode(sample_of(function, "sm-dp", "1"))}

    async def send(event: Any) -> None:
        sent.append(event)

    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status
