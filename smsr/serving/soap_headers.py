# SPDX-License-Identifier: Apache-2.0
"""WS-Addressing between servers: how messages are named, and to which call a message belongs (SGP.02 v4.2 annex B).

The transaction of a call is named like the call, by its FunctionCallIdentifier, so a callback finds the call whichever
of the two its sender copied: RelatesTo counts first, then TransactionId.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from apdu.errors import DecodeError
from smsr.kit.oid import Oid
from smsr.kit.soap.addressing import Addressing, MessageId

__all__ = ["SOAP", "new_id", "related_call"]

SOAP = "application/soap+xml"


def new_id(sender: Oid, now: datetime, transaction_id: str = "", context_id: str = "") -> MessageId:
    """The identifier of a new message."""
    return MessageId.create(sender, f"urn:uuid:{uuid4()}", now, transaction_id=transaction_id, context_id=context_id)


def related_call(addressing: Addressing) -> str:
    """The FunctionCallIdentifier of the call that a callback belongs to; empty when it does not say."""
    if addressing.relates_to:
        try:
            named = MessageId.parse(addressing.relates_to).transaction_id
        except DecodeError:
            named = ""
        if named:
            return named
    return addressing.message_id.transaction_id
