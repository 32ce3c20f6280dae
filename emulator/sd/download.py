# SPDX-License-Identifier: Apache-2.0
"""ES8.DownloadAndInstallation on the card: SCP03t with an ISD-P, and the profile package that comes through it.

SGP.02 v4.2 3.1.3 and 4.1.3.3, SAIP 8. The session lives in the card session: it ends with a new 84, an error, a
reset, the end of the ISD-P or of the selection that it came through. Segments are staged in memory as they come; PE-
End turns them into the profile in one transaction, and whatever ends the download before leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from apdu.channel.scp03t import ErrorCode, Scp03tError, Tag
from apdu.channel.scp03t_card import Authenticated, CardKeys, Data, KeysReplaced, Opened, Scp03tCard
from apdu.errors import DecodeError
from apdu.ids import Aid
from apdu.profile.package import Splitter
from apdu.profile.response import EuiccResponse, Status
from apdu.tlv.scan import ber, split
from apdu.trace.events import ChannelEvent, Layer, Side
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.profile.base import ProfileBase
from emulator.profile.interpreter import InstallError, Interpreter
from emulator.profile.policy import Policy
from emulator.sd.keyring import KeyRing
from emulator.sd.lifecycle import Event, next_state
from emulator.sd.registry import isd_p_prefix

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["Download", "receive_tlv"]

_ANSWER_LIMIT: Final = 239
"""Bytes of an EUICCResponse: what still fits one short response with its padding and MACs."""


def receive_tlv(channel: Channel, aid: Aid, tlv: bytes) -> bytes:
    """Take one SCP03t TLV for an ISD-P and return the answer TLV; a refusal is an answer too (9F4x)."""
    card = channel.card
    card.registry.require(aid)
    download = card.downloads.get(aid)
    if tlv[0] == Tag.INITIALIZE_UPDATE:
        if download is not None:
            download.discard()
        download = card.downloads[aid] = Download(channel, aid)
    elif download is None or download.channel is not channel:
        download = Download(channel, aid)  # no session here: it says so in the error's own form
    try:
        return download.receive(tlv)
    except Scp03tError as error:
        if card.downloads.get(aid) is download:
            download.discard()
        return error.tlv


class Download:
    """One SCP03t session with an ISD-P, and what has come of the package."""

    __slots__ = ("_card", "_interpreter", "_segments", "_session", "_splitter", "aid", "channel")

    def __init__(self, channel: Channel, aid: Aid) -> None:
        self.channel = channel
        self.aid = aid
        self._card: Card = channel.card
        self._session = Scp03tCard(aid, self._find_keys)
        registry = self._card.registry
        available = registry.available(registry.require(aid))
        self._splitter = Splitter()
        self._interpreter = Interpreter(Policy.of(lab=registry.card.lab), available)
        self._segments = 0

    def receive(self, tlv: bytes) -> bytes:
        """Take one TLV; Scp03tError when it is refused."""
        match self._session.receive(tlv):
            case Opened(answer=answer) | Authenticated(answer=answer) | KeysReplaced(answer=answer):
                return answer
            case Data(data=data):
                return self._data(tlv, data)

    def discard(self) -> None:
        """End the session and drop what was staged."""
        self._session.end()
        self._card.downloads.pop(self.aid, None)
        self._card.registry.drop_stage(self.aid)

    def _find_keys(self, kvn: int) -> CardKeys | None:
        """The key set for a session; an ISD-P that holds a profile already takes no second one (9F44 01 02)."""
        record = self._card.registry.require(self.aid)
        ring = KeyRing(self._card.memory, isd_p_prefix(self.aid))
        keys = ring.scp03(kvn)
        if keys is None:
            return None
        try:
            next_state(record.state, Event.BEGIN_DOWNLOAD)
            counter = ring.advance(keys.kvn)
        except CardError as refusal:
            raise Scp03tError(Tag.INITIALIZE_UPDATE, ErrorCode.SECURITY, str(refusal)) from None
        return CardKeys(keys, counter)

    def _data(self, tlv: bytes, data: bytes) -> bytes:
        """Stage a segment, interpret what it completes, and answer."""
        self._card.memory.put(self._card.registry.stage_key(self.aid, self._segments), data)
        self._segments += 1
        try:
            base = self._interpret(data)
        except InstallError as error:
            response = error.response(tuple(self._interpreter.warnings))
        else:
            if base is None:
                return self._answer(tlv, data, b"")
            self._install(base)
            response = EuiccResponse.success(tuple(self._interpreter.warnings))
        answer = self._answer(tlv, data, response.encode(_ANSWER_LIMIT))
        self.discard()
        return answer

    def _interpret(self, data: bytes) -> ProfileBase | None:
        """Interpret the elements that a segment completes; the base after PE-End."""
        try:
            elements = self._splitter.feed(data)
        except DecodeError as error:
            raise _malformed(str(error), error.offset) from None
        for element in elements:
            self._interpreter.element(element.raw, element.offset)
        if not self._interpreter.finished:
            return None
        if self._splitter.pending:
            raise _malformed("data after the end element", self._splitter.offset)
        return self._interpreter.base()

    def _answer(self, tlv: bytes, data: bytes, response: bytes) -> bytes:
        answer = self._session.respond(response)
        card = self._card
        if card.tracing:
            card.observer.event(
                ChannelEvent(
                    time=card.clock(),
                    layer=Layer.SCP03T,
                    side=Side.CARD,
                    protected=tlv,
                    plain=data,
                    response_protected=answer,
                    response_plain=response,
                    target=str(self.aid),
                )
            )
        return answer

    def _install(self, base: ProfileBase) -> None:
        """PE-End: the staged bytes become the profile, the ISD-P DISABLED; POL1 and connectivity take effect."""
        registry, memory = self._card.registry, self._card.memory
        record = registry.require(self.aid)
        state = next_state(record.state, Event.INSTALL_PROFILE)
        assert state is not None
        package = b"".join(memory.get(registry.stage_key(self.aid, n)) or b"" for n in range(self._segments))
        memory.put(f"{isd_p_prefix(self.aid)}/pkg", package)
        registry.save(
            replace(
                record,
                state=state,
                used=base.footprint,
                pol1=base.pol1,
                connectivity=_objects(base.connectivity),
            )
        )


def _malformed(reason: str, offset: int) -> InstallError:
    return InstallError(Status.INVALID_REQUEST_FORMAT, reason, identification=None, offset=offset)


def _objects(connectivity: bytes) -> tuple[bytes, ...]:
    """The TLVs of the header's connectivity parameters; what cannot be read is no reason to refuse the profile."""
    try:
        return tuple(ber(tag, value) for tag, value in split(connectivity) if value)
    except DecodeError:
        return ()
