# SPDX-License-Identifier: Apache-2.0
"""Hostile messages over real connections: XML that is a weapon, addresses of third parties, texts that are commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import SecurityError
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function
from smsr.api.json_codec import encode
from smsr.api.messages import Request, Response
from smsr.kit.oid import Oid
from smsr.kit.soap.addressing import Endpoint
from smsr.kit.soap.envelope import Fault
from smsr.serving.logs import JsonFormatter
from smsr.serving.parties import Parties, Party
from smsr.serving.paths import CALLBACK_URL, Kind, json_path, soap_path
from smsr.serving.service import Binding, ReplyTo
from tests.attacks.test_atk_31_xml_entities import BODIES, DTDS, RPS, nobody_asks
from tests.attacks.test_atk_32_xml_bombs import BOMBS
from tests.attacks.test_atk_33_signature_wrapping import TEXT, WRAPPED
from tests.support.serving import OIDS, Lab, caller_name, requests_of, sample_of
from tests.support.xml import register_text
from tests.unit.kit.world import EUM_OID
from tests.unit.soap.samples import ADDRESSING, BINDING, samples

XML = "application/soap+xml"
CALLED = [pytest.param("sm-sr", each, id=f"sm-sr-{each}") for each in requests_of(SM_SR_FUNCTIONS)]
CALLED += [pytest.param("sm-dp", each, id=f"sm-dp-{each}") for each in requests_of(SM_DP_FUNCTIONS)]
ENDPOINTS = [
    ("eum", "sm-sr", "/soap/es1"),
    ("sm-dp", "sm-sr", "/soap/es3"),
    ("operator", "sm-sr", "/soap/es4"),
    ("operator", "sm-dp", "/soap/es2"),
    ("sm-sr", "sm-dp", "/soap/es3"),
    ("sm-dp", "operator", "/soap/es2"),
]


def _from_eum(text: str) -> bytes:
    """As the EUM of the lab, so that only the attack is what is wrong."""
    return text.replace(f"EntityId={ADDRESSING.sender.entity_id}", f"EntityId={OIDS['eum']}").encode()


def _is_a_fault(body: bytes) -> None:
    found = BINDING.read(body).message
    assert isinstance(found, Fault)
    assert len(found.reason) < 500


@pytest.mark.parametrize("name", DTDS)
def test_atk_31_entities_at_each_endpoint(lab: Lab, name: str, tmp_path: Path) -> None:
    with nobody_asks(tmp_path) as values:
        head, _, rest = register_text().partition("\n")
        bad = head + DTDS[name].format(**values) + rest.replace(f"<{RPS}>", f"<{RPS}>&e;", 1)
        for caller, server, path in ENDPOINTS:
            answer = lab.post(caller, server, path, _from_eum(bad), XML)
            assert answer.status == 400
            _is_a_fault(answer.body)
            assert b"a line that must not" not in answer.body
    assert all(service.untouched for service in lab.services.values())


@pytest.mark.parametrize("name", BODIES)
def test_atk_31_inclusions(lab: Lab, name: str, tmp_path: Path) -> None:
    with nobody_asks(tmp_path) as values:
        bad = register_text().replace("<rps:Eis>", BODIES[name].format(**values) + "<rps:Eis>", 1)
        assert lab.post("eum", "sm-sr", "/soap/es1", _from_eum(bad), XML).status == 400
    assert lab.services["sm-sr"].untouched


@pytest.mark.parametrize("name", BOMBS)
def test_atk_32_bombs_do_not_keep_others_waiting(lab: Lab, name: str) -> None:
    started = time.monotonic()
    answer = lab.post("eum", "sm-sr", "/soap/es1", _from_eum(BOMBS[name]()), XML)
    assert answer.status in (400, 413)
    assert time.monotonic() - started < 5
    assert lab.get("operator", "sm-sr", "/health/live").status == 200
    assert lab.services["sm-sr"].untouched


@pytest.mark.parametrize("name", WRAPPED)
def test_atk_33_what_reaches_the_service_is_what_was_signed(lab: Lab, name: str) -> None:
    text = WRAPPED[name]().replace(f"EntityId={EUM_OID}", f"EntityId={OIDS['eum']}")
    answer = lab.post("eum", "sm-sr", "/soap/es1", text.encode(), XML)
    if answer.status == 400:
        _is_a_fault(answer.body)
        assert lab.services["sm-sr"].untouched
        return
    (_, request, _), *others = lab.services["sm-sr"].calls
    octets: bytes = request.eis.signed.octets  # type: ignore[attr-defined]
    assert not others
    # one document, one set: the registration verifies exactly these octets, and the values come from them
    assert (b">evil<" in octets) == (request.eis.info.platform_type == "evil")  # type: ignore[attr-defined]


def test_atk_33_the_unspoilt_original_is_taken(lab: Lab) -> None:
    text = TEXT.replace(f"EntityId={EUM_OID}", f"EntityId={OIDS['eum']}")
    assert lab.post("eum", "sm-sr", "/soap/es1", text.encode(), XML).status == 200
    assert len(lab.services["sm-sr"].calls) == 1


def _urls(own: str) -> list[str]:
    port = own.rpartition(":")[2]
    return [
        "http://127.0.0.1/", f"http://127.0.0.1:{port}/", "https://169.254.169.254/latest/meta-data/", "https://[::1]/",
        f"https://[::1]:{port}/", f"https://[::ffff:127.0.0.1]:{port}/", f"https://2130706433:{port}/",
        f"https://0x7f.1:{port}/", f"https://0177.0.0.1:{port}/", f"https://127.1:{port}/", f"https://0:{port}/",
        f"https://localhost:{port}/", f"https://127.0.0.1.nip.io:{port}/", "https://127.0.0.1:22/", "https://127.0.0.1/",
        f"https://127.0.0.1:{port}@evil.example/", f"https://evil.example#@127.0.0.1:{port}/",
        f"https://evil.example\\@127.0.0.1:{port}/", f"https://user:pw@127.0.0.1:{port}/", "https://evil.example/",
        f"https://evil.example?127.0.0.1:{port}", "//127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://a/",
        "javascript:alert(1)", "data:text/plain,a", "ldap://127.0.0.1/a", f"https://127.0.0.1:{port}/../admin",
        f"https://127.0.0.1:{port}/a/%2e%2e/b", f"https://127.0.0.1:{port}/a%2f..%2fb", f"https://127.0.0.1:{port}/%0d%0aX:",
        f"https://127.0.0.1:{port}/#a", f"https://127.0.0.1:{port}0/", "https://also.example/",
        "https://also.example/inside",
        "https://also.example:8443/in", "http://also.example/in", "https://x.also.example/in",
        f"HTTPS://evil.example:{port}/",
        "https://", "https:///a", "https://:443/", f"https://127.0.0.1:{port}/\u0430", "https://127.0.0.1:99999/",
        "a" * 5000,
    ]  # fmt: skip


def test_atk_34_callbacks_go_to_no_third_party(lab: Lab) -> None:
    function = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.CreateISDP")
    request = sample_of(function, "sm-dp", "1")
    count = 0
    for url in _urls(lab.urls["sm-dp"]):
        count += 1
        with pytest.raises(SecurityError):
            lab.known.check_callback(OIDS["sm-dp"], url)
        if url.isascii():
            path, body, type = lab.body(function, request, Binding.JSON, "sm-sr")
            answer = lab.post("sm-dp", "sm-sr", path, body, type, {CALLBACK_URL: url})
            assert answer.status == 400, url
            assert b"callback address" in answer.body
        at = replace(ADDRESSING, sender=Endpoint("https://a.example", OIDS["sm-dp"]), reply_to="https://x.example/")
        data = BINDING.build(function, request, at).replace(b"https://x.example/", _escaped(url))
        answer = lab.post("sm-dp", "sm-sr", "/soap/es3", data, XML)
        found = BINDING.read(answer.body).message
        assert isinstance(found, Fault) or (isinstance(found, Response) and not found.status.is_success), url
    assert count >= 40
    assert lab.services["sm-sr"].untouched
    with pytest.raises(SecurityError):  # nor when an old order is delivered after the configuration changed
        reply = ReplyTo(binding=Binding.JSON, url="https://evil.example/")
        lab.client("sm-sr").answer(OIDS["sm-dp"], function, _response(function), reply)


def _escaped(url: str) -> bytes:
    return url.replace("&", "&amp;").replace("<", "&lt;").encode()


def _response(function: Function) -> Response:
    found = samples(function.response or Response)[0]
    assert isinstance(found, Response)
    return found


def test_atk_34_addresses_that_are_allowed(lab: Lab) -> None:
    own = lab.urls["sm-dp"]
    for url in (own, f"{own}/", f"{own}/es3/callback", "https://also.example/in", "https://ALSO.example:443/in/a?b=c"):
        lab.known.check_callback(OIDS["sm-dp"], url)
    for url in (own, f"{own}/es3"):
        with pytest.raises(SecurityError):  # of another party
            lab.known.check_callback(OIDS["operator"], url)
        with pytest.raises(SecurityError):
            lab.known.check_callback(Oid("1.2.3"), url)
    below = Parties([Party(oid=OIDS["sm-dp"], role=Oid("1.2"), url="https://dp.example/a")])
    below.check_callback(OIDS["sm-dp"], "https://dp.example/a/b")
    for url in ("https://dp.example/", "https://dp.example/ab"):
        with pytest.raises(SecurityError):
            below.check_callback(OIDS["sm-dp"], url)


INJECTIONS = (
    "' OR '1'='1", "'; DROP TABLE eis; --", "1 UNION SELECT key FROM eis_key", "%27%20OR%201=1", "admin'/*",
    "\\' OR 1=1 --",
    "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "<script>alert(1)</script>", "]]><a/>", "<!--", "&amp;lt;",
    "../../etc/passwd",
    "..\\..\\boot.ini", "| id", "`id`", "$(id)", "; shutdown", "%s%s%n", "{0.__class__}", "a\r\nSet-Cookie: b=c",
    "a\nb",
    "\t",
    "=cmd|'/C calc'!A0", "\u202eabc", "\ufeffabc", "A\u0300", "\U0001f600", "NULL", "None", "true", "-1", "1e999",
)  # fmt: skip


def _texts(message: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(message, str):
        yield path
    elif isinstance(message, dict | list):
        for name, value in message.items() if isinstance(message, dict) else enumerate(message):
            yield from _texts(value, (*path, name))


def _with(message: Any, path: tuple[Any, ...], text: str) -> Any:
    found = json.loads(json.dumps(message))
    at = found
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = text
    return found


@pytest.mark.parametrize("provider, function", CALLED)
def test_atk_36_texts_stay_texts(lab: Lab, provider: str, function: Function, caplog: pytest.LogCaptureFixture) -> None:
    name, service = caller_name(function.interface), lab.services[provider]
    request = min(samples(function.request), key=lambda each: len(encode(each)))
    assert isinstance(request, Request)
    message = json.loads(encode(replace(request, call=replace(request.call, requester=OIDS[name]))))
    count = taken = 0
    for path in _texts(message):
        for text in INJECTIONS[:: 1 if len(message) < 8 and "eis" not in message else 8]:
            service.forget()
            sent = _with(message, path, text)
            answer = lab.post(
                name, provider, json_path(function, Kind.REQUEST), json.dumps(sent).encode(), "application/json"
            )
            count += 1
            assert answer.status in (200, 202, 400, 403), (path, text)
            if answer.status < 300:
                taken += 1
                assert json.loads(encode(service.calls[0][1])) == sent
            else:
                assert service.untouched
    assert count > 30
    assert taken > 0
    lines = [JsonFormatter().format(each) for each in caplog.records if each.name == "smsr.serving.http"]
    assert all(line.isascii() and line.isprintable() and json.loads(line)["event"] == "request" for line in lines)


def test_atk_36_texts_stay_texts_in_soap(lab: Lab) -> None:
    function = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.ProfileDownloadCompleted")
    service = lab.services["sm-sr"]
    for text in INJECTIONS:
        service.forget()
        request = replace(sample_of(function, "sm-dp", text), profile_type=text)  # type: ignore[call-arg]
        path, body, type = lab.body(function, request, Binding.SOAP, "sm-sr")
        assert path == soap_path(function.interface)
        assert lab.post("sm-dp", "sm-sr", path, body, type).status == 200
        assert service.calls[0][:2] == (function, request)


def test_atk_36_an_operation_by_another_name(lab: Lab) -> None:
    assert any(each.exchange is Exchange.ASYNCHRONOUS for each in SM_SR_FUNCTIONS)
    for text in ("'%20OR%20'1'='1", "..%2f..%2fmetrics", "%00", "a" * 3000, "op-0%0d%0aX:%20a", "*", "%25"):
        found = lab.raw(
            "sm-dp", "sm-sr", f"GET /operations/{text} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        )
        assert found.startswith(b"HTTP/1.1 404 ")
