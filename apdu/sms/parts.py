# SPDX-License-Identifier: Apache-2.0
"""Long messages: cut into parts, and put together again in whatever order the parts come (TS 23.040 9.2.3.24.1)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from apdu.errors import EncodeError
from apdu.sms.coding import Alphabet, alphabet_of
from apdu.sms.userdata import MAX_BYTES, Concatenation, Element, UserData

__all__ = ["MAX_SETS", "Reassembly", "split_message"]

MAX_SETS: Final = 5
"""Messages of which some parts are still missing (D); the oldest is given up for another."""
_ESCAPE: Final = 0x1B
_MAX_PARTS: Final = 255


def _room(elements: tuple[Element, ...], alphabet: Alphabet) -> int:
    """Payload bytes, or septets, beside a header."""
    header = len(UserData(b"", elements).header())
    if alphabet is Alphabet.GSM:
        return (MAX_BYTES - header) * 8 // 7
    room = MAX_BYTES - header
    return room - room % 2 if alphabet is Alphabet.UCS2 else room


def split_message(message: UserData, dcs: int, reference: int, *, wide: bool = False) -> tuple[UserData, ...]:
    """The message itself where it fits, otherwise parts of which the first has its header elements."""
    alphabet = alphabet_of(dcs)
    payload = message.payload
    if len(payload) <= _room(message.elements, alphabet):
        return (message,)
    pieces: list[bytes] = []
    blank = Concatenation(0, 1, 1, wide).element()
    at = 0
    while at < len(payload):
        elements = (blank,) if pieces else (blank, *message.elements)
        end = at + max(_room(elements, alphabet), 0)
        if alphabet is Alphabet.GSM and end < len(payload) and payload[end - 1] == _ESCAPE:
            end -= 1  # an escape and its character stay together
        if end <= at or len(pieces) == _MAX_PARTS:
            raise EncodeError("a message of more than 255 parts, or with a header that fills a part")
        pieces.append(payload[at:end])
        at = end
    parts: list[UserData] = []
    for number, piece in enumerate(pieces, 1):
        element = Concatenation(reference, len(pieces), number, wide).element()
        parts.append(UserData(piece, (element, *message.elements) if number == 1 else (element,)))
    return tuple(parts)


class Reassembly:
    """Parts that wait for the others of their message."""

    __slots__ = ("_sets",)

    def __init__(self) -> None:
        self._sets: dict[Hashable, dict[int, UserData]] = {}

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, sender: Hashable, part: UserData) -> UserData | None:
        """The whole message when this part completes it; one that is alone is whole, a known part is ignored."""
        place = part.concatenation
        if place is None:
            return part
        key = (sender, place.reference, place.total, place.wide)
        known = self._sets.setdefault(key, {})
        known.setdefault(place.number, part)
        if len(known) == place.total:
            del self._sets[key]
            return _join([known[number] for number in sorted(known)])
        while len(self._sets) > MAX_SETS:
            del self._sets[next(iter(self._sets))]
        return None


def _join(parts: list[UserData]) -> UserData:
    own = tuple(part.concatenation for part in parts)
    elements: list[Element] = []
    for part, place in zip(parts, own, strict=True):
        said = None if place is None else place.element()
        elements.extend(element for element in part.elements if element != said and element not in elements)
    return UserData(b"".join(part.payload for part in parts), tuple(elements))
