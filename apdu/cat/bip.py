# SPDX-License-Identifier: Apache-2.0
"""Commands of the bearer independent protocol (TS 102 223 6.6.27 to 6.6.34) and the values that they carry."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple, Self

from apdu.cat.proactive import ProactiveCommand
from apdu.cat.tags import CatTag
from apdu.cat.values import ADDRESS, ALPHA, DURATION, TEXT_STRING, Alpha, Duration, TextString
from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from apdu.tlv.declare import BYTE, RAW, UINT16, Leaf, tlv

__all__ = [
    "ACCESS_NAME",
    "CHANNEL_STATUS",
    "ChannelStatus",
    "CloseChannel",
    "DeclareService",
    "GetChannelStatus",
    "GetServiceInformation",
    "OnChannel",
    "OpenChannel",
    "ReceiveData",
    "SendData",
    "ServiceSearch",
    "TransportLevel",
    "access_name",
    "access_name_text",
]

_IPV4, _IPV6 = 0x21, 0x57
_LINK: Final = 0x80


class TransportLevel(NamedTuple):
    """Protocol and port (TS 102 223 8.59): 01 UDP client, 02 TCP client, 03 TCP server, 04 and 05 local."""

    protocol: int
    port: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the three bytes."""
        if len(raw) != 3:
            raise DecodeError(f"a transport level has 3 bytes, not {len(raw)}")
        return cls(raw[0], int.from_bytes(raw[1:], "big"))

    def to_bytes(self) -> bytes:
        """Build it."""
        return bytes((self.protocol,)) + self.port.to_bytes(2, "big")


class ChannelStatus(NamedTuple):
    """State of one channel (TS 102 223 8.56); channel 0 means that none is there."""

    channel: int
    linked: bool
    further: int = 0
    """05: the link was dropped."""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the two bytes."""
        if len(raw) != 2:
            raise DecodeError(f"a channel status has 2 bytes, not {len(raw)}")
        return cls(raw[0] & 0x07, bool(raw[0] & _LINK), raw[1])

    def to_bytes(self) -> bytes:
        """Build it."""
        return bytes((self.channel | (_LINK if self.linked else 0), self.further))


def _read_ip(raw: bytes) -> IPv4Address | IPv6Address | None:
    """An address with its type; nothing asks for a dynamic one (TS 102 223 8.58)."""
    if not raw:
        return None
    if (raw[0], len(raw)) not in ((_IPV4, 5), (_IPV6, 17)):
        raise DecodeError(f"an address of type {raw[0]:02X} with {len(raw) - 1} bytes")
    return ip_address(raw[1:])


def _build_ip(address: IPv4Address | IPv6Address | None) -> bytes:
    if address is None:
        return b""
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


def access_name(text: str) -> bytes:
    """An APN as labels with their lengths (TS 23.003 9.1)."""
    labels = [label.encode("ascii") for label in text.split(".")] if text.isascii() else [b""]
    if not all(1 <= len(label) <= 63 for label in labels):
        raise EncodeError(f"an access point name has labels of 1 to 63 characters: {text!r}")
    return b"".join(bytes((len(label),)) + label for label in labels)


def access_name_text(raw: bytes) -> str:
    """The APN with dots."""
    labels: list[str] = []
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        if end > len(raw) or not raw[at]:
            raise DecodeError("a network access name is labels with their lengths", offset=at)
        labels.append(raw[at + 1 : end].decode("latin-1"))
        at = end
    return ".".join(labels)


TRANSPORT: Final = Leaf(None, TransportLevel.from_bytes, TransportLevel.to_bytes)
CHANNEL_STATUS: Final = Leaf(None, ChannelStatus.from_bytes, ChannelStatus.to_bytes)
IP: Final = Leaf(None, _read_ip, _build_ip)
ACCESS_NAME: Final = Leaf(None, access_name_text, access_name)


@dataclass(frozen=True, kw_only=True)
class OpenChannel(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.27"):
    """Open a channel to a network; qualifier bit 1: at once, bit 2: reconnect, bit 3: in the background."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    icon: bytes | None = tlv(CatTag.ICON_IDENTIFIER, RAW, optional=True)
    number: Address | None = tlv(CatTag.ADDRESS, ADDRESS, optional=True)
    """Circuit switched data only."""
    subaddress: bytes | None = tlv(CatTag.SUBADDRESS, RAW, optional=True)
    durations: tuple[Duration, ...] = tlv(CatTag.DURATION, DURATION, many=True)
    """How long to try again, and after how long without data to close."""
    bearer: bytes | None = tlv(CatTag.BEARER_DESCRIPTION, RAW, optional=True)
    """Type (02 packet service, 03 default bearer, 0B E-UTRAN), then its parameters; servers need none."""
    buffer_size: int = tlv(CatTag.BUFFER_SIZE, UINT16)
    access_name: str | None = tlv(CatTag.NETWORK_ACCESS_NAME, ACCESS_NAME, optional=True)
    texts: tuple[TextString, ...] = tlv(CatTag.TEXT_STRING, TEXT_STRING, many=True)
    """User name and password."""
    transport: TransportLevel | None = tlv(CatTag.TRANSPORT_LEVEL, TRANSPORT, optional=True)
    addresses: tuple[IPv4Address | IPv6Address | None, ...] = tlv(CatTag.OTHER_ADDRESS, IP, many=True)
    """The terminal's own, where it is given, before the one to connect to, where there is a transport level."""
    remote: bytes | None = tlv(CatTag.REMOTE_ENTITY_ADDRESS, RAW, optional=True)
    text_attribute: bytes | None = tlv(CatTag.TEXT_ATTRIBUTE, RAW, optional=True)
    frame: bytes | None = tlv(CatTag.FRAME_IDENTIFIER, RAW, optional=True)

    @property
    def destination(self) -> IPv4Address | IPv6Address | None:
        """Where to connect to: the last address, where there is a transport level."""
        return self.addresses[-1] if self.transport is not None and self.addresses else None


