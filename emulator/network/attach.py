# SPDX-License-Identifier: Apache-2.0
"""Attach any card to a network as a modem does: find the USIM, read the identity, authenticate.

TS 31.102 5.1 (start of a session), TS 102 221 8.4.1 (EF.DIR), TS 33.102 6.3 (authentication). Works on every card
transport, a virtual card or one in a reader; GET RESPONSE and wrong lengths are followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from apdu.aka.authenticate import (
    INS_AUTHENTICATE,
    SecurityContext,
    SyncFailureAnswer,
    UmtsAnswer,
    UmtsChallenge,
    parse_umts_answer,
)
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.command.fcp import UNIVERSAL_PIN, USE_UNIVERSAL_PIN, FcpTemplate, PinStatus
from apdu.command.status import SW, StatusWord
from apdu.errors import DecodeError, M2mError, RemoteProtocolError, SecurityError
from apdu.ids import Aid, Iccid, Imsi
from apdu.tlv.scan import read_header, split
from apdu.transport import CardTransport
from emulator.network.auc import AuC, SequenceExhausted, UnknownSubscriber

__all__ = [
    "AttachError",
    "AttachResult",
    "CardNotAuthentic",
    "Identity",
    "NetworkNotAccepted",
    "PinNeeded",
    "Step",
    "SynchronisationLost",
    "attach",
    "authenticate",
    "identify",
]

USIM_AID_PREFIX: Final = bytes.fromhex("A0000000871002")
"""RID of 3GPP and application code USIM (TS 101 220 annex E)."""
_EF_ICCID: Final = bytes.fromhex("2FE2")
_EF_DIR: Final = bytes.fromhex("2F00")
_MF: Final = bytes.fromhex("3F00")
_SFI_AD: Final = 0x03
_SFI_IMSI: Final = 0x07
_MAX_RECORDS: Final = 254
_APPLICATION_PINS: Final = range(0x01, 0x09)
_ANY_LENGTH: Final = 256


class AttachError(M2mError):
    """The card did not attach: the step, the reason and what to do, and the status word if it was one."""

    def __init__(self, step: str, reason: str, sw: int | None = None) -> None:
        self.step = step
        self.sw = None if sw is None else StatusWord(sw)
        super().__init__(f"attach failed at {step}: {reason}" + ("" if self.sw is None else f" [{self.sw}]"))


class PinNeeded(AttachError):
    """The USIM asks for its PIN, or the PIN is wrong or blocked."""


class NetworkNotAccepted(AttachError):
    """The card says that the network does not know its key (9862)."""


class CardNotAuthentic(AttachError):
    """The card's answer is not the one that the AuC expects."""


class SynchronisationLost(AttachError):
    """The sequence numbers do not meet, also after a resynchronisation."""


class Step(NamedTuple):
    """One command of the procedure and the status word that it ended with."""

    name: str
    sw: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the card says that it is."""

    imsi: Imsi
    iccid: Iccid
    usim: Aid
    mnc_length: int | None
    """From EF.AD; None where the file does not tell it."""


@dataclass(frozen=True, slots=True)
class AttachResult(Identity):
    """A card that is attached."""

    resynchronised: bool
    steps: tuple[Step, ...]


class _Terminal:
    """The terminal's side of a card session: sends commands and keeps the list of steps."""

    def __init__(self, transport: CardTransport) -> None:
        self._transport = transport
        self.steps: list[Step] = []

    def send(self, step: str, command: CommandApdu) -> ResponseApdu:
        """Send a command, whatever the card answers."""
        try:
            response = exchange(self._transport, command)
        except (DecodeError, RemoteProtocolError) as error:
            raise AttachError(step, f"the card's answer cannot be read ({error})") from None
        self.steps.append(Step(step, response.sw))
        return response

    def ask(self, step: str, command: CommandApdu, hint: str) -> bytes:
        """Send a command that has to succeed, and return its data."""
        response = self.send(step, command)
        if not (response.status.is_success or response.sw == SW.END_OF_FILE):
            raise AttachError(step, hint, response.sw)
        return response.data


