# SPDX-License-Identifier: Apache-2.0
"""A profile package as it arrives in the data of SCP03t: its elements, and what the card says at the end (SAIP 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from apdu.errors import DecodeError
from apdu.profile.elements.element import decode_element
from apdu.profile.package import RawElement, Splitter
from apdu.profile.response import EuiccResponse, Status
from apdu.trace.events import FunctionEvent, Json, Layer
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.outcome import Found
from apdu.trace.unwrap.outline import outline

__all__ = ["Download"]

_READ: Final = "read"
_MALFORMED: Final = "malformed"


class Download:
    """One download into one ISD-P; an element is told when it is complete, and no longer kept."""

    __slots__ = ("_elements", "_isd_p", "_splitter")

    def __init__(self, isd_p: str) -> None:
        self._isd_p = isd_p
        self._splitter: Splitter | None = Splitter()
        self._elements = 0

    def take(self, time: float, data: bytes, answer: bytes) -> Iterator[FunctionEvent]:
        """One segment and the answer to it, both in clear."""
        if self._splitter is not None:
            try:
                for raw in self._splitter.feed(data):
                    yield self._element(time, raw)
            except DecodeError as error:
                self._splitter = None
                yield self._event(time, "package", {"reason": str(error)}, _MALFORMED)
        if answer:
            yield self._result(time, answer)

    def _element(self, time: float, raw: RawElement) -> FunctionEvent:
        self._elements += 1
        try:
            fields = outline(decode_element(raw.raw))
        except DecodeError as error:
            return self._event(time, raw.kind, {"offset": raw.offset, "reason": str(error)}, _MALFORMED)
        return self._event(time, raw.kind, {"offset": raw.offset, "length": len(raw.raw), **fields}, _READ)

    def _result(self, time: float, answer: bytes) -> FunctionEvent:
        fields: dict[str, Json] = {"elements": self._elements}
        try:
            response = EuiccResponse.from_tlv(answer)
        except DecodeError as error:
            return self._event(time, "installation", fields | {"reason": str(error)}, _MALFORMED)
        fields["statuses"] = tuple(map(str, response.statuses))
        if response.message:
            fields["message"] = response.message
        worst = next((each.status for each in response.statuses if each.status != Status.OK), Status.OK)
        outcome = "ok" if response.installed else f"refused: {Status.text(worst)}"
        return self._event(time, "installation", fields, outcome)

    def _event(self, time: float, name: str, fields: Mapping[str, Json], outcome: str) -> FunctionEvent:
        found = Found()
        if outcome == _MALFORMED:
            found.add(Rules.PROFILE, name)
        return FunctionEvent(
            time=time,
            layer=Layer.PROFILE,
            name=name,
            fields={"isd-p": self._isd_p, **fields},
            outcome=outcome,
            extra={"findings": found.rows} if found else {},
        )