@dataclass(frozen=True, kw_only=True)
class OnChannel(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6"):
    """A command for a channel, which is its destination device."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    icon: bytes | None = tlv(CatTag.ICON_IDENTIFIER, RAW, optional=True)
    text_attribute: bytes | None = tlv(CatTag.TEXT_ATTRIBUTE, RAW, optional=True)
    frame: bytes | None = tlv(CatTag.FRAME_IDENTIFIER, RAW, optional=True)

    @property
    def channel(self) -> int:
        """The channel's number, 1 to 7."""
        return self.devices.destination & 0x0F


@dataclass(frozen=True, kw_only=True)
class CloseChannel(OnChannel, tag=0xD0, clause="TS 102 223 6.6.28"):
    """Close a channel."""


@dataclass(frozen=True, kw_only=True)
class ReceiveData(OnChannel, tag=0xD0, clause="TS 102 223 6.6.29"):
    """Fetch what came on a channel."""

    length: int = tlv(CatTag.CHANNEL_DATA_LENGTH, BYTE)


@dataclass(frozen=True, kw_only=True)
class SendData(OnChannel, tag=0xD0, clause="TS 102 223 6.6.30"):
    """Send on a channel; qualifier bit 1: at once, otherwise when the buffer is complete."""

    data: bytes = tlv(CatTag.CHANNEL_DATA, RAW)


@dataclass(frozen=True, kw_only=True)
class GetChannelStatus(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.31"):
    """The state of all channels."""


@dataclass(frozen=True, kw_only=True)
class ServiceSearch(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.32"):
    """Look for a service of a local bearer."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    search: bytes = tlv(CatTag.SERVICE_SEARCH, RAW)
    devices_wanted: bytes | None = tlv(CatTag.DEVICE_FILTER, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class GetServiceInformation(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.33"):
    """The record of a service."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    attributes: bytes = tlv(CatTag.ATTRIBUTE_INFORMATION, RAW)


@dataclass(frozen=True, kw_only=True)
class DeclareService(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.34"):
    """A service that the card offers."""

    record: bytes = tlv(CatTag.SERVICE_RECORD, RAW)
    transport: TransportLevel | None = tlv(CatTag.TRANSPORT_LEVEL, TRANSPORT, optional=True)
