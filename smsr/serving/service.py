# SPDX-License-Identifier: Apache-2.0
"""What the bindings ask of a server: calls in, operations to look at, callbacks and notifications taken.

A binding has checked who calls (mutual TLS) and read a typed message before it comes here; it writes back what it gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol

from apdu.errors import M2mError
from smsr.api.functions import Function
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.kit.oid import Oid

__all__ = ["Binding", "Operation", "OperationState", "Overloaded", "ReplyTo", "Service"]


@unique
class Binding(StrEnum):
    """How messages travel."""

    JSON = "json"
    SOAP = "soap"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Where the callback of an asynchronous function goes, and what it relates to."""

    binding: Binding
    url: str = ""
    """Empty: the requester looks at the operation itself, or has a callback address in the configuration."""
    message_id: str = ""
    transaction_id: str = ""
    context_id: str = ""


@unique
class OperationState(StrEnum):
    """How far an asynchronous function is."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An asynchronous function that was accepted."""

    id: str
    function: Function
    requester: Oid
    identifier: str
    """FunctionCallIdentifier."""
    state: OperationState
    accepted: datetime
    deadline: datetime | None = None
    response: Response | None = None
    """When it is done."""


class Overloaded(M2mError):
    """There is no room for another call; try again after some seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Service(Protocol):
    """A server as its bindings see it. All calls may block for as long as the database takes, never for a card."""

    @property
    def oid(self) -> Oid:
        """Who it is."""
        ...

    @property
    def functions(self) -> Sequence[Function]:
        """The functions that it answers."""
        ...

    def call(self, function: Function, request: Request, reply: ReplyTo | None = None) -> Response | Operation:
        """Do a synchronous function, or accept an asynchronous one; Overloaded. The same call again has one effect."""
        ...

    def operation(self, requester: Oid, id: str) -> Operation | None:
        """An operation of this requester."""
        ...

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """Take a notification; when this returns it is kept."""
        ...

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """Take a callback; when this returns it is kept. One that nobody waits for is taken, too."""
        ...
