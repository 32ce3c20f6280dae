# SPDX-License-Identifier: Apache-2.0
"""Where key material and PINs lie in commands and responses, found from their structure.

Everything here fails closed: what is cut, stretched or unknown inside a command that carries secrets is hidden.
Offsets count from the start of the APDU.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from apdu.command.cla import CLASSES, PROPRIETARY
from apdu.tlv.scan import MAX_NODES

__all__ = [
    "INS_AUTHENTICATE",
    "DgiStream",
    "Header",
    "Span",
    "answer_spans",
    "find_all",
    "header",
    "pin_spans",
    "put_key_spans",
    "rest",
]

Span = tuple[int, int]
"""Offset and length."""

INS_AUTHENTICATE: Final = 0x88
_INS_GET_RESPONSE: Final = 0xC0
_INS_PUT_KEY: Final = 0xD8
_INS_STORE_DATA: Final = 0xE2
_PIN_COMMANDS: Final = frozenset((0x20, 0x24, 0x26, 0x28, 0x2C))
"""VERIFY, CHANGE REFERENCE DATA, DISABLE, ENABLE, RESET RETRY COUNTER (UNBLOCK)."""
_GSM_CLASS: Final = 0xA0


class Header(NamedTuple):
    """What redaction needs to know of a command, also of one that is not well formed."""

    cla: int
    ins: int
    p1: int
    p2: int
    body: int
    """Where the data field starts; the size of the command when there is none."""
    end: int
    """Where it ends; where its length says something else than the command's size, the end of the command."""
    proprietary: bool
    secure: bool
    channel: int

    @property
    def is_get_response(self) -> bool:
        """GET RESPONSE: what comes belongs to the command before."""
        return self.ins == _INS_GET_RESPONSE

    @property
    def stores_data(self) -> bool:
        """STORE DATA, and not APPEND RECORD of the interindustry class."""
        return self.proprietary and self.ins == _INS_STORE_DATA

    @property
    def puts_keys(self) -> bool:
        """PUT KEY."""
        return self.proprietary and self.ins == _INS_PUT_KEY


def header(command: bytes) -> Header | None:
    """The header of a command; None when not even that is there."""
    if len(command) < 4:
        return None
    size = len(command)
    if size > 7 and command[4] == 0:
        body = 7  # extended length
        end = body + (command[5] << 8 | command[6])
        le = 2
    else:
        body = min(5, size)
        end = body + command[4] if size > 5 else size
        le = 1
    known = CLASSES[command[0]]
    proprietary = command[0] >= 0x80 if known is None else known.kind == PROPRIETARY
    secure = known is not None and known.secure
    channel = -1 if known is None else known.channel
    return Header(
        cla=command[0],
        ins=command[1],
        p1=command[2],
        p2=command[3],
        body=body,
        end=end if end in (size, size - le) else size,
        proprietary=proprietary,
        secure=secure,
        channel=channel,
    )


def rest(start: int, size: int) -> list[Span]:
    """The one span from an offset to the end, if there is anything."""
    return [(start, size - start)] if start < size else []


def pin_spans(head: Header, size: int) -> list[Span]:
    """The whole data field of a command that carries PINs, whatever its class and protection."""
    return rest(head.body, size) if head.ins in _PIN_COMMANDS else []


def put_key_spans(head: Header, size: int) -> list[Span]:
    """All of PUT KEY behind the new key version number: key blocks are hidden whether or not a DEK protects them."""
    return rest(head.body + 1, size)


def answer_spans(origin: Header, data: bytes, *, first: bool) -> list[Span]:
    """CK, IK and Kc in the answer to AUTHENTICATE; `first` is false for what follows the first piece."""
    if origin.ins != INS_AUTHENTICATE or not data:
        return []
    if not first:
        return rest(0, len(data))
    if origin.cla == _GSM_CLASS:  # RUN GSM ALGORITHM: SRES || Kc (TS 51.011 9.2.16)
        return rest(4, len(data))
    if data[0] == 0xDC and len(data) == 16:
        return []
    if data[0] == 0xDB and len(data) > 2 and data[1] <= 16:  # RES crosses the air
        return rest(2 + data[1], len(data))
    if data[0] == 0x04:
        return rest(5, len(data))
    return rest(0, len(data))


def find_all(data: bytes, secret: bytes) -> Iterable[Span]:
    """Every place of a value, overlapping ones too."""
    at = data.find(secret)
    while at >= 0:
        yield at, len(secret)
        at = data.find(secret, at + 1)


def _is_secret_dgi(tag: int) -> bool:
    """DGIs 8000 to 8FFF carry secret data: 8113 a symmetric, 8137 a private key (GPCS 11.11)."""
    return tag >> 12 == 0x8


class DgiStream:
    """Walks the data groupings of one chain of STORE DATA blocks; a grouping may straddle them (GPCS 11.11.3.2)."""

    __slots__ = ("_head", "_left", "_nodes", "_secret")

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        self._secret = False
        self._nodes = 0

    @property
    def inside_secret(self) -> bool:
        """Whether the next block starts inside a secret value."""
        return self._secret and self._left > 0

    @property
    def between(self) -> bool:
        """Whether the last block ended with a data grouping."""
        return not self._left and not self._head

    def feed(self, block: bytes) -> list[Span]:
        """Spans of secret values in the next block, counted from its start."""
        spans: list[Span] = []
        at = 0
        while at < len(block):
            if self._left:
                size = min(self._left, len(block) - at)
                if self._secret:
                    spans.append((at, size))
                self._left -= size
                at += size
                continue
            self._head.append(block[at])
            at += 1
            self._take_header()
            if self._nodes > MAX_NODES:
                return [(0, len(block))]
        return spans

    def _take_header(self) -> None:
        """Two bytes of tag, length in one byte or FF and two bytes."""
        head = self._head
        if len(head) < 3 or (head[2] == 0xFF and len(head) < 5):
            return
        self._left = head[2] if len(head) == 3 else head[3] << 8 | head[4]
        self._secret = _is_secret_dgi(head[0] << 8 | head[1])
        self._nodes += 1
        head.clear()
