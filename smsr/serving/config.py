# SPDX-License-Identifier: Apache-2.0
"""What the configuration files of both servers have in common: TOML, every value checked before a server starts.

    [server]                                   [[partner]]
    name = "sm-sr"        its folder in pki    oid = "2.999.10.4"
    pki = "lab.pki"                            role = "SM-DP"     EUM, SM-DP, SM-SR, operator
    listen = "127.0.0.1:8443"                  url = "https://127.0.0.1:8444"
    database = "sqlite:///sm-sr.db"            binding = "soap"   or json
    master_key = "sm-sr.master"

Paths are relative to the file. A setting that is not known is refused: a misspelt limit would be none.
"""

from __future__ import annotations

import os
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

import msgspec

from apdu.errors import DecodeError, M2mError
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.passphrase import Passphrase
from smsr.serving.parties import Parties, Party
from smsr.serving.service import Binding

__all__ = [
    "ConfigError",
    "Listen",
    "PartnerConfig",
    "ServerConfig",
    "environment",
    "load_config",
    "parse_listen",
    "parse_loopback",
    "parties_of",
    "passphrase_of",
    "role_of",
]

T = TypeVar("T", bound=msgspec.Struct)
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
_MAX_FILE: Final = 1 << 20
_ROLES: Final = {"EUM": ROLE_EUM, "SM-DP": ROLE_SM_DP, "SM-SR": ROLE_SM_SR, "operator": ROLE_OPERATOR}


class ConfigError(M2mError):
    """A configuration file cannot be used; the message names it and says what to change."""


class Listen(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[server]"""

    name: str
    """The folder of its certificates in `pki`."""
    pki: str
    master_key: str
    """The file with the key for what it keeps secret, 64 hexadecimal digits; or `token:NAME`, from a key there."""
    listen: str = "127.0.0.1:8443"
    url: str = ""
    """Where others reach it; https:// and `listen` otherwise."""
    database: str = "sqlite:///server.db"
    plain: str = ""
    """Where health and metrics are to be had without certificates: on this computer only."""
    passphrase_env: str = ""
    """The environment variable with the passphrase of its private keys."""
    token: str = ""
    """The PKCS#11 module of a token in which signing keys are that are in no file."""
    token_label: str = "euicc"
    token_pin_env: str = ""
    """The environment variable with the token's PIN."""
    callbacks: tuple[str, ...] = ()
    """Addresses that callbacks may go to besides those of partners."""
    workers: Positive = 8
    max_queue: Positive = 1000
    """Calls that wait or run; more are told to come again."""
    rate: Positive = 500
    """Requests a second of one caller."""
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 90
    """For how long calls that are done, and what was told, are kept; a call that comes again later is a new one."""
    lease: Seconds = 30.0
    """Seconds after which the calls of a process that does not show itself are taken over by others."""

    def __repr__(self) -> str:
        return f"ServerConfig(name={self.name!r}, listen={self.listen!r})"  # a database's URL may have a password


class PartnerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[partner]]"""

    oid: str
    role: Literal["EUM", "SM-DP", "SM-SR", "operator"]
    name: str = ""
    url: str = ""
    """Where it is called; empty: it only calls."""
    binding: Literal["json", "soap"] = "json"
    transport_key: str = ""
    """Of an EUM: the file with the AES-128 key, in hexadecimal, that the keys in its EIS come under."""


def load_config(path: Path, kind: type[T]) -> T:
    """Read a file; ConfigError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE).decode()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no text in UTF-8") from None
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_listen(text: str, where: str) -> Listen:
    """HOST:PORT; ConfigError names the setting."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) >= 1 << 16 or not host:
        raise ConfigError(f"{where} = {text!r} is no HOST:PORT")
    return Listen(host.strip("[]"), int(port))


def parse_loopback(text: str, where: str) -> Listen:
    """HOST:PORT of this computer; ConfigError."""
    found = parse_listen(text, where)
    try:
        loopback = found.host == "localhost" or ip_address(found.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(f"{where} = {text!r} is no address of this computer: give 127.0.0.1:PORT")
    return found


def role_of(partner: PartnerConfig) -> Oid:
    """The role that its certificate must name."""
    return _ROLES[partner.role]


def parties_of(server: ServerConfig, partners: tuple[PartnerConfig, ...]) -> Parties:
    """The partners as the bindings know them; ConfigError."""
    found: dict[Oid, Party] = {}
    for partner in partners:
        try:
            oid = Oid(partner.oid)
        except DecodeError as error:
            raise ConfigError(f"partner oid = {partner.oid!r}: {error.message}") from None
        if oid in found:
            raise ConfigError(f"partner {oid} stands twice")
        binding = Binding(partner.binding)
        found[oid] = Party(oid=oid, role=role_of(partner), url=partner.url, binding=binding, name=partner.name)
    try:
        return Parties(found.values(), server.callbacks)
    except DecodeError as error:
        raise ConfigError(f"url or callbacks: {error.message}") from None


def passphrase_of(server: ServerConfig) -> Passphrase | None:
    """The passphrase of the private keys; None where the configuration names none."""
    if not server.passphrase_env:
        return None
    return Passphrase(environment(server.passphrase_env, "passphrase_env").encode())


def environment(name: str, where: str) -> str:
    """An environment variable that a setting names; ConfigError when it is not there."""
    value = os.environ.get(name)
    if value is None:
        raise ConfigError(f"{where} names {name or 'nothing'}, which is not in the environment")
    return value
