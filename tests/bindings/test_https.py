# SPDX-License-Identifier: Apache-2.0
"""Below the messages: who gets a connection, for how long, and what is HTTP. Over real sockets on loopback."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apdu.keys.entropy import SeededEntropy
from smsr.api.functions import FUNCTIONS
from smsr.api.json_codec import encode
from smsr.kit.folder import CI
from smsr.kit.oid import ROLE_CI, ROLE_SM_DP, Oid
from smsr.kit.pki import Validity, issue_ci, issue_identity
from smsr.kit.tls import client_context
from smsr.serving.connections import Unreachable
from smsr.serving.http.app import App
from smsr.serving.http.limits import Limits
from smsr.serving.http.server import HttpServer
from smsr.serving.logs import JsonFormatter
from smsr.serving.service import Binding
from tests.support.serving import OIDS, Lab, sample_of
from tools.pkidir.operations import revoke
from tools.pkidir.vault import FILES

GET_EIS = next(each for each in FUNCTIONS if str(each) == "ES3.GetEIS")
BODY = encode(sample_of(GET_EIS, "sm-dp", "1"))
SECOND = Limits(head=2000, head_time=0.4, body_time=0.4, idle_time=1, handshake_time=0.4, connections=8)


def request(*headers: str, body: bytes = BODY, path: str = "/es3/GetEIS") -> bytes:
    """A request in its bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
    if not any(each.lower().startswith(("content-length", "transfer-encoding")) for each in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def status(answer: bytes) -> int:
    """Of the first response; 0: there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def answered(connection: ssl.SSLSocket) -> int:
    """The status of the next response, which is read whole."""
    found = http.client.HTTPResponse(connection)
    found.begin()
    found.read()
    return found.status


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log holds, as it is written."""
    return [JsonFormatter().format(each) for each in caplog.records if each.name == "smsr.serving.http"]


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Lab]:
    """An SM-SR that waits for nobody, in a folder whose certificates a test may change."""
    lab = Lab(tmp_path / "pki")
    try:
        lab.serve("sm-sr", SECOND)
        yield lab
    finally:
        lab.close()


# --- who


