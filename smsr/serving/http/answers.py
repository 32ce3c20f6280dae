# SPDX-License-Identifier: Apache-2.0
"""What goes back over HTTP, and what is refused before a function runs (SGP.02 v4.2 5.1.5).

Whoever asks for a function and is refused gets that function's response with the status FAILED; everything else gets
one sentence. What is said names what was wrong with the request, never anything inside the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec

from apdu.errors import DecodeError, M2mError, MissingError
from smsr.api.codes import Reason, Subject
from smsr.api.functions import Function
from smsr.api.messages import Response
from smsr.api.status import Code, ExecutionStatus, Status, StatusCode
from smsr.serving.service import Overloaded

__all__ = [
    "JSON",
    "Answer",
    "Refusal",
    "busy",
    "error",
    "impostor",
    "malformed",
    "response_of",
    "sentence",
    "unreadable",
    "wrong_role",
]

JSON: Final = "application/json"
# (U) the pair for a message that cannot be read
_INVALID: Final = StatusCode(Subject.PROTOCOL_FORMAT.number, Reason.INVALID.number)
_MISSING: Final = StatusCode(Subject.PROTOCOL_FORMAT.number, Reason.MANDATORY_ELEMENT_MISSING.number)
_BUSY: Final = StatusCode(Subject.FUNCTION_PROVIDER.number, Reason.BUSY.number)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body, its type, further headers; and what the log says besides."""

    status: int
    body: bytes = b""
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""
    """How a function ended, or why there was none: for the log."""
    function: str = ""
    """Which function it was about, where the path did not say it."""
    identifier: str = ""
    """FunctionCallIdentifier, where one was read."""


class Refusal(M2mError):
    """A request that no function sees, with the HTTP status that says so."""

    def __init__(
        self,
        http: int,
        message: str,
        code: StatusCode = Code.REQUESTER_NOT_ALLOWED.pair,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.http = http
        self.message = message
        self.code = code
        self.headers = headers or {}
        super().__init__(message)

    @property
    def status(self) -> ExecutionStatus:
        """The same in a response."""
        return ExecutionStatus(Status.FAILED, self.code, message=self.message)


def busy(overload: Overloaded) -> Refusal:
    """Come back later."""
    headers = {"Retry-After": str(max(1, overload.retry_after))}
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(overload), _BUSY, headers)


def impostor() -> Refusal:
    """The message names another sender than the certificate."""
    message = "the message names another sender than the certificate"
    return Refusal(HTTPStatus.FORBIDDEN, message, Code.REQUESTER_UNKNOWN.pair)


def wrong_role() -> Refusal:
    """The certificate is good for other interfaces."""
    return Refusal(HTTPStatus.FORBIDDEN, Code.REQUESTER_NOT_ALLOWED.text)


def unreadable(status: int, message: str) -> Refusal:
    """A request that is no message."""
    return Refusal(status, message, _INVALID)


def malformed(found: DecodeError) -> Refusal:
    """A body that is no message of its type."""
    where = "/".join(found.path)
    message = f"{where}: {found.message}" if where else found.message
    # msgspec, which reads JSON, has one class of errors for all
    missing = isinstance(found, MissingError) or "missing required field" in found.message
    return Refusal(HTTPStatus.BAD_REQUEST, message, _MISSING if missing else _INVALID)


def response_of(function: Function, status: ExecutionStatus) -> Response:
    """The response of a function that only says how it ended."""
    assert function.response is not None
    return function.response(status=status)


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """One sentence."""
    return Answer(status, msgspec.json.encode({"error": message}), JSON, headers or {}, message)


def sentence(refusal: Refusal) -> Answer:
    """The same of a refusal."""
    return error(refusal.http, refusal.message, refusal.headers)
