# SPDX-License-Identifier: Apache-2.0
"""The reader bearer: ES5 and ES8 through a card reader, for lab cards (their ISD-R holds an SCP03 key set).

Not part of SGP.02, which knows no way from the terminal to the ISD-R. Each command goes through an SCP03 session at
level 33 with the ISD-R. Each SCP03t TLV becomes INSTALL [for personalization] and a chain of STORE DATA whose last
block answers with the ISD-P's TLV; INSTALL is repeated for every TLV, because the last block of a chain ends the
forwarding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_host import HostState, Scp03Host
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.command.status import SW
from apdu.errors import EncodeError, LocalProtocolError, M2mError, StatusError
from apdu.gp.codes import Ins
from apdu.gp.install import InstallForPersonalization
from apdu.gp.store_data import MAX_BLOCK_SCP03, StoreDataMode, Structure, store_data
from apdu.ids import ISD_R, Aid
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet
from apdu.script import ApduScript, Batch, Done, ProfileScript, Run
from apdu.trace.events import ChannelEvent, FunctionEvent, Layer, Side
from apdu.trace.observer import IGNORE, Clock, Observer
from apdu.transport import CardTransport
from smsr.bearers.bearer import SessionLost
from smsr.kit.steps import confirm, expect

__all__ = ["ReaderBearer"]

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")

_CHALLENGE: Final = 8
_LOST: Final = frozenset(
    (
        SW.SECURITY_STATUS,
        SW.SM_OBJECTS_MISSING,
        SW.SM_OBJECTS_INCORRECT,
        SW.SECURE_MESSAGING_NOT_SUPPORTED,
        SW.CHANNEL_NOT_SUPPORTED,
        SW.INS_NOT_SUPPORTED,
        SW.CLA_NOT_SUPPORTED,
    )
)
"""Answers to a protected command that mean that the card does not share the session: it was reset, or something else
is selected. The card carried out nothing."""
_GOES_ON: Final = (0x90, 0x91, 0x61, 0x62, 0x63)
"""SW1 of answers after which the rest of a batch is sent."""
_TLV: Final = StoreDataMode(Structure.BER_TLV, response=True)
_SELECT_ISD_R: Final = CommandApdu(0x00, Ins.SELECT, 0x04, 0x00, ISD_R, 256)
_ERROR_TAGS: Final = (b"\x9f", b"\x90")
"""How answers begin that end a batch of SCP03t TLVs: 9F44 to 9F47, and 90 for what was no command."""


class ReaderBearer:
    """One card behind a transport. A session is opened when it is needed and kept until reset or loss."""

    def __init__(
        self,
        transport: CardTransport,
        keys: KeySet,
        *,
        entropy: Entropy,
        clock: Clock,
        reset: Callable[[], object] | None = None,
        observer: Observer = IGNORE,
    ) -> None:
        self._transport = transport
        self._keys = keys
        self._entropy = entropy
        self._clock = clock
        self._reset = reset
        self._observer = observer
        self._session: Scp03Host | None = None
        self.proactive = 0
        """Length of the proactive command that the card announced last (91xx), 0 for none."""

    # --- running scripts

    def run(self, script: ApduScript[T], name: str = "") -> T:
        """Run a script of commands for the ISD-R."""
        return self._run(Run(script), self._send_commands, name)

    def run_profile(self, script: ProfileScript[T], name: str = "") -> T:
        """Run a script of SCP03t TLVs for an ISD-P."""
        return self._run(Run(script), self._send_tlvs, name)

    def reset(self) -> None:
        """Reset the card: the session is gone with it."""
        if self._reset is None:
            raise LocalProtocolError("this transport cannot reset its card")
        self._session = None
        self.proactive = 0
        self._reset()

    def _run(self, run: Run[C, R, T], send: Callable[[Batch[C]], Sequence[R]], name: str) -> T:
        self._report(name, "")
        try:
            step = run.start()
            while not isinstance(step, Done):
                step = run.feed(send(step))
        except M2mError as error:
            self._report(name, str(error))
            raise
        finally:
            run.close()
        self._report(name, "ok")
        return step.result

    # --- batches

    def _send_commands(self, batch: Batch[CommandApdu]) -> list[ResponseApdu]:
        if batch.target != ISD_R:
            raise LocalProtocolError(f"the reader bearer reaches the ISD-R, not {batch.target}")
        responses: list[ResponseApdu] = []
        for command in batch.commands:
            response = self._protected(command)
            responses.append(response)
            if response.sw >> 8 not in _GOES_ON:
                break
        return responses

    def _send_tlvs(self, batch: Batch[bytes]) -> list[bytes]:
        answers: list[bytes] = []
        for tlv in batch.commands:
            answer = self._send_tlv(batch.target, tlv)
            answers.append(answer)
            if answer.startswith(_ERROR_TAGS):
                break
        return answers

    def _send_tlv(self, target: Aid, tlv: bytes) -> bytes:
        install = InstallForPersonalization(application=target).command()
        confirm(self._protected(install), "INSTALL [for personalization]")
        answer = b""
        for block in store_data(tlv, _TLV, size=MAX_BLOCK_SCP03):
            answer = expect(self._protected(block), f"STORE DATA block {block.p2:02X} of an SCP03t TLV")
        return answer

    # --- the secure session

    def _protected(self, command: CommandApdu) -> ResponseApdu:
        """Send one command in the session; every answer carries an R-MAC, so every command asks for data."""
        if len(command.data) > MAX_BLOCK_SCP03:
            raise EncodeError(f"{len(command.data)} bytes do not fit a protected command of {MAX_BLOCK_SCP03}")
        session = self._open()
        wrapped = session.wrap(command if command.le else command._replace(le=256))
        answer = exchange(self._transport, wrapped)
        if answer.sw in _LOST:
            self._session = None
            raise SessionLost(answer.sw)
        response = session.unwrap(answer)
        if response.sw >> 8 == 0x91:
            self.proactive = response.sw & 0xFF or 256
        if self._observer is not IGNORE:
            self._observer.event(
                ChannelEvent(
                    time=self._clock(),
                    layer=Layer.SCP03,
                    side=Side.READER,
                    protected=wrapped.encode(),
                    plain=command.encode(),
                    response_protected=answer.encode(),
                    response_plain=response.encode(),
                    target=str(ISD_R),
                )
            )
        return response

    def _open(self) -> Scp03Host:
        session = self._session
        if session is not None and session.state is HostState.OPEN:
            return session
        self._session = None
        expect(exchange(self._transport, _SELECT_ISD_R), "SELECT ISD-R")
        session = Scp03Host(self._keys, SecurityLevel.ALL, self._entropy.draw(_CHALLENGE), ISD_R)
        answer = exchange(self._transport, session.initialize_update())
        if answer.sw == SW.REFERENCED_DATA_NOT_FOUND:
            raise StatusError("INITIALIZE UPDATE: the ISD-R holds no such key set; only lab cards do", answer.sw)
        session.authenticated(exchange(self._transport, session.external_authenticate(answer)))
        self._session = session
        return session

    # --- trace

    def _report(self, name: str, outcome: str) -> None:
        if name and self._observer is not IGNORE:
            layer = Layer.ES8 if name.startswith("ES8") else Layer.ES5
            self._observer.event(FunctionEvent(time=self._clock(), layer=layer, name=name, outcome=outcome))
