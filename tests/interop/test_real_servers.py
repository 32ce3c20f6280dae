# SPDX-License-Identifier: Apache-2.0
"""Foreign clients of the servers that one would run: zeep by GSMA's WSDLs, schemathesis by our OpenAPI documents.

Nothing answers for the servers here: the database, the engine, the functions and a card in reach are the real ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.messages import DownloadProfileRequest
from smdp.api.messages import ProfileRequest as Es2ProfileRequest
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function
from smsr.api.messages import Call, Request
from smsr.kit.folder import read_certificate
from smsr.kit.trust import Peer
from smsr.serving.connections import Connections
from smsr.serving.http.app import PEER, App
from smsr.serving.http.limits import Limits
from smsr.serving.paths import caller, json_path
from tests.interop.test_zeep_servers import CALLED, _checked, _Foreign
from tests.require import require
from tests.support.realservers import RealServers
from tests.support.serving import NAMES, OIDS, caller_name
from tests.unit.soap.samples import samples

require("schemathesis")

import schemathesis  # noqa: E402  # after it is known to be there
from schemathesis.checks import not_a_server_error  # noqa: E402
from starlette.types import Receive, Scope, Send  # noqa: E402

ROWS = {str(each): each for each in (*SM_SR_FUNCTIONS, *SM_DP_FUNCTIONS)}
PATIENCE = 60.0
Sent = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def sent() -> Iterator[Sent]:
    """What the servers send: URL and body."""
    found: Sent = []
    original = Connections.send

    def recorded(self: Connections, receiver: Any, method: str, url: str, headers: Any, body: Any) -> Any:
        if body:
            found.append((url, bytes(body)))
        return original(self, receiver, method, url, headers, body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connections, "send", recorded)
        yield found


@pytest.fixture(scope="module")
def servers(sent: Sent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServers]:
    """All of them, with one card; they speak SOAP with each other and with the operator."""
    made = RealServers(tmp_path_factory.mktemp("real"), soap=True)
    try:
        made.start()
        yield made
    finally:
        made.close()


def _wait(sent: Sent, element: str, since: int) -> bytes:
    """The message with this element that the operator, or the SM-DP, was sent."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for _, body in sent[since:]:
            if f"<rps:{element}".encode() in body:
                return body
        time.sleep(0.02)
    raise AssertionError(f"no {element} within {PATIENCE:.0f} s")


def _call(servers: RealServers, name: str, request: Request) -> str:
    """By zeep; the status of a synchronous function."""
    function = ROWS[name]
    provider = "sm-dp" if function in SM_DP_FUNCTIONS else "sm-sr"
    foreign = _Foreign(servers, caller_name(function.interface), function, provider)  # type: ignore[arg-type]
    answer = foreign.call(request)
    if function.exchange is Exchange.ASYNCHRONOUS:
        assert (answer.status_code, answer.content) == (202, b"")
        return "accepted"
    assert answer.status_code == 200
    assert _checked(answer.content) == function.response_element
    return str(foreign.last.FunctionExecutionStatus.Status)


def test_a_profile_s_whole_life(servers: RealServers, sent: Sent) -> None:
    """Downloaded, enabled, disabled, deleted: by a foreign client, each with a valid callback."""
    servers.register()  # not by zeep, which writes times in another form than the one that was signed
    begin = since = len(sent)
    operator, smsr_id = OIDS["operator"], OIDS["sm-sr"]
    order = DownloadProfileRequest(
        call=Call(operator, "life-1"), eid=servers.eid, smsr_id=smsr_id, profile_type="lab", enable_profile=True
    )
    assert _call(servers, "ES2.DownloadProfile", order) == "accepted"
    body = _wait(sent, "ES2-DownloadProfileResponse", since)
    assert _checked(body) == "ES2-DownloadProfileResponse"
    assert b"EXECUTED_SUCCESS" in body
    eis = servers.sm_sr.stores.eis.get(servers.eid)
    assert eis is not None
    assert eis.enabled is not None
    iccid = eis.enabled.iccid
    assert iccid != servers.factory_iccid
    for number, name in enumerate(("DisableProfile", "EnableProfile", "DisableProfile", "DeleteProfile"), start=2):
        since = len(sent)
        request = Es2ProfileRequest(
            call=Call(operator, f"life-{number}"), eid=servers.eid, iccid=iccid, smsr_id=smsr_id
        )
        assert _call(servers, f"ES2.{name}", request) == "accepted"
        body = _wait(sent, f"ES2-{name}Response", since)
        assert _checked(body) == f"ES2-{name}Response"
        assert b"EXECUTED_SUCCESS" in body, body
    assert len(sent) > begin + 15
    for url, told in sent[begin:]:  # what the servers say to each other and to the operator
        assert _checked(told), url
    eis = servers.sm_sr.stores.eis.get(servers.eid)
    assert eis is not None
    assert [each.iccid for each in eis.profiles] == [servers.factory_iccid]


@pytest.mark.parametrize("provider, function", CALLED)
def test_each_function_is_answered(servers: RealServers, sent: Sent, provider: str, function: Function) -> None:
    """Whatever it has to say: a valid response, or an acceptance and then one valid callback."""
    name = caller_name(function.interface)
    for number, request in enumerate(samples(function.request)):
        assert isinstance(request, Request)
        since, call = len(sent), Call(OIDS[name], f"each-{function}-{number}")
        known: dict[str, Any] = {"eid": servers.eid, "iccid": servers.factory_iccid, "smsr_id": OIDS["sm-sr"]}
        mine = {each.name: known[each.name] for each in fields(request) if each.name in known}
        assert _call(servers, str(function), replace(request, call=call, **mine)) != "EXPIRED"
        if function.exchange is Exchange.ASYNCHRONOUS:
            assert _checked(_wait(sent, function.response_element, since)) == function.response_element
            break


# --- schemathesis


class _RightCaller:
    """A server's application, to which everybody has the certificate that a path wants."""

    def __init__(self, servers: RealServers, name: str) -> None:
        site = replace(
            (servers.sm_sr if name == "sm-sr" else servers.sm_dp).site(), limits=Limits(rate=1e6, burst=1_000_000)
        )
        self._app = App(site)
        certificate = {role: read_certificate(servers.folder.path / NAMES[role] / "1/tls.pem") for role in NAMES}
        peers = {role: Peer(OIDS[NAMES[role]], role, certificate[role]) for role in NAMES}
        self._peers = {json_path(*each): peers[caller(*each)] for each in site.messages()}
        self._other = next(iter(peers.values()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PEER] = self._peers.get(scope.get("path", ""), self._other)
        await self._app(scope, receive, send)


@pytest.mark.parametrize("name", ["sm-sr", "sm-dp"])
def test_no_request_of_schemathesis_is_a_500(servers: RealServers, name: str) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", _RightCaller(servers, name))
    tried = 0
    for path, item in schema.raw_schema["paths"].items():
        for method in item:
            strategy = schema[path][method.upper()].as_strategy()

            @settings(
                max_examples=6,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def run(case: schemathesis.Case[Any]) -> None:
                case.call_and_validate(checks=[not_a_server_error])

            run()
            tried += 1
    assert tried > 20
