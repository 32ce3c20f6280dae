# SPDX-License-Identifier: Apache-2.0
"""smsr.toml: what `euicc smsr serve` reads.

    [ota]                                 how cards are reached; without it, those that are put into reach only
    listen = "127.0.0.1:8445"             where cards open their HTTPS sessions
    number = "+999000000001"              what short messages come from and go to
    smsc = "127.0.0.1:2775"               SMPP 3.4
    system_id = "SM-SR"

[server] and [[partner]] are those of smsr.serving.config.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import msgspec

from apdu.errors import DecodeError
from apdu.keys.secret import SecretKey
from apdu.sms.address import Address
from smsr.kit.oid import Oid
from smsr.ota.push import PushSettings
from smsr.ota.sms import SmsSettings
from smsr.serving.config import ConfigError, Listen, PartnerConfig, Positive, Seconds, ServerConfig, parse_listen
from smsr.views import PartnerRole

__all__ = ["OtaConfig", "SmSrConfig", "partner_roles", "transport_keys"]

_ROLES = {"EUM": PartnerRole.EUM, "SM-DP": PartnerRole.SM_DP, "operator": PartnerRole.MNO}


class OtaConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[ota]"""

    listen: str
    number: str
    smsc: str
    address: str = ""
    """What cards connect to; the address of `listen` otherwise."""
    system_id: str = "SM-SR"
    password_env: str = ""
    """The environment variable with the password for the SMSC."""
    sms_timeout: Seconds = 60.0
    sms_attempts: Positive = 6
    triggers: Positive = 3
    """How often a card is called."""
    reach: Seconds = 180.0
    """For a card to come when it was called."""
    patience: Seconds = 300.0
    """For a card to answer a script."""
    pause: Seconds = 2.0
    """After a session, in which a card is not called."""
    hold: Seconds = 10.0
    """How long a card's request is held when more may follow."""
    notification: Seconds = 300.0
    """From a profile switch to the card's notification."""

    def where(self) -> Listen:
        """Where the server for cards listens."""
        return parse_listen(self.listen, "ota.listen")

    def centre(self) -> Listen:
        """Where the SMSC is."""
        return parse_listen(self.smsc, "ota.smsc")

    def sms(self) -> SmsSettings:
        """For short messages."""
        return SmsSettings(originator=self.own_number(), timeout=self.sms_timeout, attempts=self.sms_attempts)

    def own_number(self) -> Address:
        """The SM-SR's number."""
        try:
            return Address.of(self.number)
        except DecodeError as error:
            raise ConfigError(f"ota.number = {self.number!r}: {error.message}") from None

    def push(self, port: int) -> PushSettings:
        """For sessions over HTTPS, on the port that is listened on."""
        return PushSettings(
            address=self._reached(),
            port=port,
            triggers=self.triggers,
            reach=self.reach,
            patience=self.patience,
            pause=self.pause,
            hold=self.hold,
        )

    def _reached(self) -> IPv4Address | IPv6Address:
        text = self.address or self.where().host
        try:
            return ip_address(text)
        except ValueError:
            raise ConfigError(f"{text!r} is no IP address: give ota.address, which cards connect to") from None


class SmSrConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    server: ServerConfig
    ota: OtaConfig | None = None
    partner: tuple[PartnerConfig, ...] = ()


def partner_roles(partners: tuple[PartnerConfig, ...]) -> dict[Oid, PartnerRole]:
    """Who may call, as what."""
    return {Oid(each.oid): _ROLES[each.role] for each in partners if each.role in _ROLES}


def transport_keys(partners: tuple[PartnerConfig, ...], folder: Path) -> dict[Oid, SecretKey]:
    """The keys that were agreed with EUMs; ConfigError."""
    return {Oid(each.oid): _read_key(folder / each.transport_key) for each in partners if each.transport_key}


def _read_key(path: Path) -> SecretKey:
    try:
        return SecretKey(bytes.fromhex(path.read_text("ascii")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, DecodeError):
        raise ConfigError(f"{path} holds no AES key in hexadecimal") from None
