# SPDX-License-Identifier: Apache-2.0
"""What a security domain lists and tells about itself, and what is sent to it (GPCS 11)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import click

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import RemoteProtocolError, SecurityError
from apdu.gp.codes import LifeCycle, Privilege
from apdu.gp.delete import DELETE_ISD_P, DeleteKeys, DeleteObject
from apdu.gp.keys import PutKey, PutKeyEntry, PutKeyResponse
from apdu.gp.recognition import CardData, KeyInformation, KeyInformationTemplate, get_data
from apdu.gp.status import RegistryEntry, StatusQuery, StatusScope, decode_entries
from apdu.gp.store_data import StoreDataMode, Structure, store_data
from apdu.ids import Aid
from apdu.keys.secret import KeyType, SecretKey
from apdu.tlv.scan import split
from apdu.trace.events import Json
from tools.reader.channel import CardAccess
from tools.reader.domain import MAX_CLEAR, SecurityDomain
from tools.reader.info import protocol_of
from tools.reader.options import StaticKeys

__all__ = [
    "DomainFacts",
    "NewKeys",
    "Registry",
    "delete_command",
    "read_facts",
    "read_registry",
    "send_blocks",
    "write_keys",
]

_MAX_PAGES: Final = 256
_SCOPES: Final = {
    StatusScope.ISSUER_SECURITY_DOMAIN: "issuer security domain",
    StatusScope.APPLICATIONS: "applications and security domains",
    StatusScope.LOAD_FILES: "load files",
}
_NOT_SERVED: Final = (SW.REFERENCED_DATA_NOT_FOUND, SW.WRONG_P1P2)
_RELATED: Final = 0x80
_COUNTER: Final = 0x00C1


# --- what is listed


@dataclass(frozen=True, slots=True)
class Registry:
    """Registry entries by what they are."""

    found: Mapping[StatusScope, tuple[RegistryEntry, ...]]

    def lines(self) -> Iterator[str]:
        """AID, state and privileges of each."""
        for scope, entries in self.found.items():
            if entries:
                yield f"{_SCOPES[scope]}:"
            for each in entries:
                yield f"  {each.aid or '-'}  {_state(each)}"
                privileges = _privileges(each)
                if privileges:
                    yield from click.wrap_text(", ".join(privileges), 78, "    ", "    ").splitlines()
        if not any(self.found.values()):
            yield "nothing is listed"

    def json(self) -> Json:
        """An object for each."""
        return [_as_json(scope, each) for scope in self.found for each in self.found[scope]]


def read_registry(domain: SecurityDomain, *scopes: StatusScope) -> Registry:
    """GET STATUS of everything that the domain lists, or of those scopes."""
    return Registry({scope: tuple(_entries(domain, scope)) for scope in scopes or _SCOPES})


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


def _as_json(scope: StatusScope, entry: RegistryEntry) -> Json:
    privileges: list[Json] = [*_privileges(entry)]
    return {
        "kind": scope.name.lower(),
        "aid": None if entry.aid is None else str(entry.aid),
        "state": _state(entry),
        "privileges": privileges,
    }


# --- what it tells about itself


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """Secure channel protocols, sequence counter, keys."""

    aid: bytes
    protocols: tuple[str, ...]
    counter: int | None
    keys: tuple[KeyInformation, ...]

    def lines(self) -> Iterator[str]:
        """A row for each."""
        yield f"AID        {self.aid.hex().upper()}"
        yield f"Protocols  {', '.join(self.protocols) or 'none'}"
        if self.counter is not None:
            yield f"Counter    {self.counter}"
        for number, key in enumerate(self.keys):
            yield f"{'' if number else 'Keys':<11}KVN {key.kvn:02X} KID {key.kid:02X}  {', '.join(_components(key))}"
        if not self.keys:
            yield "Keys       none"

    def json(self) -> Json:
        """The same as an object."""
        return {
            "aid": self.aid.hex().upper(),
            "protocols": [*self.protocols],
            "counter": self.counter,
            "keys": [
                {"kvn": f"{key.kvn:02X}", "kid": f"{key.kid:02X}", "components": [*_components(key)]}
                for key in self.keys
            ],
        }


def read_facts(domain: SecurityDomain) -> DomainFacts:
    """GET DATA of what needs no keys."""
    recognition, information = domain.send(get_data(0x66)), domain.send(get_data(0xE0))
    counter = domain.send(get_data(_COUNTER))
    protocols = CardData.from_tlv(recognition.data).recognition.protocols if recognition.sw == SW.OK else ()
    return DomainFacts(
        domain.aid,
        tuple(f"SCP{scp:02X} i={i:02X}" for scp, i in (protocol_of(each.oid) for each in protocols)),
        int.from_bytes(split(counter.data)[0].value, "big") if counter.sw == SW.OK else None,
        tuple(KeyInformationTemplate.from_tlv(information.data).keys) if information.sw == SW.OK else (),
    )


def _components(key: KeyInformation) -> Iterator[str]:
    for part in key.components:
        known = part.type in tuple(KeyType)
        yield f"{KeyType(part.type).name.replace('_', '-') if known else f'type {part.type:02X}'} {part.length} bytes"


# --- what changes the card


@dataclass(frozen=True, slots=True)
class NewKeys:
    """A key set that the card has now."""

    kvn: int
    check_values: tuple[bytes, ...]

    def lines(self) -> Iterator[str]:
        """Version and check values."""
        yield f"KVN {self.kvn:02X} written, check values {' '.join(each.hex().upper() for each in self.check_values)}"

    def json(self) -> Json:
        """The same as an object."""
        return {"kvn": f"{self.kvn:02X}", "kcv": [each.hex().upper() for each in self.check_values]}


def write_keys(
    card: CardAccess, domain: SecurityDomain, keys: StaticKeys, dek: SecretKey, versions: tuple[int, int]
) -> NewKeys:
    """PUT KEY of an SCP03 set, identifiers 1 to 3, encrypted under the domain's DEK; the new version, the old or 0."""
    version, replaces = versions
    card.keep_secret(keys.enc, keys.mac, keys.dek)
    new = [SecretKey(each) for each in (keys.enc, keys.mac, keys.dek)]
    entries = tuple(PutKeyEntry.protect(each, dek) for each in new)
    command = PutKey(version, entries, kid=1, replaces=replaces).command()
    answer = PutKeyResponse.decode(domain.expect(command, "PUT KEY"))
    expected = b"".join(each.kcv for each in new)
    if answer.kvn != version or not hmac.compare_digest(b"".join(answer.kcvs), expected):
        raise SecurityError("PUT KEY: the card answers with other check values: it holds other keys now")
    return NewKeys(version, tuple(each.kcv for each in new))


def send_blocks(domain: SecurityDomain, data: bytes, structure: Structure) -> bytes:
    """STORE DATA, in as many blocks as it takes; what the last one answers."""
    mode = StoreDataMode(structure, response=True)
    answer = b""
    for block in store_data(data, mode, size=MAX_CLEAR):
        answer = domain.expect(block, f"STORE DATA block {block.p2:02X}")
    return answer


def delete_command(aid: bytes | None, key: tuple[int | None, int | None], *, related: bool) -> CommandApdu:
    """DELETE of an application, or of keys by version and identifier."""
    kvn, kid = key
    if aid is None:
        return DeleteKeys(kid=kid, kvn=kvn).command()
    target = Aid(aid)
    return DeleteObject(aid=target).command(p2=DELETE_ISD_P if target.is_isd_p else _RELATED if related else 0)
