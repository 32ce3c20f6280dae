# SPDX-License-Identifier: Apache-2.0
"""`euicc gp`: GlobalPlatform commands for any security domain of the card in the reader (GPCS 11)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from apdu.command.status import SW
from apdu.errors import RemoteProtocolError, SecurityError
from apdu.gp.codes import LifeCycle, Privilege
from apdu.gp.delete import DELETE_ISD_P, DeleteKeys, DeleteObject
from apdu.gp.keys import PutKey, PutKeyEntry, PutKeyResponse
from apdu.gp.recognition import CardData, KeyInformation, KeyInformationTemplate, get_data
from apdu.gp.status import RegistryEntry, StatusQuery, StatusScope, decode_entries
from apdu.gp.store_data import StoreDataMode, Structure, store_data
from apdu.ids import ISD_R, Aid
from apdu.keys.secret import KeyType, SecretKey
from apdu.tlv.scan import split
from tools.reader.connection import OpenCard, open_card
from tools.reader.domain import MAX_CLEAR, SecurityDomain
from tools.reader.info import protocol_of
from tools.reader.options import ReaderOptions, StaticKeys

__all__ = ["DomainOptions", "delete", "list_registry", "put_key", "send_data", "show_domain"]

_MAX_PAGES: Final = 256
_SCOPES: Final = {
    StatusScope.ISSUER_SECURITY_DOMAIN: "issuer security domain",
    StatusScope.APPLICATIONS: "applications and security domains",
    StatusScope.LOAD_FILES: "load files",
}
_NOT_SERVED: Final = (SW.REFERENCED_DATA_NOT_FOUND, SW.WRONG_P1P2)
_RELATED: Final = 0x80
_COUNTER: Final = 0x00C1


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainOptions:
    """Which security domain, at which level of SCP03, on the card of which reader."""

    reader: ReaderOptions
    aid: bytes = ISD_R
    level: int = 0x33


@contextmanager
def _opened(options: DomainOptions, *, keys: bool = True) -> Iterator[tuple[OpenCard, SecurityDomain]]:
    with open_card(options.reader) as card:
        yield card, SecurityDomain(card, options.aid, card.key_set if keys else None, options.level)


# --- list and info


def list_registry(options: DomainOptions) -> None:
    """GET STATUS of everything that the domain lists."""
    with _opened(options) as (_, domain):
        found = {scope: tuple(_entries(domain, scope)) for scope in _SCOPES}
    if options.reader.as_json:
        click.echo(json.dumps([_as_json(scope, each) for scope in found for each in found[scope]], indent=2))
        return
    for scope, entries in found.items():
        if entries:
            click.echo(f"{_SCOPES[scope]}:")
        for each in entries:
            click.echo(f"  {each.aid or '-'}  {_state(each)}")
            privileges = _privileges(each)
            if privileges:
                click.echo("\n".join(click.wrap_text(", ".join(privileges), 78, "    ", "    ").splitlines()))
    if not any(found.values()):
        click.echo("nothing is listed")


def _entries(domain: SecurityDomain, scope: StatusScope) -> Iterator[RegistryEntry]:
    for page in range(_MAX_PAGES):
        response = domain.send(StatusQuery(scope, following=page > 0).command())
        if response.sw in _NOT_SERVED:
            return
        if response.sw == SW.MORE_DATA:
            yield from decode_entries(response.data)
            continue
        yield from decode_entries(domain.accept(response, "GET STATUS"))
        return
    raise RemoteProtocolError("GET STATUS: the list has no end")


def _state(entry: RegistryEntry) -> str:
    return "" if entry.state is None else LifeCycle.describe(entry.state)


def _privileges(entry: RegistryEntry) -> list[str]:
    return [each.name.replace("_", " ").lower() for each in entry.privileges or Privilege(0) if each.name]


def _as_json(scope: StatusScope, entry: RegistryEntry) -> dict[str, object]:
    return {
        "kind": scope.name.lower(),
        "aid": None if entry.aid is None else str(entry.aid),
        "state": _state(entry),
        "privileges": _privileges(entry),
    }


def show_domain(options: DomainOptions) -> None:
    """Secure channel protocols, keys and sequence counter; needs no keys."""
    with _opened(options, keys=False) as (_, domain):
        recognition, information = domain.send(get_data(0x66)), domain.send(get_data(0xE0))
        counter = domain.send(get_data(_COUNTER))
    protocols = CardData.from_tlv(recognition.data).recognition.protocols if recognition.sw == SW.OK else ()
    named = [f"SCP{scp:02X} i={i:02X}" for scp, i in (protocol_of(each.oid) for each in protocols)]
    keys = KeyInformationTemplate.from_tlv(information.data).keys if information.sw == SW.OK else ()
    count = int.from_bytes(split(counter.data)[0].value, "big") if counter.sw == SW.OK else None
    if options.reader.as_json:
        found = {
            "aid": options.aid.hex().upper(),
            "protocols": named,
            "counter": count,
            "keys": [
                {"kvn": f"{key.kvn:02X}", "kid": f"{key.kid:02X}", "components": list(_components(key))} for key in keys
            ],
        }
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"AID        {options.aid.hex().upper()}")
    click.echo(f"Protocols  {', '.join(named) or 'none'}")
    if count is not None:
        click.echo(f"Counter    {count}")
    for number, key in enumerate(keys):
        click.echo(f"{'' if number else 'Keys':<11}KVN {key.kvn:02X} KID {key.kid:02X}  {', '.join(_components(key))}")
    if not keys:
        click.echo("Keys       none")


def _components(key: KeyInformation) -> Iterator[str]:
    for part in key.components:
        known = part.type in tuple(KeyType)
        yield f"{KeyType(part.type).name.replace('_', '-') if known else f'type {part.type:02X}'} {part.length} bytes"


# --- what changes the card


def put_key(options: DomainOptions, keys: StaticKeys, version: int, replaces: int) -> None:
    """PUT KEY of an SCP03 set, identifiers 1 to 3, encrypted under the domain's DEK."""
    with _opened(options) as (card, domain):
        dek = card.require_keys().dek
        card.keep_secret(keys.enc, keys.mac, keys.dek)
        new = [SecretKey(each) for each in (keys.enc, keys.mac, keys.dek)]
        entries = tuple(PutKeyEntry.protect(each, dek) for each in new)
        command = PutKey(version, entries, kid=1, replaces=replaces).command()
        answer = PutKeyResponse.decode(domain.expect(command, "PUT KEY"))
    expected = b"".join(each.kcv for each in new)
    if answer.kvn != version or not hmac.compare_digest(b"".join(answer.kcvs), expected):
        raise SecurityError("PUT KEY: the card answers with other check values: it holds other keys now")
    if options.reader.as_json:
        click.echo(json.dumps({"kvn": f"{version:02X}", "kcv": [each.kcv.hex().upper() for each in new]}))
    else:
        click.echo(f"KVN {version:02X} written, check values {' '.join(each.kcv.hex().upper() for each in new)}")


def send_data(options: DomainOptions, data: bytes, structure: str) -> None:
    """STORE DATA, in as many blocks as it takes."""
    mode = StoreDataMode(Structure[structure.upper().replace("-", "_")], response=True)
    with _opened(options) as (card, domain):
        card.require_keys()
        answer = b""
        for block in store_data(data, mode, size=MAX_CLEAR):
            answer = domain.expect(block, f"STORE DATA block {block.p2:02X}")
    if options.reader.as_json:
        click.echo(json.dumps({"data": answer.hex().upper()}))
    else:
        click.echo(answer.hex().upper() or "done")


def delete(options: DomainOptions, aid: bytes | None, key: tuple[int | None, int | None], *, related: bool) -> None:
    """DELETE of an application, or of keys by version and identifier."""
    kvn, kid = key
    if aid is not None:
        target = Aid(aid)
        command = DeleteObject(aid=target).command(p2=DELETE_ISD_P if target.is_isd_p else _RELATED if related else 0)
    else:
        command = DeleteKeys(kid=kid, kvn=kvn).command()
    with _opened(options) as (card, domain):
        card.require_keys()
        domain.expect(command, "DELETE")
    click.echo(json.dumps({"deleted": True}) if options.reader.as_json else "deleted")