def _select(identifier: bytes, *, by_aid: bool = False) -> CommandApdu:
    """SELECT with the FCP as answer."""
    return CommandApdu(0x00, 0xA4, 0x04 if by_aid else 0x00, 0x04, identifier, _ANY_LENGTH)


_READ_CURRENT: Final = CommandApdu(0x00, 0xB0, 0x00, 0x00, b"", _ANY_LENGTH)


def _read_binary(sfi: int) -> CommandApdu:
    return CommandApdu(0x00, 0xB0, 0x80 | sfi, 0x00, b"", _ANY_LENGTH)


def attach(transport: CardTransport, auc: AuC, *, pin: str | None = None) -> AttachResult:
    """Take a card that was just powered or reset through the attach; AttachError or a subclass when it does not work.

    `pin` is sent only if the USIM asks for one.
    """
    terminal = _Terminal(transport)
    found = _identify(terminal, pin)
    resynchronised = _authenticate(terminal, auc, found.imsi)
    steps = tuple(terminal.steps)
    return AttachResult(found.imsi, found.iccid, found.usim, found.mnc_length, resynchronised, steps)


def identify(transport: CardTransport, *, pin: str | None = None) -> Identity:
    """The first part of an attach: select the USIM and read who it is."""
    return _identify(_Terminal(transport), pin)


def authenticate(transport: CardTransport, auc: AuC, imsi: Imsi) -> bool:
    """The second part, with the USIM selected: authenticate both ways; whether SQN had to be resynchronised."""
    return _authenticate(_Terminal(transport), auc, imsi)


def _identify(terminal: _Terminal, pin: str | None) -> Identity:
    terminal.ask("select-mf", _select(_MF), "the card has no file system: enable a profile and reset the card")
    iccid = _read_iccid(terminal)
    usim = _find_usim(terminal)
    fcp = terminal.ask("select-usim", _select(usim, by_aid=True), "EF.DIR names a USIM that cannot be selected")
    imsi = _read_imsi(terminal, _pin_reference(fcp), pin)
    return Identity(imsi, iccid, usim, _read_mnc_length(terminal))


def _read_iccid(terminal: _Terminal) -> Iccid:
    terminal.ask("select-iccid", _select(_EF_ICCID), "EF.ICCID is missing: the profile is not complete")
    content = terminal.ask("read-iccid", _READ_CURRENT, "EF.ICCID cannot be read")
    try:
        return Iccid.from_ef(content)
    except DecodeError as error:
        raise AttachError("read-iccid", f"EF.ICCID holds no card number ({error})") from None


def _find_usim(terminal: _Terminal) -> Aid:
    """The first USIM of EF.DIR; records that are empty or something else are passed over."""
    terminal.ask("select-dir", _select(_EF_DIR), "EF.DIR is missing: the profile is not complete")
    for number in range(1, _MAX_RECORDS + 1):
        response = terminal.send("read-dir", CommandApdu(0x00, 0xB2, number, 0x04, b"", _ANY_LENGTH))
        if response.sw == SW.RECORD_NOT_FOUND:
            break
        if not response.status.is_success:
            raise AttachError("read-dir", "EF.DIR cannot be read", response.sw)
        aid = _application(response.data)
        if aid is not None and aid.startswith(USIM_AID_PREFIX):
            return aid
    raise AttachError("read-dir", "EF.DIR names no USIM: the profile has none, so nothing can authenticate")


def _application(record: bytes) -> Aid | None:
    """The AID in a record of EF.DIR: 61 {4F AID, 50 label ...}, padded with FF."""
    try:
        tag, start, end = read_header(record, 0, len(record))
        if tag != 0x61:
            return None
        return next((Aid(item.value) for item in split(record[start:end]) if item.tag == 0x4F), None)
    except DecodeError:
        return None


def _pin_reference(fcp: bytes) -> int:
    """The key reference of the USIM's PIN by its PIN status: an application PIN, or the universal one in its place."""
    try:
        status = FcpTemplate.from_tlv(fcp).pin_status or PinStatus()
    except DecodeError:  # a card that answers no FCP, or a strange one: PIN1 is the rule
        return _APPLICATION_PINS.start
    found = _APPLICATION_PINS.start
    for entry in reversed(status.entries):
        if entry.reference == UNIVERSAL_PIN and entry.usage == USE_UNIVERSAL_PIN:
            return UNIVERSAL_PIN
        if entry.reference in _APPLICATION_PINS:
            found = entry.reference
    return found


