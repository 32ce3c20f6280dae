# SPDX-License-Identifier: Apache-2.0
"""Response chaining on the host's side: 61xx is followed by GET RESPONSE, 6Cxx by the same command with the right Le.

ISO 7816-4 5.3.4, TS 102 221 7.3.1.1, GPCS 11.1.5.2.
"""

from __future__ import annotations

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import RemoteProtocolError
from apdu.transport import CardTransport

__all__ = ["INS_GET_RESPONSE", "exchange"]

INS_GET_RESPONSE = 0xC0
_MAX_ROUNDS = 300
"""65536 bytes in pieces of 256, and some: a card that goes on for longer is broken."""


def _get_response_class(cla: int) -> int:
    """GET RESPONSE goes to the same logical channel, without secure messaging and in the interindustry class."""
    return 0x40 | (cla & 0x0F) if cla & 0x40 else cla & 0x03


def exchange(transport: CardTransport, command: CommandApdu) -> ResponseApdu:
    """Send a command and collect its whole response; RemoteProtocolError when the card never comes to an end."""
    response = ResponseApdu.parse(transport.transmit(command.encode()))
    if response.sw >> 8 == 0x6C and not response.data:
        command = command._replace(le=response.sw & 0xFF or 256)
        response = ResponseApdu.parse(transport.transmit(command.encode()))
    if response.sw >> 8 != 0x61:
        return response
    data = bytearray(response.data)
    cla = _get_response_class(command.cla)
    for _ in range(_MAX_ROUNDS):
        waiting = response.sw & 0xFF or 256
        raw = transport.transmit(CommandApdu(cla, INS_GET_RESPONSE, 0, 0, le=waiting).encode())
        response = ResponseApdu.parse(raw)
        if response.sw >> 8 == 0x6C and not response.data:
            continue_with = response.sw & 0xFF or 256
            raw = transport.transmit(CommandApdu(cla, INS_GET_RESPONSE, 0, 0, le=continue_with).encode())
            response = ResponseApdu.parse(raw)
        data += response.data
        if response.sw >> 8 != 0x61:
            return ResponseApdu(bytes(data), response.sw)
    raise RemoteProtocolError("the card announces more response data without end")
