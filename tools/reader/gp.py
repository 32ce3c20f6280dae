# SPDX-License-Identifier: Apache-2.0
"""`euicc gp`: GlobalPlatform commands for any security domain of the card in the reader (GPCS 11)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from apdu.gp.store_data import Structure
from apdu.ids import ISD_R
from tools.reader.connection import OpenCard, open_card
from tools.reader.domain import SecurityDomain
from tools.reader.options import ReaderOptions, StaticKeys
from tools.reader.output import show
from tools.reader.registry import delete_command, read_facts, read_registry, send_blocks, write_keys

__all__ = ["DomainOptions", "delete", "list_registry", "put_key", "send_data", "show_domain"]


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


def list_registry(options: DomainOptions) -> None:
    """GET STATUS of everything that the domain lists."""
    with _opened(options) as (_, domain):
        registry = read_registry(domain)
    show(registry, as_json=options.reader.as_json)


def show_domain(options: DomainOptions) -> None:
    """Secure channel protocols, keys and sequence counter; needs no keys."""
    with _opened(options, keys=False) as (_, domain):
        facts = read_facts(domain)
    show(facts, as_json=options.reader.as_json)


def put_key(options: DomainOptions, keys: StaticKeys, version: int, replaces: int) -> None:
    """PUT KEY of an SCP03 set."""
    with _opened(options) as (card, domain):
        written = write_keys(card, domain, keys, card.require_keys().dek, (version, replaces))
    show(written, as_json=options.reader.as_json)


def send_data(options: DomainOptions, data: bytes, structure: str) -> None:
    """STORE DATA, in as many blocks as it takes."""
    with _opened(options) as (card, domain):
        card.require_keys()
        answer = send_blocks(domain, data, Structure[structure.upper().replace("-", "_")])
    if options.reader.as_json:
        click.echo(json.dumps({"data": answer.hex().upper()}))
    else:
        click.echo(answer.hex().upper() or "done")


def delete(options: DomainOptions, aid: bytes | None, key: tuple[int | None, int | None], *, related: bool) -> None:
    """DELETE of an application, or of keys by version and identifier."""
    command = delete_command(aid, key, related=related)
    with _opened(options) as (card, domain):
        card.require_keys()
        domain.expect(command, "DELETE")
    click.echo(json.dumps({"deleted": True}) if options.reader.as_json else "deleted")