def _read_imsi(terminal: _Terminal, reference: int, pin: str | None) -> Imsi:
    """EF.IMSI, which is behind the PIN where one is enabled."""
    response = terminal.send("read-imsi", _read_binary(_SFI_IMSI))
    if response.sw == SW.SECURITY_STATUS:
        _verify(terminal, reference, pin)
        response = terminal.send("read-imsi", _read_binary(_SFI_IMSI))
    if not (response.status.is_success or response.sw == SW.END_OF_FILE):
        raise AttachError("read-imsi", "EF.IMSI cannot be read", response.sw)
    try:
        return Imsi.from_ef(response.data)
    except DecodeError as error:
        raise AttachError("read-imsi", f"EF.IMSI holds no identity ({error}): personalise the profile") from None


def _verify(terminal: _Terminal, reference: int, pin: str | None) -> None:
    """Present the PIN (TS 102 221 11.1.9); the state is asked first, so that no try is spent on a blocked one."""
    state = terminal.send("pin-state", CommandApdu(0x00, 0x20, 0x00, reference)).sw
    name = f"PIN {reference:02X}"
    if state in (SW.AUTHENTICATION_BLOCKED, 0x63C0):
        raise PinNeeded("pin-state", f"{name} is blocked: unblock it with its PUK", state)
    if pin is None:
        raise PinNeeded("pin-state", f"{name} is enabled: pass the PIN", state)
    if not (4 <= len(pin) <= 8 and pin.isascii() and pin.isdigit()):
        raise PinNeeded("verify-pin", "a PIN has 4 to 8 digits: nothing was sent to the card")
    command = CommandApdu(0x00, 0x20, 0x00, reference, pin.encode("ascii").ljust(8, b"\xff"))
    response = terminal.send("verify-pin", command)
    if not response.status.is_success:
        raise PinNeeded("verify-pin", f"{name} was not accepted", response.sw)


def _read_mnc_length(terminal: _Terminal) -> int | None:
    """Byte 4 of EF.AD (TS 31.102 4.2.18)."""
    content = terminal.ask("read-ad", _read_binary(_SFI_AD), "EF.AD cannot be read")
    length = content[3] & 0x0F if len(content) > 3 else 0
    return length if length in (2, 3) else None


def _authenticate(terminal: _Terminal, auc: AuC, imsi: Imsi) -> bool:
    """Authenticate both ways; resynchronise once if the card asks for it, and say whether it did."""
    for resynchronised in (False, True):
        try:
            vector = auc.vector(imsi)
        except (UnknownSubscriber, SequenceExhausted) as error:
            raise AttachError("authenticate", str(error)) from None
        answer = _challenge(terminal, UmtsChallenge(vector.rand, vector.autn))
        try:
            if isinstance(answer, UmtsAnswer):
                auc.check(imsi, vector.rand, answer.res)
                return resynchronised
            auc.resynchronise(imsi, vector.rand, answer.auts)
        except SecurityError as error:
            raise CardNotAuthentic("authenticate", str(error)) from None
    raise SynchronisationLost("authenticate", "the card refuses the AuC's sequence number again: compare SQN and AMF")


def _challenge(terminal: _Terminal, challenge: UmtsChallenge) -> UmtsAnswer | SyncFailureAnswer:
    command = CommandApdu(0x00, INS_AUTHENTICATE, 0x00, SecurityContext.UMTS, challenge.encode(), _ANY_LENGTH)
    response = terminal.send("authenticate", command)
    if response.sw == SW.AKA_WRONG_MAC:
        raise NetworkNotAccepted(
            "authenticate", "the card does not know this AuC: compare key, OPc and algorithm", response.sw
        )
    if not response.status.is_success:
        raise AttachError("authenticate", "the USIM did not answer the challenge", response.sw)
    try:
        return parse_umts_answer(response.data)
    except DecodeError as error:
        raise AttachError("authenticate", f"the answer cannot be read ({error})") from None
