# SPDX-License-Identifier: Apache-2.0
"""WS-Addressing 1.0 headers as SGP.02 fills them: entities and identifiers travel as queries of addresses (annex B).

`From` is the sender's URL with `EntityId` and `EntityName`, `To` the receiver's with `EntityId`, `MessageID` is
`//<sender>/<unique>` with `TransactionId`, `ContextId` and `MessageDate`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote

from apdu.errors import DecodeError
from smsr.kit.oid import Oid
from smsr.kit.soap.declare import OPTIONAL, ElementType, Field, Record, Simple, nested, wrapped
from smsr.kit.soap.simple import DATE_TIME, string
from smsr.kit.soap.writer import Namespace

__all__ = ["ADDRESSING", "HEADERS", "WSA", "Addressing", "Endpoint", "MessageId"]

WSA: Final = Namespace("http://www.w3.org/2005/08/addressing", "wsa")
_URI: Final = re.compile(r"[!-;=?-~]{1,2048}")  # printable ASCII but blank, < and >


def _uri(text: str) -> str:
    if not _URI.fullmatch(text):
        raise DecodeError(f"{text[:40]!r} is no URI")
    return text


def _query(text: str) -> tuple[str, Mapping[str, str]]:
    """A URI without its query, and the query."""
    address, _, query = _uri(text).partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=16)
    except ValueError:
        raise DecodeError(f"the query of {text[:60]!r} cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DecodeError(f"the query of {text[:60]!r} has a parameter twice")
    return address, found


def _with_query(address: str, **parameters: str) -> str:
    query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in parameters.items() if value)
    return f"{address}?{query}" if query else address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: where it is, and which entity it is."""

    url: str
    entity_id: Oid | None = None
    entity_name: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read an address with its query; parameters of no meaning here are dropped."""
        url, query = _query(text)
        entity = query.get("EntityId")
        return cls(url, Oid(entity) if entity else None, query.get("EntityName", ""))

    def __str__(self) -> str:
        return _with_query(self.url, EntityId=self.entity_id or "", EntityName=self.entity_name)


@dataclass(frozen=True, slots=True)
class MessageId:
    """The identifier of a message: one text, which also says to which transaction it belongs."""

    text: str
    transaction_id: str = ""
    context_id: str = ""
    date: datetime | None = None

    @classmethod
    def create(
        cls, sender: Oid, unique: str, date: datetime, *, transaction_id: str = "", context_id: str = ""
    ) -> MessageId:
        """The identifier of a new message; `unique` is never used twice by this sender."""
        stamp = DATE_TIME.text(date)
        text = _with_query(
            f"//{sender}/{unique}", TransactionId=transaction_id, ContextId=context_id, MessageDate=stamp
        )
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> MessageId:
        """Read one: any URI is an identifier, a query says more."""
        _, query = _query(text)
        date = query.get("MessageDate")
        return cls(
            text,
            query.get("TransactionId", ""),
            query.get("ContextId", ""),
            DATE_TIME.parse(date) if date else None,
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """The headers of a message."""

    sender: Endpoint
    receiver: Endpoint
    message_id: MessageId
    action: str = ""
    """Given by the function when a message is built."""
    relates_to: str = ""
    """MessageID of the request, on responses and callbacks."""
    reply_to: str = ""
    """Where the callback goes; empty: to the sender's address."""


def _address(type: ElementType) -> Record[object]:
    return wrapped(Field("Address", "", type), WSA)


_ENDPOINT: Final = Simple(Endpoint.parse)
_PLAIN: Final = Simple(_uri)
ADDRESSING: Final = Record(
    nested(Addressing),
    (
        Field("From", "sender", _address(_ENDPOINT)),
        Field("To", "receiver", _ENDPOINT),
        Field("ReplyTo", "reply_to", _address(_PLAIN), OPTIONAL, ""),
        Field("MessageID", "message_id", Simple(MessageId.parse)),
        Field("Action", "action", string(2048)),
        Field("RelatesTo", "relates_to", _PLAIN, OPTIONAL, ""),
    ),
    WSA,
)
HEADERS: Final = {field.name: field for field in ADDRESSING.fields if isinstance(field, Field)}
"""By name, since headers come in any order."""
