# SPDX-License-Identifier: Apache-2.0
"""From a trigger and what the ISD-R has stored to an administration session that can be opened (GP Amendment B 3.4).

Where the trigger is silent the stored parameters speak. The address is that of the connection, else the host where it
is an address itself, else it is asked for from the DNS servers (SGP.02 v4.2 2.4.5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from apdu.cat.bip import OpenChannel, TransportLevel
from apdu.cat.tags import CatTag
from apdu.errors import DecodeError, M2mError
from apdu.ids import ISD_R
from apdu.keys.secret import SecretKey
from apdu.ota import dns
from apdu.ota.addressing import HTTPS_TAG
from apdu.ota.admin import PskIdentity, admin_from
from apdu.ota.trigger import HttpParameters, PskSelection, RetryPolicy, Trigger, open_channel
from apdu.tlv.scan import comprehension, split, split_comprehension
from emulator.channels import Authority
from emulator.ota.resolver import Resolution
from emulator.sd.isdr import IsdR

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["Session", "Unusable", "prepare", "stored_parameters"]

_TCP_CLIENT, _UDP_CLIENT = 0x02, 0x01
_DEFAULT_BEARER: Final = b"\x03"
_MAX_COMMAND: Final = 256
_MAX_IDENTITY: Final = 128
_TEXT: Final = re.compile(r"[\x21-\x7e]+")
"""What may stand in a request line or a header field without ending it."""


class Unusable(M2mError):
    """No session can be opened with these parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session to be opened."""

    channel: OpenChannel
    resolution: Resolution | None
    """How to find the address that the channel lacks."""
    identity: str
    psk: SecretKey
    authority: Authority
    """In whose name its commands come."""
    host: str
    sender: str
    uri: str
    retry: RetryPolicy


def stored_parameters(card: Card) -> Trigger:
    """What ES5.UpdateSMSRAddressingParameters has stored for HTTPS; what cannot be read counts as missing."""
    for item in card.registry.isd_r.addressing:
        if item[0] == HTTPS_TAG:
            try:
                return Trigger.decode(split(item)[0].value)
            except DecodeError:
                break
    return Trigger()


def prepare(card: Card, trigger: Trigger) -> Session:
    """What a trigger and the stored parameters ask for; Unusable where that is no session."""
    whole = trigger.over(stored_parameters(card))
    session = whole.session
    if session is None or session.connection is None:
        raise Unusable("nothing says how to reach the server")
    http = session.http or HttpParameters()
    channel = _channel(session.connection)
    channel, resolution = _destination(channel, http.host, whole)
    identity, psk, authority = _key(card, session.security or PskSelection(0, 0))
    eid = card.registry.ecasd.eid
    return Session(
        channel=channel,
        resolution=resolution,
        identity=identity,
        psk=psk,
        authority=authority,
        host=_text(http.host or str(channel.destination or "")),
        sender=_text(http.agent or admin_from(eid)),  # (U) whether it replaces the whole header, or the EID in it
        uri=_text(http.uri or "/"),
        retry=session.retry or RetryPolicy(0),
    )


def _text(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise Unusable("a text that no header can hold")
    return text


def _read(connection: bytes) -> OpenChannel:
    try:
        command = open_channel(connection)
        fits = len(command.encode()) <= _MAX_COMMAND
    except M2mError as error:
        raise Unusable(f"no OPEN CHANNEL: {error}") from None
    if not fits or not command.buffer_size:
        raise Unusable("an OPEN CHANNEL that is too long, or without a buffer")
    return command if command.bearer is not None else replace(command, bearer=_DEFAULT_BEARER)


def _channel(connection: bytes) -> OpenChannel:
    command = _read(connection)
    if command.transport is None or command.transport.protocol != _TCP_CLIENT:
        raise Unusable("the connection is no TCP client")
    return command


def _destination(channel: OpenChannel, host: str | None, whole: Trigger) -> tuple[OpenChannel, Resolution | None]:
    """The channel with its address, or how to find it."""
    if channel.destination is not None:
        return channel, None
    try:
        return replace(channel, addresses=(ip_address(host or ""),)), None
    except ValueError:
        pass
    settings = whole.dns
    name = (settings.name if settings is not None else None) or host or ""
    if settings is None or settings.connection is None or not dns.is_name(name):
        raise Unusable("no address, and no name that can be asked for")
    server = _dns_server(settings.connection, channel)
    servers = tuple(replace(server, addresses=(one,)) for one in server.addresses if one is not None)
    if not servers:
        raise Unusable("no DNS server to ask")
    return replace(channel, addresses=()), Resolution(name, servers)


def _dns_server(connection: bytes, like: OpenChannel) -> OpenChannel:
    """The channel to DNS servers: what it does not say is as in the channel to the SM-SR, the port is that of DNS."""
    try:
        tags = {tag for tag, _ in split_comprehension(connection)}
    except DecodeError:
        raise Unusable("no connection to a DNS server") from None
    if CatTag.BUFFER_SIZE not in tags:
        connection += comprehension(CatTag.BUFFER_SIZE, like.buffer_size.to_bytes(2, "big"))
    command = _read(connection)
    transport = command.transport or TransportLevel(_UDP_CLIENT, dns.PORT)
    if transport.protocol != _UDP_CLIENT:
        raise Unusable("the connection to a DNS server is no UDP client")
    bearer = command.bearer if CatTag.BEARER_DESCRIPTION in tags else like.bearer
    return replace(
        command,
        transport=transport,
        bearer=bearer,
        access_name=command.access_name or like.access_name,
        texts=command.texts or like.texts,
    )


def _key(card: Card, wanted: PskSelection) -> tuple[str, SecretKey, Authority]:
    """Identity, pre-shared key and authority."""
    found = IsdR(card).keys.scp81(wanted.kvn, wanted.kid)
    if found is None:
        raise Unusable("no such pre-shared key")
    if wanted.identity:
        identity = wanted.identity.decode("ascii", "replace")
    else:
        identity = str(PskIdentity(card.registry.ecasd.eid, ISD_R, found.kid, found.kvn))
    if len(identity) > _MAX_IDENTITY:
        raise Unusable("the PSK identity is too long")
    return _text(identity), found.psk, Authority(found.kvn, found.dek)
