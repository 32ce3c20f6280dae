# SPDX-License-Identifier: Apache-2.0
"""Secured packets that short messages carry: put together, opened with their keys, their scripts taken apart.

A packet is told when its last part has come. Which command a proof of receipt answers is found by its TAR: it is
protected as that command's SPI asked (TS 102 225 5.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from apdu.errors import DecodeError, SecurityError
from apdu.ids import ECASD, ISD_R, MNO_SD, Aid, Tar
from apdu.ota.packet import (
    Command,
    Header,
    Response,
    SecuredResponse,
    Status,
    parse_command,
    parse_response,
)
from apdu.ota.security import Check, CounterMode, Spi
from apdu.sms.parts import Reassembly
from apdu.sms.userdata import ElementId, UserData
from apdu.trace.events import Direction, Event, Json, Layer
from apdu.trace.rules.table import Rules
from apdu.trace.scripts import PROOF_OF_RECEIPT
from apdu.trace.unwrap.keys import DomainKeys, KeyRing
from apdu.trace.unwrap.outcome import Found
from apdu.trace.unwrap.scripts import RemoteScripts
from apdu.trace.unwrap.seen import Protection, Seen

__all__ = ["PacketFollower", "header_fields"]

_NO_KEY: Final = "no keys of this number"
_OPEN: Final = "it is not protected"
_UNKNOWN: Final = "the command that it answers is not in the trace"
_TRIGGER: Final = 0x81
_SCRIPTS: Final = (0xAA, 0xAE)
_ANSWERS: Final = (0xAB, 0xAF)
_MAX_TARS: Final = 64
_ORDERED: Final = (CounterMode.HIGHER, CounterMode.NEXT)
_DOMAINS: Final = {ISD_R.tar: bytes(ISD_R), ECASD.tar: bytes(ECASD), Tar(bytes(3)): bytes(MNO_SD)}
"""SGP.02 annex H; 000000 is the issuer's domain (TS 101 220 annex D)."""


