# SPDX-License-Identifier: Apache-2.0
"""Triggers: the data that make a card open an administration session (GP Amendment B 3.4, SGP.02 v4.2 2.4.3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from apdu.cat.bip import TransportLevel, access_name
from apdu.cat.tags import CatTag
from apdu.ota.trigger import HttpParameters, PskSelection, RetryPolicy, SessionParameters, Trigger
from apdu.tlv.scan import comprehension
from smsr.ota.admin import ENTRY

__all__ = ["PushSettings", "trigger_for"]

_TCP_CLIENT: Final = 0x02
_IPV4, _IPV6 = b"\x21", b"\x57"
_DEFAULT_BEARER: Final = b"\x03"
_RETRY: Final = RetryPolicy.after(3, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """Where the admin server is reached, how a card tries, and how long the SM-SR waits for it."""

    address: IPv4Address | IPv6Address
    port: int
    host: str = ""
    """Header Host; empty: the address."""
    access_point: str = ""
    buffer: int = 1400
    """Bytes of a channel's buffer."""
    retry: RetryPolicy = _RETRY
    triggers: int = 3
    """How often a card is called."""
    reach: float = 180.0
    """Seconds that it has to come."""
    patience: float = 300.0
    """Seconds that it has to answer a script, lost connections included."""
    pause: float = 2.0
    """Seconds after a session in which a card is not called: it may still be closing its channel."""
    hold: float = 10.0
    """Seconds that its request is held after the last script of a procedure that may go on."""


def trigger_for(settings: PushSettings, psk: PskSelection) -> bytes:
    """The secured data of the trigger."""
    kind = _IPV4 if settings.address.version == 4 else _IPV6
    objects = [
        (CatTag.BEARER_DESCRIPTION, _DEFAULT_BEARER),
        (CatTag.BUFFER_SIZE, settings.buffer.to_bytes(2, "big")),
        (CatTag.TRANSPORT_LEVEL, TransportLevel(_TCP_CLIENT, settings.port).to_bytes()),
        (CatTag.OTHER_ADDRESS, kind + settings.address.packed),
    ]
    if settings.access_point:
        objects.insert(2, (CatTag.NETWORK_ACCESS_NAME, access_name(settings.access_point)))
    session = SessionParameters(
        connection=b"".join(comprehension(tag, value) for tag, value in objects),
        security=psk,
        retry=settings.retry,
        http=HttpParameters(host=settings.host or str(settings.address), uri=ENTRY),
    )
    return Trigger(session=session).encode()
