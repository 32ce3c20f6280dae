# SPDX-License-Identifier: Apache-2.0
"""Scripts in the expanded remote format, carried out for a security domain (TS 102 226 5.2, SGP.02 v4.2 annex K).

Who sent a script was verified before it comes here. Commands run one after the other, each a transaction of its own, up
to the first that fails or that cannot be read. A script that is not chained starts afresh; what one part of a chain of
scripts began (a certificate that was received, a random challenge) is there for the next part. An SCP03t session is the
ISD-P's own and goes on from script to script until it ends by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from apdu.channel.scp03t import ErrorCode
from apdu.errors import DecodeError
from apdu.ids import Aid
from apdu.ota.remote import (
    Chaining,
    ChainingError,
    ImmediateAction,
    Item,
    ResponseItem,
    ResponseTag,
    Tag,
    build_response_script,
    is_indefinite,
    read_script,
)
from apdu.tlv.scan import read_header
from emulator.channels import Application, Authority, Channel
from emulator.dispatch import execute
from emulator.errors import CardError

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["RemoteScripts", "Target"]

_NUMBER: Final = -1
"""A channel over the air has no number that a terminal could name."""
_GOES_ON: Final = (0x90, 0x91, 0x61, 0x62, 0x63)
"""SW1 of answers after which the rest of a script is carried out."""
_SCP03T: Final = frozenset((Tag.INITIALIZE_UPDATE, Tag.EXTERNAL_AUTHENTICATE, Tag.PROTECTED, Tag.REPLACE_KEYS))
_ERROR: Final = 0x9F40
"""Tag of an error of SCP03t, with the low half of the command's tag."""
_EARLY_RESPONSE: Final = Item(Tag.IMMEDIATE_ACTION, bytes((ImmediateAction.EARLY_RESPONSE,)))
"""(K) What comes after it is carried out and not answered; the answer counts the TLVs up to it (TS 102 226 5.2.1.2)."""
_TAKEN: Final = (
    Item(Tag.IMMEDIATE_ACTION, bytes((ImmediateAction.PROACTIVE_SESSION,))),  # no other session runs beside a script
    _EARLY_RESPONSE,
    Item(Tag.ERROR_ACTION, b""),  # none is to be taken
)
_MORE: Final = frozenset((Chaining.MORE, Chaining.LAST))
_OPEN: Final = frozenset((Chaining.FIRST, Chaining.MORE))


class Target(Protocol):
    """A security domain that takes scripts; `authority` is None where its commands need a session of their own."""

    @property
    def application(self) -> Application:
        """Whose commands are carried out."""
        ...

    @property
    def authority(self) -> Authority | None:
        """In whose name."""
        ...


class _Context:
    """What a target keeps from one script to the next in a card session."""

    __slots__ = ("chained", "channel")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.chained = False
        """A chain of scripts is under way."""


class RemoteScripts:
    """Carries out scripts in one card session; a reset forgets it."""

    __slots__ = ("_card", "_contexts")

    def __init__(self, card: Card) -> None:
        self._card = card
        self._contexts: dict[Aid, _Context] = {}

    def run(self, target: Target, script: bytes) -> bytes:
        """Carry out a script; the response script."""
        context = self._context(target)
        items: list[ResponseItem] = []
        executed = 0
        chained = False
        early: int | None = None
        for number, item in enumerate(read_script(script)):
            if item.tag == Tag.CHAINING and item.bad is None:
                refusal = self._chain(context, number, item)
                if refusal is not None:
                    items.append(ResponseItem(ResponseTag.CHAINING, bytes((refusal,))))
                    break
                chained = item.value[0] in _OPEN
                continue
            if number == 0:
                self._begin(context)
            answer = self._carry_out(context, item)
            if item.bad is None:
                executed += 1
            if item == _EARLY_RESPONSE and early is None:
                early = executed
            if answer is None:
                continue
            if early is None:
                items.append(answer)
            if _ends(answer):
                break
        context.chained = chained
        if not chained:
            self._begin(context)
        told = executed if early is None else early
        return build_response_script(told, items, indefinite=is_indefinite(script))

    def forget(self, aid: Aid) -> None:
        """A target is gone: nothing of what it kept is there for one that comes under the same AID."""
        context = self._contexts.pop(aid, None)
        if context is not None:
            context.channel.leave_application()

    # ---

    def _context(self, target: Target) -> _Context:
        aid = target.application.aid
        context = self._contexts.get(aid)
        if context is None:
            channel = Channel(self._card, _NUMBER)
            channel.select_application(target.application)
            context = self._contexts[aid] = _Context(channel)
        context.channel.authority = target.authority
        return context

    @staticmethod
    def _begin(context: _Context) -> None:
        """Forget what an earlier script left; sessions with an ISD-P are its own."""
        context.chained = False
        context.channel.store = None
        context.channel.transient = {}

    def _chain(self, context: _Context, number: int, item: Item) -> ChainingError | None:
        """Place a script in its chain; why it cannot be carried out."""
        if number or len(item.value) != 1:
            return ChainingError.UNABLE
        place = item.value[0]
        if place == Chaining.FIRST_KEPT:  # the context would have to outlive a reset
            return ChainingError.NOT_SUPPORTED
        if place in _MORE:
            return None if context.chained else ChainingError.NO_PREVIOUS
        if place != Chaining.FIRST:
            return ChainingError.UNABLE
        self._begin(context)
        return None

    def _carry_out(self, context: _Context, item: Item) -> ResponseItem | None:
        """What a TLV of a script answers; an action that is taken answers nothing."""
        if item.bad is not None:
            return ResponseItem(ResponseTag.BAD_FORMAT, bytes((item.bad,)))
        if item.tag == Tag.C_APDU:
            return ResponseItem(ResponseTag.R_APDU, execute(context.channel, item.value))
        application = context.channel.application
        if item.tag in _SCP03T and application is not None and application.aid.is_isd_p:
            return self._scp03t(context.channel, application.aid, item)
        if item in _TAKEN:
            return None
        # (D) Other actions name a record of EF_RMA, which cards of this kind do not have.
        return ResponseItem(ResponseTag.BAD_FORMAT, b"\x01")

    def _scp03t(self, channel: Channel, aid: Aid, item: Item) -> ResponseItem:
        """A TLV of SCP03t: its own answer, tag and all; what it wrote is committed like a command's."""
        from emulator.sd.download import receive_tlv  # with the interpreter: 0.1 s that only a download needs

        memory = self._card.memory
        try:
            answer = receive_tlv(channel, aid, item.encode())
        except CardError:  # the ISD-P is gone
            memory.rollback()
            return ResponseItem(_ERROR | item.tag & 0x0F, bytes((ErrorCode.NOT_FOUND,)))
        if memory.dirty:
            memory.commit()
        try:
            tag, start, end = read_header(answer, 0, len(answer))
        except DecodeError:  # the answers of a card of ours are TLVs
            return ResponseItem(ResponseTag.BAD_FORMAT, b"\x01")
        return ResponseItem(tag, answer[start:end])


def _ends(answer: ResponseItem) -> bool:
    """Whether a script ends with this answer: a command failed, or something could not be read."""
    if answer.tag == ResponseTag.R_APDU:
        return answer.value[-2] not in _GOES_ON
    return answer.tag == ResponseTag.BAD_FORMAT or answer.tag >> 8 == 0x9F
