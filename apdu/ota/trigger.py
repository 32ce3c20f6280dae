# SPDX-License-Identifier: Apache-2.0
"""What makes a card open an administration session over HTTPS (GP Amendment B 3.4, SGP.02 v4.2 2.4.3.3).

    81 { 83 { 84 connection, 85 security, 86 retry policy, 89 { 8A host, 8B agent, 8C URI } }
         B3 { D6 name of the server, FA connection to a DNS server } }

It is the secured data of an SCP80 packet to the ISD-R, without a script around it. Every part may be missing: then what
the card has stored is used; `81 00` leaves all to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

from apdu.cat.bip import OpenChannel
from apdu.cat.codes import CommandType
from apdu.cat.comprehension import CommandDetails, Device, DeviceIdentities
from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import join_digits
from apdu.tlv.declare import RAW, TEXT, Leaf, OneLevel, Template, tlv
from apdu.tlv.scan import comprehension, split_comprehension

__all__ = [
    "DnsParameters",
    "HttpParameters",
    "PskSelection",
    "RetryPolicy",
    "SessionParameters",
    "Trigger",
    "open_channel",
]

_TIMER: Final = 0xA5
_FAILURE_REPORT: Final = 0x87
_MAX_SECONDS: Final = 99 * 3600 + 59 * 60 + 59


class PskSelection(NamedTuple):
    """Object 85: which key the card uses; the identity is made by the card where it is empty."""

    kvn: int
    kid: int
    identity: bytes = b""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Length and PSK identity, then length, KVN, KID and what follows."""
        size = raw[0] if raw else 0
        rest = raw[1 + size :]
        if not raw or len(raw) < 1 + size or len(rest) < 3 or len(rest) != 1 + rest[0]:
            raise DecodeError("security parameters are a PSK identity and a key, each with its length")
        return cls(rest[1], rest[2], raw[1 : 1 + size])

    def to_bytes(self) -> bytes:
        """Build it."""
        if len(self.identity) > 0xFF:
            raise EncodeError("a PSK identity has at most 255 bytes here")
        return bytes((len(self.identity),)) + self.identity + bytes((2, self.kvn, self.kid))


