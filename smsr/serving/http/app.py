# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: one request in, one answer out, one line in the log, one count.

Paths are looked up whole in a table, so none leads anywhere else. Who calls is known from TLS before anything is read:
the protocol puts the `Peer` into the scope. What a service does may block, so it runs in a pool of threads; to hand
over what only reads an embedded database would take longer than to read it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from smsr.serving.http.answers import Answer, Refusal, error, unreadable, wrong_role
from smsr.serving.http.limits import Rates
from smsr.serving.http.routes import Route, Sent, observed_routes, routes_of
from smsr.serving.http.site import Site
from smsr.serving.logs import fields
from smsr.serving.paths import OPERATIONS

__all__ = ["PEER", "App"]

PEER: Final = "m2m.peer"
"""Where the scope of a request has the verified `Peer`."""
_log: Final = logging.getLogger("smsr.serving.http")
_HEADERS: Final = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_CLOSE: Final = {"Connection": "close"}
_DRAINED: Final = 8
"""How many times the largest body is read and thrown away, so that a caller who sends too much sees the answer."""
_GONE: Final = 499
"""In the log: the caller did not wait for its answer."""


class App:
    """The bindings of a site. `observed` leaves health and figures only, for a listener without certificates."""

    def __init__(self, site: Site, *, observed: bool = False) -> None:
        self._limits = site.limits
        self._embedded = site.embedded
        self._rates = Rates(site.limits)
        self._metrics = site.metrics
        self._pool = ThreadPoolExecutor(site.limits.threads, thread_name_prefix="call")
        self._routes = observed_routes(site) if observed else routes_of(site)
        self._nowhere = Route(handle=lambda _: error(HTTPStatus.NOT_FOUND, "no such path"), name="nowhere")

    def close(self) -> None:
        """Let the calls that run end."""
        self._pool.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] != "http":
            return
        start = time.perf_counter()
        route = self._find(scope["path"])
        answer = await self._answer(route, scope, receive)
        self._record(scope, route, answer, time.perf_counter() - start)
        if answer.status != _GONE:
            await _send(answer, send)

    def _find(self, path: str) -> Route:
        if path.startswith(f"{OPERATIONS}/"):
            path = OPERATIONS
        return self._routes.get(path, self._nowhere)

    async def _answer(self, route: Route, scope: Scope, receive: Receive) -> Answer:
        if route is self._nowhere:
            return error(HTTPStatus.NOT_FOUND, "no such path")
        if scope["method"] != route.method:
            return error(HTTPStatus.METHOD_NOT_ALLOWED, "no such method here", {"Allow": route.method})
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._admit(route, scope, headers)
            body = await self._body(receive, headers) if route.takes else b""
            sent = Sent(scope.get(PEER), scope["path"], headers, body)
            if route.reads and self._embedded:
                return route.handle(sent)
            return await asyncio.get_running_loop().run_in_executor(self._pool, route.handle, sent)
        except Refusal as refusal:
            return route.refuse(refusal)
        except ClientDisconnect:
            return Answer(_GONE, outcome="the caller is gone")
        except Exception:  # noqa: BLE001  # whatever went wrong in there: the caller learns nothing of it, the log all
            _log.exception("error", extra=fields(function=route.name))
            return route.refuse(Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here"))

    def _admit(self, route: Route, scope: Scope, headers: Mapping[str, str]) -> None:
        """What can be said before the body is read."""
        peer = scope.get(PEER)
        if peer is not None and (wait := self._rates.take(peer.oid)):
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", headers={"Retry-After": str(wait)})
        if route.role is not None and (peer is None or peer.role != route.role):
            raise wrong_role()
        if route.takes and not _is_type(headers.get("content-type", ""), route.takes):
            raise unreadable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"what is sent here is {route.takes} in UTF-8")
        if headers.get("content-encoding", "identity") != "identity":
            raise unreadable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a coding of the content that is not taken")

    async def _body(self, receive: Receive, headers: Mapping[str, str]) -> bytes:
        most, seen, body = self._limits.body, 0, bytearray()
        too_large = int(headers.get("content-length", "0")) > most
        wanted = _DRAINED * most if "expect" not in headers else 0
        try:
            async with asyncio.timeout(self._limits.body_time):
                more = not too_large or seen < wanted
                while more:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        raise ClientDisconnect
                    part = event.get("body", b"")
                    seen += len(part)
                    too_large = too_large or seen > most
                    if not too_large:
                        body += part
                    more = event.get("more_body", False) and (not too_large or seen < wanted)
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "too slow", headers=_CLOSE) from None
        if too_large:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large", headers=_CLOSE)
        return bytes(body)

    def _record(self, scope: Scope, route: Route, answer: Answer, seconds: float) -> None:
        peer = scope.get(PEER)
        function = answer.function or route.name
        self._metrics.count(function, route.binding, answer.status, seconds)
        bad = answer.status >= HTTPStatus.BAD_REQUEST or answer.outcome.startswith("FAILED")
        _log.log(
            logging.WARNING if bad else logging.INFO,
            "request",
            extra=fields(
                caller=peer.oid if peer is not None else None,
                binding=route.binding,
                function=function,
                path=scope["path"][:200] if route is self._nowhere else None,
                identifier=answer.identifier or None,
                status=int(answer.status),
                outcome=answer.outcome or None,
                ms=round(seconds * 1000, 2),
            ),
        )


def _is_type(given: str, wanted: str) -> bool:
    """Whether a Content-Type is the one that is taken, in UTF-8."""
    if given == wanted:
        return True
    parsed = Message()
    parsed["content-type"] = given
    return parsed.get_content_type() == wanted and (parsed.get_content_charset() or "utf-8") == "utf-8"


async def _send(answer: Answer, send: Send) -> None:
    headers = [*_HEADERS, (b"content-length", str(len(answer.body)).encode())]
    if answer.type:
        headers.append((b"content-type", answer.type.encode()))
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status == HTTPStatus.NO_CONTENT:
        headers.remove((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
