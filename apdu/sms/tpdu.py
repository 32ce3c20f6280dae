# SPDX-License-Identifier: Apache-2.0
"""TPDUs of short messages: DELIVER, SUBMIT and the reports about both (TS 23.040 9.2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from apdu.sms.coding import CLASS_2_DATA, read_time, write_time
from apdu.sms.userdata import UserData

__all__ = ["PID_DATA_DOWNLOAD", "Deliver", "DeliverReport", "Submit", "SubmitReport"]

PID_DATA_DOWNLOAD: Final = 0x7F
"""(U)SIM data download (TS 23.040 9.2.3.9)."""
_TYPE: Final = 0x03
_DELIVER, _SUBMIT = 0x00, 0x01
_HEADER: Final = 0x40
_REPLY_PATH: Final = 0x80
_VALIDITY_SIZES: Final = {0x00: 0, 0x10: 1, 0x08: 7, 0x18: 7}
"""TP-VPF: none, relative, enhanced, absolute."""
_HAS_PID, _HAS_DCS, _HAS_DATA = 0x01, 0x02, 0x04


def _type(raw: bytes, expected: int, name: str) -> int:
    if not raw or raw[0] & _TYPE != expected:
        raise DecodeError(f"no {name}")
    return raw[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """SMS-DELIVER: from the network to the terminal (9.2.2.1)."""

    originator: Address
    pid: int = PID_DATA_DOWNLOAD
    dcs: int = CLASS_2_DATA
    time: datetime
    data: UserData = field(default_factory=UserData)
    more: bool = False
    """Further messages wait in the service centre."""
    looped: bool = False
    report: bool = False
    reply_path: bool = False

    def encode(self) -> bytes:
        """Build the TPDU."""
        first = _DELIVER | (0 if self.more else 0x04) | (0x08 if self.looped else 0) | (0x20 if self.report else 0)
        first |= (_HEADER if self.data.elements else 0) | (_REPLY_PATH if self.reply_path else 0)
        head = bytes((first,)) + self.originator.to_tpdu() + bytes((self.pid, self.dcs))
        return head + write_time(self.time) + self.data.encode(self.dcs)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a TPDU."""
        first = _type(raw, _DELIVER, "SMS-DELIVER")
        originator, at = Address.from_tpdu(raw, 1)
        if at + 9 > len(raw):
            raise DecodeError("an SMS-DELIVER that ends too early", offset=at)
        dcs = raw[at + 1]
        return cls(
            originator=originator,
            pid=raw[at],
            dcs=dcs,
            time=read_time(raw[at + 2 : at + 9]),
            data=UserData.decode(raw[at + 9 :], dcs, with_header=bool(first & _HEADER)),
            more=not first & 0x04,
            looped=bool(first & 0x08),
            report=bool(first & 0x20),
            reply_path=bool(first & _REPLY_PATH),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """SMS-SUBMIT: from the terminal, or the card, to the network (9.2.2.2)."""

    destination: Address
    reference: int = 0
    pid: int = 0
    dcs: int = CLASS_2_DATA
    validity: bytes = b""
    """One byte: relative; seven: absolute, or enhanced."""
    enhanced: bool = False
    data: UserData = field(default_factory=UserData)
    reject_duplicates: bool = False
    report: bool = False
    reply_path: bool = False

    def encode(self) -> bytes:
        """Build the TPDU."""
        formats = {0: 0x00, 1: 0x10, 7: 0x08 if self.enhanced else 0x18}
        if len(self.validity) not in formats:
            raise EncodeError("a validity period has none, one or seven bytes")
        first = _SUBMIT | (0x04 if self.reject_duplicates else 0) | formats[len(self.validity)]
        first |= (0x20 if self.report else 0) | (_HEADER if self.data.elements else 0)
        first |= _REPLY_PATH if self.reply_path else 0
        head = bytes((first, self.reference)) + self.destination.to_tpdu() + bytes((self.pid, self.dcs))
        return head + self.validity + self.data.encode(self.dcs)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a TPDU."""
        first = _type(raw, _SUBMIT, "SMS-SUBMIT")
        destination, at = Address.from_tpdu(raw, 2)
        end = at + 2 + _VALIDITY_SIZES[first & 0x18]
        if end > len(raw):
            raise DecodeError("an SMS-SUBMIT that ends too early", offset=at)
        dcs = raw[at + 1]
        return cls(
            destination=destination,
            reference=raw[1],
            pid=raw[at],
            dcs=dcs,
            validity=raw[at + 2 : end],
            enhanced=first & 0x18 == 0x08,
            data=UserData.decode(raw[end:], dcs, with_header=bool(first & _HEADER)),
            reject_duplicates=bool(first & 0x04),
            report=bool(first & 0x20),
            reply_path=bool(first & _REPLY_PATH),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What reports have after their type: TP-PI and what it announces. A failure cause makes it an RP-ERROR."""

    failure: int | None = None
    pid: int | None = None
    dcs: int | None = None
    data: UserData | None = None

    def _indicator(self) -> int:
        pid = _HAS_PID if self.pid is not None else 0
        dcs = _HAS_DCS if self.dcs is not None else 0
        return pid | dcs | (_HAS_DATA if self.data is not None else 0)

    def _tail(self) -> bytes:
        tail = b"".join(bytes((value,)) for value in (self.pid, self.dcs) if value is not None)
        return tail + (self.data.encode(self.dcs or 0) if self.data is not None else b"")

    def _first(self, type: int) -> bytes:
        first = bytes((type | (_HEADER if self.data is not None and self.data.elements else 0),))
        return first if self.failure is None else first + bytes((self.failure,))


def _parts(raw: bytes, at: int, indicator: int, first: int) -> tuple[int | None, int | None, UserData | None]:
    """PID, DCS and user data, as the indicator says; without a scheme it is the default alphabet."""
    values: list[int | None] = []
    for bit in (_HAS_PID, _HAS_DCS):
        if indicator & bit and at >= len(raw):
            raise DecodeError("a report that ends too early", offset=at)
        values.append(raw[at] if indicator & bit else None)
        at += 1 if indicator & bit else 0
    pid, dcs = values
    if indicator & _HAS_DATA:
        return pid, dcs, UserData.decode(raw[at:], dcs or 0, with_header=bool(first & _HEADER))
    if at != len(raw):
        raise DecodeError("a report goes on behind its end", offset=at)
    return pid, dcs, None


def _start(raw: bytes, error: bool) -> tuple[int | None, int, int]:
    """Failure cause, indicator, and where what follows starts; an indicator may go on in further bytes."""
    at = 2 if error else 1
    if len(raw) <= at:
        raise DecodeError("a report that ends too early")
    failure, indicator = (raw[1] if error else None), raw[at]
    while raw[at] & 0x80:
        at += 1
        if at >= len(raw):
            raise DecodeError("a report that ends too early", offset=at)
    return failure, indicator, at + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverReport(_Report):
    """SMS-DELIVER-REPORT: what the terminal answers, with what the card has to say (9.2.2.1a)."""

    def encode(self) -> bytes:
        """Build the TPDU."""
        return self._first(_DELIVER) + bytes((self._indicator(),)) + self._tail()

    @classmethod
    def decode(cls, raw: bytes, *, error: bool) -> Self:
        """Read a TPDU; that it came in an RP-ERROR is not said by itself."""
        first = _type(raw, _DELIVER, "SMS-DELIVER-REPORT")
        failure, indicator, at = _start(raw, error)
        pid, dcs, data = _parts(raw, at, indicator, first)
        return cls(failure=failure, pid=pid, dcs=dcs, data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport(_Report):
    """SMS-SUBMIT-REPORT: what the service centre answers (9.2.2.2a)."""

    time: datetime

    def encode(self) -> bytes:
        """Build the TPDU."""
        return self._first(_SUBMIT) + bytes((self._indicator(),)) + write_time(self.time) + self._tail()

    @classmethod
    def decode(cls, raw: bytes, *, error: bool) -> Self:
        """Read a TPDU."""
        first = _type(raw, _SUBMIT, "SMS-SUBMIT-REPORT")
        failure, indicator, at = _start(raw, error)
        time = read_time(raw[at : at + 7])
        pid, dcs, data = _parts(raw, at + 7, indicator, first)
        return cls(failure=failure, pid=pid, dcs=dcs, data=data, time=time)
