# SPDX-License-Identifier: Apache-2.0
"""Steps that the scripts of both servers are made of: send commands, and go on only with the answers that fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW, is_success
from apdu.errors import RemoteProtocolError, StatusError
from apdu.ids import Aid
from apdu.script import ApduScript, Batch

__all__ = ["all_answers", "confirm", "expect", "send"]

R = TypeVar("R")

CONFIRMATION = b"\x00"
"""Response data of INSTALL and DELETE: no confirmation follows (GPCS 11.5.3.1)."""


def all_answers(responses: Sequence[R], count: int, function: str) -> Sequence[R]:
    """The answers, one for each command; an error where the card stopped in between."""
    if len(responses) != count:
        raise RemoteProtocolError(f"{function}: {len(responses)} answers to {count} commands")
    return responses


def expect(response: ResponseApdu, function: str) -> bytes:
    """The data of a successful response; StatusError for any other."""
    if not is_success(response.sw):
        raise StatusError(function, response.sw)
    return response.data


def confirm(response: ResponseApdu, function: str) -> None:
    """Accept what a card says when it has nothing to say: nothing, or the byte 00."""
    data = expect(response, function)
    if data not in (b"", CONFIRMATION):
        raise RemoteProtocolError(f"{function}: {len(data)} bytes of unexpected response data")


def send(target: Aid, commands: tuple[CommandApdu, ...], function: str) -> ApduScript[Sequence[ResponseApdu]]:
    """Send one batch; its answers, of which only the last may be an error."""
    responses = yield Batch(target, commands)
    for response in responses[:-1]:
        if not is_success(response.sw) and response.sw != SW.MORE_DATA:
            raise StatusError(function, response.sw)
    if len(responses) < len(commands) and responses:
        expect(responses[-1], function)
    return all_answers(responses, len(commands), function)
