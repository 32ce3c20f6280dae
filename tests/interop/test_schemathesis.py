# SPDX-License-Identifier: Apache-2.0
"""A foreign client that knows the OpenAPI document only, and tries what it says and what it does not say."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from smsr.kit.folder import read_certificate
from smsr.kit.trust import Peer
from smsr.serving.http.app import PEER, App
from smsr.serving.http.limits import Limits
from smsr.serving.paths import caller, json_path
from tests.require import require
from tests.support.serving import NAMES, OIDS, Lab

require("schemathesis")

import schemathesis  # noqa: E402  # after it is known to be there
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.generation import GenerationMode  # noqa: E402
from schemathesis.schemas import BaseSchema  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import Receive, Scope, Send  # noqa: E402

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TRIED: set[tuple[str, str]] = set()
EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class RightCaller:
    """The application, to which everybody has the certificate that a path wants."""

    def __init__(self, lab: Lab, name: str) -> None:
        site = lab.site(name, Limits(rate=1e6, burst=1_000_000))
        self.app = App(site)
        self.service = lab.services[name]
        certificate = {role: read_certificate(lab.folder.path / NAMES[role] / "1/tls.pem") for role in NAMES}
        peers = {role: Peer(OIDS[NAMES[role]], role, certificate[role]) for role in NAMES}
        self._peers = {json_path(*each): peers[caller(*each)] for each in site.messages()}
        self._other = next(iter(peers.values()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PEER] = self._peers.get(scope.get("path", ""), self._other)
        await self.app(scope, receive, send)


@cache
def _app(name: str) -> RightCaller:
    return RightCaller(_lab(), name)


@cache
def _lab() -> Lab:
    return Lab(Path(tempfile.mkdtemp()) / "pki")


@cache
def _schema(name: str) -> BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", _app(name))


def _operations() -> list[Any]:
    """Server, path and method of each."""
    return [
        pytest.param(name, path, method, id=f"{name} {method} {path}")
        for name in ("sm-sr", "sm-dp", "operator")
        for path, item in _schema(name).raw_schema["paths"].items()
        for method in item
    ]


@pytest.fixture(scope="module", autouse=True)
def _reached() -> Iterator[None]:
    """Afterwards: requests got through to the services, so that not all were refused at the door."""
    yield
    if len(TRIED) < 100:  # a run of some of the operations
        return
    for name in ("sm-sr", "sm-dp"):
        assert len({str(function) for function, *_ in _app(name).service.calls}) > 5


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name, path, method", _operations())
def test_each_operation(name: str, path: str, method: str, mode: GenerationMode) -> None:
    operation = _schema(name)[path][method.upper()]
    TRIED.add((name, path))

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    run()
