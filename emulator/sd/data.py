# SPDX-License-Identifier: Apache-2.0
"""Data objects of GET DATA that more than one kind of security domain has (GPCS 11.3.3.1)."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.tlv.scan import ber
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.sd.domain import DataObject, SecurityDomain

__all__ = ["COMMON_DATA", "no_data"]

_COUNTER: Final = 0xC1
_SECURITY_LEVEL: Final = 0xD3


def no_data(command: CommandApdu) -> None:
    """Refuse (6A80) a data field where the object takes none."""
    if command.data:
        raise CardError(SW.WRONG_DATA)


def _recognition(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return domain.recognition().encode()


def _key_information(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return domain.keys.information().encode()


def _sequence_counter(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    keys = domain.scp03_keys(0)
    if keys is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    return ber(_COUNTER, domain.keys.counter(keys.kvn).to_bytes(3, "big"))


def _security_level(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    level = channel.session.level if channel.session is not None else None
    return ber(_SECURITY_LEVEL, bytes((level or 0,)))


COMMON_DATA: Final[dict[int, DataObject]] = {
    0x0066: _recognition,
    0x00E0: _key_information,
    0x00C1: _sequence_counter,
    0x00D3: _security_level,
}