def test_nobody_without_a_certificate(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    context = ssl.create_default_context(cafile=lab.folder.authorities()[0])
    _is_shut_out(lab, context)
    assert "handshake refused" in "".join(lines(caplog))


@pytest.mark.parametrize("case", ["another root", "expired", "not yet", "no role", "the role of a root"])
def test_nobody_with_another_certificate(lab: Lab, tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    start, end = {"expired": (-9, -1), "not yet": (1, 9)}.get(case, (-1, 9))
    validity = Validity(now + timedelta(days=start), now + timedelta(days=end))
    entropy = SeededEntropy(case.encode())
    if case == "another root":
        ci = issue_ci("Other", Oid("2.999.10.1"), validity, entropy=entropy)
    else:
        ci = lab.authority()
    role = {"no role": Oid("1.2.3"), "the role of a root": ROLE_CI}.get(case, ROLE_SM_DP)
    made = issue_identity(ci, role, "Stranger", OIDS["sm-dp"], validity, entropy=entropy)
    _is_shut_out(lab, lab.context_of(made, tmp_path))
    assert "refused" in "".join(lines(caplog))


def _is_shut_out(lab: Lab, context: ssl.SSLContext) -> None:
    host, _, port = lab.urls["sm-sr"].removeprefix("https://").partition(":")
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        socket.create_connection((host, int(port)), 5) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(request())
        if not connection.recv(1):  # TLS 1.3: what the server says to the certificate comes late
            raise ConnectionError("closed")
    assert lab.services["sm-sr"].untouched


def test_a_revoked_certificate_gets_no_connection(strict: Lab, caplog: pytest.LogCaptureFixture) -> None:
    assert status(strict.raw("sm-dp", "sm-sr", request("Connection: close"))) == 200
    context = client_context(strict.folder, "sm-dp", time.time())
    strict.services["sm-sr"].forget()
    revoke(strict.folder.path, "sm-dp", None, "keyCompromise", FILES)
    time.sleep(1.2)
    _is_shut_out(strict, context)
    assert "certificate revoked" in "".join(lines(caplog))


def test_a_revoked_certificate_loses_the_connection_that_it_has(strict: Lab, caplog: pytest.LogCaptureFixture) -> None:
    with strict.connect("operator", "sm-sr") as other, strict.connect("sm-dp", "sm-sr") as kept:
        kept.sendall(request())
        assert answered(kept) == 200
        strict.services["sm-sr"].forget()
        revoke(strict.folder.path, "sm-dp", None, "keyCompromise", FILES)
        end = time.monotonic() + 5
        with pytest.raises((ssl.SSLError, ConnectionError)):
            while time.monotonic() < end:
                time.sleep(0.1)
                other.sendall(request(path="/es4/GetEIS"))  # who is not revoked is not disturbed
                assert answered(other) in (200, 400, 403)
                kept.sendall(b"X")
                kept.settimeout(0.01)
                try:
                    if not kept.recv(1):
                        raise ConnectionError("closed")
                except TimeoutError:
                    continue
    assert not strict.services["sm-sr"].calls
    assert "2.999.10.3" in "".join(lines(caplog))


def test_nobody_gets_in_when_the_lists_cannot_be_read(strict: Lab, caplog: pytest.LogCaptureFixture) -> None:
    context = client_context(strict.folder, "sm-dp", time.time())
    (strict.folder.path / CI / "1" / "crl.pem").write_text("nothing")
    _is_shut_out(strict, context)
    assert "nobody is let in" in "".join(lines(caplog))


def test_an_expired_certificate_loses_its_connection(tmp_path: Path) -> None:
    lab, moment = Lab(tmp_path / "pki"), [time.time()]
    try:
        lab.serve("sm-sr", now=lambda: moment[0])
        with lab.connect("sm-dp", "sm-sr") as kept:
            kept.sendall(request())
            assert answered(kept) == 200
            moment[0] += 6 * 365 * 86_400
            lab.touch_lists()
            kept.settimeout(5)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                if not kept.recv(1):
                    raise ConnectionError("closed")
    finally:
        lab.close()


# --- ATK-42: how slowly, how much, how


def test_atk_42_a_silent_client(strict: Lab) -> None:
    host, _, port = strict.urls["sm-sr"].removeprefix("https://").partition(":")
    with socket.create_connection((host, int(port)), 5) as plain:  # not even TLS
        started = time.monotonic()
        with pytest.raises(ConnectionError):
            if not plain.recv(1):
                raise ConnectionError("closed")
        assert time.monotonic() - started < 3
    with strict.connect("sm-dp", "sm-sr") as connection:
        assert _closed_after(connection) < 3


def test_atk_42_a_slow_head(strict: Lab) -> None:
    with strict.connect("sm-dp", "sm-sr") as connection:
        started = time.monotonic()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            for _ in range(60):
                connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" if not _ else b"X: a\r\n")
                time.sleep(0.05)
        assert time.monotonic() - started < 3
    assert strict.services["sm-sr"].untouched


def test_atk_42_a_slow_body(strict: Lab) -> None:
    with strict.connect("sm-dp", "sm-sr") as connection:
        connection.sendall(request(body=b"").replace(b"Content-Length: 0", b"Content-Length: 500"))
        found = b""
        for _ in range(20):
            try:
                connection.sendall(b" ")
            except (ssl.SSLError, ConnectionError):
                break
            time.sleep(0.05)
        connection.settimeout(1)
        found = connection.recv(65536)
        assert status(found) == 408
        assert b"connection: close" in found
    assert strict.services["sm-sr"].untouched


def test_atk_42_a_connection_that_rests_is_closed(strict: Lab) -> None:
    with strict.connect("sm-dp", "sm-sr") as connection:
        connection.sendall(request())
        assert answered(connection) == 200
        assert 0.5 < _closed_after(connection) < 4


def test_atk_42_a_body_that_goes_on_after_its_answer(strict: Lab) -> None:
    with strict.connect("sm-dp", "sm-sr") as connection:
        connection.sendall(request("Content-Length: 100000", path="/nowhere", body=b""))
        assert answered(connection) == 404
        started = time.monotonic()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            while time.monotonic() - started < 10:
                connection.sendall(b" ")
                time.sleep(0.1)
        assert time.monotonic() - started < 5


def _closed_after(connection: ssl.SSLSocket) -> float:
    started = time.monotonic()
    connection.settimeout(10)
    with suppress(ssl.SSLError, ConnectionError):
        assert connection.recv(1) == b""
    return time.monotonic() - started


@pytest.mark.parametrize(
    "headers",
    [
        [f"X-{number}: {'a' * 50}" for number in range(60)],
        [f"X: {'a' * 4000}"],
        [f"{'X' * 4000}: a"],
    ],
    ids=["many", "a long value", "a long name"],
)
def test_atk_42_a_head_without_end(strict: Lab, headers: list[str]) -> None:
    found = strict.raw("sm-dp", "sm-sr", request(*headers))
    assert status(found) == 431
    assert status(strict.raw("sm-dp", "sm-sr", request(path="/" + "a" * 4000))) == 431
    assert strict.services["sm-sr"].untouched


def test_atk_42_a_header_that_never_ends(strict: Lab) -> None:
    found = strict.raw("sm-dp", "sm-sr", b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000)
    assert status(found) == 431


def test_atk_42_trailers_without_end(strict: Lab) -> None:
    trailers = "".join(f"X-{number}: {'a' * 50}\r\n" for number in range(100)).encode()
    chunked = request("Transfer-Encoding: chunked", body=b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n" + trailers)
    strict.raw("sm-dp", "sm-sr", chunked)
    assert len(strict.services["sm-sr"].calls) <= 1


SMUGGLED = b"POST /es3/GetEIS HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "data",
    [
        request(f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        request("Transfer-Encoding: chunked", f"Content-Length: {len(BODY)}", body=b"0\r\n\r\n" + SMUGGLED),
        request("Content-Length: 5", f"Content-Length: {len(BODY)}"),
        request("Content-Length: +10"),
        request("Content-Length: 0x10"),
        request("Content-Length: -1"),
        request("Content-Length: 1e3"),
        request("Content-Length: 99999999999999999999999"),
        request("Transfer-Encoding: xchunked"),
        request("Transfer-Encoding: chunked, identity"),
        request("Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
        request("Transfer-Encoding: chunked", body=b"ffffffffffffffff1\r\n" + BODY),
        request("Transfer-Encoding: chunked", body=b"-5\r\n" + BODY + b"\r\n0\r\n\r\n"),
        request("Transfer-Encoding: chunked", body=b"5 \x0b\r\nabcde\r\n0\r\n\r\n"),
        request("X: a\rTransfer-Encoding: chunked"),
        request("X: a\nTransfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        request("X\x00: a"),
        request(" folded: a"),
        b"POST /es3/GetEIS HTTP/1.1 HTTP/1.1\r\n\r\n",
        b"POST /es3/GetEIS HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"{}",
    ],
)
def test_atk_42_what_is_no_request_is_refused_and_ends_the_connection(lab: Lab, data: bytes) -> None:
    found = lab.raw("sm-dp", "sm-sr", data + SMUGGLED)
    assert status(found) in (0, 400, 404, 405, 413)
    assert found.count(b"HTTP/1.1 ") <= 1
    assert lab.services["sm-sr"].untouched


def test_atk_42_others_are_served_while_some_are_slow(strict: Lab) -> None:
    slow = [strict.connect("sm-dp", "sm-sr") for _ in range(4)]
    for connection in slow:
        connection.sendall(b"POST /es3/GetEIS HTTP/1.1\r\nX: ")
    started = time.monotonic()
    assert status(strict.raw("sm-dp", "sm-sr", request("Connection: close"))) == 200
    assert time.monotonic() - started < 1
    for connection in slow:
        connection.close()


def test_more_connections_than_allowed(strict: Lab, caplog: pytest.LogCaptureFixture) -> None:
    held = [strict.connect("sm-dp", "sm-sr") for _ in range(SECOND.connections)]
    found = strict.raw("sm-dp", "sm-sr", request("Connection: close"))
    assert status(found) == 503
    assert b"Retry-After" in found
    for connection in held:
        connection.close()
    assert "too many" in "".join(lines(caplog))


def test_requests_one_after_the_other_and_at_once_on_one_connection(lab: Lab) -> None:
    with lab.connect("sm-dp", "sm-sr") as connection:
        for _ in range(3):
            connection.sendall(request())
            assert answered(connection) == 200
    found = lab.raw("sm-dp", "sm-sr", request() * 3 + request("Connection: close"))
    assert found.count(b"HTTP/1.1 200 ") == 4
    assert len(lab.services["sm-sr"].calls) == 7


def test_an_upgrade_is_no_way_out(lab: Lab) -> None:
    found = lab.raw(
        "sm-dp", "sm-sr", request("Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Key: a")
    )
    assert b"101" not in found.split(b"\r\n")[0]


def test_a_caller_that_asks_too_often(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "pki")
    try:
        lab.serve("sm-sr", Limits(rate=1, burst=3))
        path, body, type = lab.body(GET_EIS, sample_of(GET_EIS, "sm-dp", "1"), Binding.JSON, "sm-sr")
        found = [lab.post("sm-dp", "sm-sr", path, body, type) for _ in range(5)]
        assert [each.status for each in found] == [200, 200, 200, 429, 429]
        assert found[-1].retry_after == 1
        assert lab.get("operator", "sm-sr", "/health/live").status == 200  # others have their own
        time.sleep(1.1)
        assert lab.post("sm-dp", "sm-sr", path, body, type).status == 200
    finally:
        lab.close()


# --- what one sees from outside


def test_health_and_figures(lab: Lab) -> None:
    assert json.loads(lab.get("eum", "sm-sr", "/health/live").body) == {"status": "alive"}
    assert json.loads(lab.get("eum", "sm-sr", "/health/ready").body) == {"status": "ready"}
    path, body, type = lab.body(GET_EIS, sample_of(GET_EIS, "sm-dp", "1"), Binding.JSON, "sm-sr")
    lab.post("sm-dp", "sm-sr", path, body, type)
    figures = lab.get("operator", "sm-sr", "/metrics")
    assert figures.type == "text/plain"
    assert b"euicc_queue_length 3.0" in figures.body
    assert b'euicc_requests_total{binding="json",function="ES3.GetEIS",status="200"}' in figures.body
    assert b'euicc_request_seconds_bucket{binding="json",function="ES3.GetEIS",le="0.02"}' in figures.body


def test_names_that_callers_make_up_are_no_labels(lab: Lab) -> None:
    for number in range(20):
        lab.get("eum", "sm-sr", f"/made-up-{number}")
    assert b"made-up" not in lab.get("eum", "sm-sr", "/metrics").body


def test_without_certificates_there_are_health_and_figures_only(lab: Lab) -> None:
    site = lab.site("sm-sr")
    site.metrics.count("ES3.GetEIS", "json", 200, 0.1)
    server = HttpServer(App(site, observed=True), "127.0.0.1", 0, site.limits, None)
    host, port = server.start()
    try:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", "/metrics")
        assert b'function="ES3.GetEIS"' in connection.getresponse().read()  # what came to the other listener
        connection.close()
        for path, expected in (("/health/live", 200), ("/health/ready", 200), ("/metrics", 200), ("/docs", 404)):
            connection = http.client.HTTPConnection(host, port, timeout=5)
            connection.request("GET", path)
            assert connection.getresponse().status == expected
            connection.close()
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("POST", "/es3/GetEIS", BODY, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 404
        connection.close()
    finally:
        server.close()
    assert lab.services["sm-sr"].untouched


def test_a_server_that_is_not_ready_says_why(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "pki")
    site = replace(lab.site("sm-sr"), ready=lambda: "the database does not answer")
    server = HttpServer(App(site, observed=True), "127.0.0.1", 0, site.limits, None)
    host, port = server.start()
    try:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (503, {"error": "the database does not answer"})
        connection.close()
    finally:
        server.close()


def test_a_port_that_is_taken(lab: Lab) -> None:
    site = lab.site("sm-sr")
    port = int(lab.urls["sm-sr"].rpartition(":")[2])
    server = HttpServer(App(site, observed=True), "127.0.0.1", port, site.limits, None)
    with pytest.raises(OSError, match="in use"):
        server.start()


def test_a_server_ends_when_a_client_keeps_its_connection(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "pki")
    lab.serve("sm-sr")
    with lab.connect("sm-dp", "sm-sr") as kept:
        kept.sendall(request())
        assert answered(kept) == 200
        started = time.monotonic()
        lab.close()
        assert time.monotonic() - started < 5
    with pytest.raises(Unreachable):
        lab.get("sm-dp", "sm-sr", "/health/live")


def test_the_log_is_one_object_a_line(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    hostile = 'a\r\n{"event":"forged"} \u2028 " \\'
    path, body, type = lab.body(GET_EIS, sample_of(GET_EIS, "sm-dp", hostile), Binding.SOAP, "sm-sr")
    with caplog.at_level(logging.DEBUG):
        lab.post("sm-dp", "sm-sr", path, body, type)
        body = json.dumps({"eid": "89", "function_call_identifier": hostile + "\x1b[31m"}).encode()
        lab.post("sm-dp", "sm-sr", "/es3/GetEIS", body, "application/json")
        lab.raw("sm-dp", "sm-sr", b"GET /a%0D%0Ab%1b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert len(lines(caplog)) == 3
    for line in lines(caplog):
        assert line.isascii()
        assert line.isprintable()
        found = json.loads(line)
        assert found["event"] == "request"
        assert {"time", "level", "logger", "status", "ms"} <= set(found)


# --- what every answer has


def test_answers_are_not_kept_and_not_guessed_at(lab: Lab) -> None:
    for path in ("/health/live", "/docs", "/nowhere"):
        head = lab.raw("eum", "sm-sr", f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert b"x-content-type-options: nosniff" in head
        assert b"cache-control: no-store" in head
        assert b"\r\nserver:" not in head.lower()
