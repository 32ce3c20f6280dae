# SPDX-License-Identifier: Apache-2.0
"""An operation as JSON, to be looked at and polled: servers write it, clients read it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from apdu.errors import DecodeError
from smsr.api.functions import Function
from smsr.api.json_codec import decode, demand_single_members, encode
from smsr.kit.oid import Oid
from smsr.serving.service import Operation, OperationState

__all__ = ["decode_operation", "encode_operation"]


class _Body(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: str
    function: str
    function_call_identifier: str
    state: OperationState
    accepted: datetime
    deadline: datetime | None = None
    response: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Body)


def encode_operation(found: Operation) -> bytes:
    """The document."""
    body = _Body(
        id=found.id,
        function=str(found.function),
        function_call_identifier=found.identifier,
        state=found.state,
        accepted=found.accepted,
        deadline=found.deadline,
        response=msgspec.Raw(encode(found.response)) if found.response is not None else msgspec.UNSET,
    )
    return _ENCODER.encode(body)


def decode_operation(data: bytes, function: Function, requester: Oid) -> Operation:
    """Read the document of an operation of this function; DecodeError."""
    try:
        body = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"no operation: {error}") from None
    demand_single_members(data)
    if body.function != str(function) or function.response is None:
        raise DecodeError(f"an operation of {body.function[:40]}, not of {function}")
    return Operation(
        id=body.id,
        function=function,
        requester=requester,
        identifier=body.function_call_identifier,
        state=body.state,
        accepted=body.accepted,
        deadline=body.deadline,
        response=decode(function.response, bytes(body.response)) if isinstance(body.response, msgspec.Raw) else None,
    )