class PacketFollower:
    """The packets of one card."""

    __slots__ = ("_counters", "_doubtful", "_headers", "_messages", "_ring", "_scripts")

    def __init__(self, ring: KeyRing, scripts: RemoteScripts) -> None:
        self._ring = ring
        self._scripts = scripts
        self._messages = {direction: Reassembly() for direction in Direction}
        self._headers: dict[Tar, Header] = {}
        self._counters: dict[tuple[bytes, int], int] = {}
        """The highest counter of each key set in a packet that verifies."""
        self._doubtful: set[Tar] = set()
        """Where the last command is one that the card has to refuse."""

    def part(self, direction: Direction, peer: str, data: UserData, seen: Seen) -> Iterator[Event]:
        """The user data of a short message."""
        whole = self._messages[direction].add(peer, data)
        if whole is None:
            return
        if whole.element(ElementId.COMMAND_PACKET) is not None:
            yield from self._command(direction, whole.payload, seen)
        elif whole.element(ElementId.RESPONSE_PACKET) is not None:
            yield from self._response(direction, whole.payload, seen)

    # --- commands

    def _command(self, direction: Direction, raw: bytes, seen: Seen) -> Iterator[Event]:
        found = Found()
        try:
            secured = parse_command(raw)
        except DecodeError as error:
            found.add(Rules.PACKET, error.message)
            yield seen.message(Layer.SCP80, direction, "SCP80 command packet", raw, found=found)
            return
        header = secured.header
        if header.tar not in self._headers and len(self._headers) >= _MAX_TARS:
            oldest = next(iter(self._headers))
            del self._headers[oldest]
            self._doubtful.discard(oldest)
        self._headers[header.tar] = header
        opened: Command | None = None
        protection = Protection(None, _NO_KEY)
        for keys in self._keys(header):
            try:
                opened, protection = secured.open(keys.keys), _protection(header.spi.check)
            except (SecurityError, DecodeError):
                protection = Protection(False)
                continue
            self._count(keys, header.spi, opened.counter, found)
            break
        fields = header_fields(header)
        if opened is not None:
            fields["counter"] = opened.counter
            fields["contents"] = _kind(opened.data)
        if protection.verified is False:
            found.add(Rules.PACKET_CHECK)
        (self._doubtful.add if found else self._doubtful.discard)(header.tar)
        yield seen.message(
            Layer.SCP80, direction, "SCP80 command packet", raw, fields=fields, protection=protection, found=found
        )
        if opened is not None and opened.data[:1] and opened.data[0] in _SCRIPTS:
            self._scripts.commands(_aid(header.tar), opened.data)

    def _keys(self, header: Header) -> tuple[DomainKeys, ...]:
        return self._ring.packet_keys(header.kic >> 4 or header.kid >> 4)

    def _count(self, keys: DomainKeys, spi: Spi, counter: int, found: Found) -> None:
        """Hold a counter against those before, where the SPI says that it matters; doubled messages repeat one."""
        key = (keys.aid, keys.keys.kvn)
        before = self._counters.get(key, -1)
        if spi.check is Check.CC and spi.counter in _ORDERED:
            if counter <= before:
                found.add(Rules.PACKET_COUNTER, f"{counter} after {before}")
            self._counters[key] = max(counter, before)

    # --- proofs of receipt

    def _response(self, direction: Direction, raw: bytes, seen: Seen) -> Iterator[Event]:
        found = Found()
        try:
            secured = parse_response(raw)
        except DecodeError as error:
            found.add(Rules.PACKET, error.message)
            yield seen.message(Layer.SCP80, direction, PROOF_OF_RECEIPT, raw, found=found)
            return
        header = self._headers.get(secured.tar)
        opened, protection = self._opened(secured, header)
        fields: dict[str, Json] = {"TAR": str(secured.tar)}
        if opened is not None:
            fields["counter"] = opened.counter
            fields["status"] = _status(opened.status)
            if opened.status == Status.OK and secured.tar in self._doubtful:
                found.add(Rules.PACKET_ACCEPTED)
            if opened.data:
                fields["contents"] = _kind(opened.data)
        if protection.verified is False:
            found.add(Rules.PACKET_CHECK)
        yield seen.message(
            Layer.SCP80, direction, PROOF_OF_RECEIPT, raw, fields=fields, protection=protection, found=found
        )
        if opened is not None and opened.data[:1] and opened.data[0] in _ANSWERS:
            yield from self._scripts.responses(opened.data, seen, protection)

    def _opened(self, secured: SecuredResponse, header: Header | None) -> tuple[Response | None, Protection]:
        if header is None:
            return None, Protection(None, _UNKNOWN)
        protection = Protection(None, _NO_KEY)
        for keys in self._keys(header):
            try:
                return secured.open(header, keys.keys), _protection(header.spi.por_check)
            except (SecurityError, DecodeError):
                protection = Protection(False)
        return None, protection


def _protection(check: Check) -> Protection:
    return Protection(True) if check is Check.CC else Protection(None, _OPEN)


def _aid(tar: Tar) -> bytes:
    """The security domain of a TAR: those that SGP.02 names, and ISD-Ps; the TAR itself where it is another."""
    known = _DOMAINS.get(tar)
    if known is not None:
        return known
    number = int.from_bytes(tar, "big")
    return bytes(Aid.isd_p(number)) if 0x10 <= number <= 0xFFFF else bytes(tar)


def _status(code: int) -> str:
    try:
        return Status(code).name.replace("_", " ").lower()
    except ValueError:
        return f"{code:02X}"


def _kind(data: bytes) -> str:
    """What the secured data are, in words."""
    first = data[:1]
    if first == bytes((_TRIGGER,)):
        return "trigger of an HTTPS session"
    if first and first[0] in (*_SCRIPTS, *_ANSWERS):
        return f"remote script, {len(data)} bytes"
    return f"{len(data)} bytes"


def header_fields(header: Header) -> dict[str, Json]:
    """SPI, KIc, KID and TAR in words."""
    spi = header.spi
    words: Mapping[str, Json] = {
        "TAR": str(header.tar),
        "SPI": spi.to_bytes().hex().upper(),
        "check": spi.check.name,
        "ciphered": spi.ciphered,
        "counter mode": spi.counter.name.lower(),
        "proof of receipt": spi.por.name.lower().replace("_", " "),
        "proof check": spi.por_check.name,
        "proof ciphered": spi.por_ciphered,
        "proof by": "SMS-SUBMIT" if spi.por_by_submit else "delivery report",
        "KIc": f"{header.kic:02X}",
        "KID": f"{header.kid:02X}",
    }
    return dict(words)
