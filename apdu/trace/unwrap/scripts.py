# SPDX-License-Identifier: Apache-2.0
"""Remote scripts that bearers carried: each command with its response, and the SCP03t inside (TS 102 226 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.ota.remote import Item, ResponseItem, ResponseTag, Tag, parse_response_script, read_script
from apdu.trace.events import ChannelEvent, Event, Layer
from apdu.trace.unwrap.domains import Domains, changes_keys
from apdu.trace.unwrap.outcome import Outcome
from apdu.trace.unwrap.personal import Personalisation
from apdu.trace.unwrap.seen import Protection, Seen, followed
from apdu.trace.unwrap.session import accepted

__all__ = ["RemoteScripts"]

_SCP03T: Final = frozenset((Tag.INITIALIZE_UPDATE, Tag.EXTERNAL_AUTHENTICATE, Tag.PROTECTED, Tag.REPLACE_KEYS))
_COMMANDS: Final = _SCP03T | {Tag.C_APDU, Tag.IMMEDIATE_ACTION, Tag.ERROR_ACTION}
_MAX_TARGETS: Final = 256
_NO_ANSWERS: Final = frozenset((ResponseTag.EXECUTED, ResponseTag.CHAINING))


class _Sent(NamedTuple):
    """A script that is not answered yet."""

    target: bytes
    script: bytes


class RemoteScripts:
    """What one bearer carried to one card."""

    __slots__ = ("_domains", "_layer", "_personal", "_sent")

    def __init__(self, layer: Layer, domains: Domains) -> None:
        self._layer = layer
        self._domains = domains
        self._personal: dict[bytes, Personalisation] = {}
        self._sent: _Sent | None = None

    def commands(self, target: bytes, script: bytes) -> None:
        """A script is on its way to an application."""
        self._sent = _Sent(target, script)

    def responses(self, script: bytes, seen: Seen, protection: Protection) -> Iterator[Event]:
        """Its answer came: the commands with their responses."""
        sent, self._sent = self._sent, None
        if sent is None:
            return
        try:
            answers = [each for each in parse_response_script(script).items if each.tag not in _NO_ANSWERS]
        except DecodeError:  # the message that carried it says so
            return
        items = [item for item in read_script(sent.script) if item.tag in _COMMANDS and item.bad is None]
        for item, answer in zip(items, answers, strict=False):  # a script ends at the first failure
            yield from map(followed, self._exchange(sent.target, item, answer, seen, protection))

    def _exchange(
        self, target: bytes, item: Item, answer: ResponseItem, seen: Seen, protection: Protection
    ) -> Iterator[Event]:
        if item.tag in _SCP03T:
            said = b"" if answer.tag == ResponseTag.BAD_FORMAT else answer.encode()
            yield from self._inner(self._domains.exchange(target, item.encode(), said), seen)
        elif item.tag == Tag.C_APDU and answer.tag == ResponseTag.R_APDU:
            yield ChannelEvent(
                time=seen.time,
                layer=self._layer,
                side=seen.side,
                target=target.hex().upper(),
                protected=b"",
                plain=item.value,
                response_plain=answer.value,
                extra={"verified": protection.verified, **({"why": protection.why} if protection.why else {})},
            )
            yield from self._inner(self._carried(target, item.value, answer.value), seen)

    def _carried(self, target: bytes, raw: bytes, response: bytes) -> Outcome | None:
        """The SCP03t that STORE DATA hands on."""
        try:
            command = CommandApdu.parse(raw)
        except DecodeError:
            return None
        done = accepted(response)
        if done and changes_keys(command, hidden=False):
            self._domains.forget_counters()
        if target not in self._personal and len(self._personal) >= _MAX_TARGETS:
            del self._personal[next(iter(self._personal))]
        personal = self._personal.setdefault(target, Personalisation())
        carried = personal.take(target, command, response, done)
        return None if carried is None else self._domains.exchange(carried.target, carried.tlv, carried.answer)

    def _inner(self, outcome: Outcome | None, seen: Seen) -> Iterator[Event]:
        if outcome is not None:
            event = outcome.event(seen.time, seen.side)
            yield event
            yield from self._domains.elements(seen.time, event)