class RetryPolicy(NamedTuple):
    """Object 86: how often the card tries again, after how long, and what it reports when all failed."""

    attempts: int
    waiting: bytes = b""
    """Hours, minutes, seconds in swapped BCD; empty where there is none."""
    failure_report: bytes = b""
    """Object 87, opaque: an SMS for the SM-SR."""

    @classmethod
    def after(cls, attempts: int, seconds: int) -> Self:
        """So many attempts, so many seconds apart."""
        if not 0 <= seconds <= _MAX_SECONDS:
            raise EncodeError(f"a waiting time is less than 100 hours, not {seconds} s")
        hours, rest = divmod(seconds, 3600)
        return cls(attempts, join_digits(f"{hours:02d}{rest // 60:02d}{rest % 60:02d}"))

    @property
    def seconds(self) -> int:
        """The waiting time. (U) Some servers write the bytes in binary: what is no digit is read so."""
        total = 0
        for byte in self.waiting:
            low, high = byte & 0x0F, byte >> 4
            total = total * 60 + (low * 10 + high if low < 10 and high < 10 else byte)
        return total

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """A counter of two bytes, then A5 with the waiting time, then 87."""
        if len(raw) < 2:
            raise DecodeError("a retry policy begins with a counter of 2 bytes")
        waiting, report, at = b"", b"", 2
        while at < len(raw):
            end = at + 2 + (raw[at + 1] if at + 1 < len(raw) else 0)
            if at + 2 > len(raw) or end > len(raw):
                raise DecodeError("the retry policy ends inside an object", offset=at)
            value = raw[at + 2 : end]
            if raw[at] & 0x7F == _TIMER & 0x7F:
                waiting = value
            elif raw[at] == _FAILURE_REPORT:
                report = value
            at = end
        if len(waiting) not in (0, 3):
            raise DecodeError("a waiting time has 3 bytes", offset=2)
        return cls(int.from_bytes(raw[:2], "big"), waiting, report)

    def to_bytes(self) -> bytes:
        """Build it."""
        parts = [self.attempts.to_bytes(2, "big")]
        for tag, value in ((_TIMER, self.waiting), (_FAILURE_REPORT, self.failure_report)):
            if value:
                parts.append(bytes((tag, len(value))) + value)
        return b"".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpParameters(Template, tag=0x89, clause="GP Amendment B 3.4", open=True):
    """Where the card posts to."""

    host: str | None = tlv(0x8A, TEXT, optional=True)
    agent: str | None = tlv(0x8B, TEXT, optional=True)
    """Stands in X-Admin-From where it is given."""
    uri: str | None = tlv(0x8C, TEXT, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParameters(OneLevel, tag=0x83, clause="GP Amendment B 3.4", open=True):
    """One administration session; what the card has stored stands for what is missing."""

    connection: bytes | None = tlv(0x84, RAW, optional=True)
    """Objects of OPEN CHANNEL: bearer, buffer, access point, transport, address."""
    security: PskSelection | None = tlv(0x85, Leaf(None, PskSelection.from_bytes, PskSelection.to_bytes), optional=True)
    extended_security: bytes | None = tlv(0xA5, RAW, optional=True)
    retry: RetryPolicy | None = tlv(0x86, Leaf(None, RetryPolicy.from_bytes, RetryPolicy.to_bytes), optional=True)
    http: HttpParameters | None = tlv(0x89, HttpParameters, optional=True)

    def over(self, stored: SessionParameters) -> SessionParameters:
        """These parameters, with the stored ones in the place of what is missing."""
        http = stored.http
        if self.http is not None and http is not None:
            http = HttpParameters(
                host=self.http.host or http.host, agent=self.http.agent or http.agent, uri=self.http.uri or http.uri
            )
        return replace(
            self,
            connection=self.connection or stored.connection,
            security=self.security or stored.security,
            extended_security=self.extended_security or stored.extended_security,
            retry=self.retry or stored.retry,
            http=http if http is not None else self.http,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsParameters(OneLevel, tag=0xB3, clause="SGP.02 v4.2 2.4.5", open=True):
    """How the card finds the server's address where the connection has none."""

    name: str | None = tlv(0xD6, TEXT, optional=True)
    """What to ask for; the host where it is missing."""
    connection: bytes | None = tlv(0xFA, RAW, optional=True)
    """Objects of OPEN CHANNEL to a DNS server; several other addresses are several servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(OneLevel, tag=0x81, clause="GP Amendment B 3.4", open=True):
    """The whole trigger."""

    session: SessionParameters | None = tlv(0x83, SessionParameters, optional=True)
    dns: DnsParameters | None = tlv(0xB3, DnsParameters, optional=True)

    def over(self, stored: Trigger) -> Trigger:
        """This trigger, with what the card has stored in the place of what is missing."""
        session, dns = self.session, self.dns
        if session is not None and stored.session is not None:
            session = session.over(stored.session)
        if dns is not None and stored.dns is not None:
            dns = DnsParameters(name=dns.name or stored.dns.name, connection=dns.connection or stored.dns.connection)
        return Trigger(session=session or stored.session, dns=dns or stored.dns)


_NO_DETAILS: Final = CommandDetails(0x01, CommandType.OPEN_CHANNEL, 0x01)
_DEVICES: Final = DeviceIdentities(Device.UICC, Device.TERMINAL)


def open_channel(connection: bytes) -> OpenChannel:
    """The OPEN CHANNEL of connection parameters, at once; DecodeError where they are none.

    Objects that OPEN CHANNEL does not have are left out: servers add some of their own.
    """
    head = b"\x81\x03" + bytes(_NO_DETAILS) + b"\x82\x02" + bytes(_DEVICES)
    known = OpenChannel.declared()
    objects = [comprehension(tag, value) for tag, value in split_comprehension(connection) if tag in known]
    return OpenChannel.decode(head + b"".join(objects))
