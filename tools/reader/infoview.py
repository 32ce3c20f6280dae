# SPDX-License-Identifier: Apache-2.0
"""What a card told about itself, as text of 80 columns and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any, Final

import click

from apdu.gp.codes import LifeCycle
from apdu.keys.certificate import Certificate
from tools.reader.connection import open_card
from tools.reader.info import CardInfo, gather
from tools.reader.options import ReaderOptions
from tools.text import printable, thousands

__all__ = ["as_json", "lines", "show_card"]

_LABEL: Final = 13
_WIDTH: Final = 80
_NONE: Final = "-"


def show_card(options: ReaderOptions) -> None:
    """Print what there is to know."""
    with open_card(options) as card:
        info = gather(card)
    if options.as_json:
        click.echo(json.dumps(as_json(info), indent=2))
    else:
        for line in lines(info):
            click.echo(line)


def lines(info: CardInfo) -> Iterator[str]:
    """It as text."""
    yield from _row("Reader", info.reader)
    yield from _row("ATR", info.atr.raw.hex(" ").upper())
    for part in info.atr.lines():
        yield from _row("", part)
    yield from _row("EID", str(info.eid) if info.eid is not None else _NONE)
    yield from _row("ICCID", str(info.iccid) if info.iccid is not None else f"{_NONE} (no profile is enabled)")
    if info.name is not None:
        yield from _row("Name", printable(info.name, 32))
    channels = ", ".join(f"SCP{scp:02X} i={i:02X}" for scp, i in info.protocols)
    yield from _row("ISD-R", (f"present, {channels}" if channels else "present") if info.has_isd_r else "not present")
    yield from _row("ECASD", "present" if info.has_ecasd else "not present")
    if info.certificate is not None:
        yield from _certificate_rows(info.certificate)
    if info.resources is not None:
        free, volatile = info.resources.free_nonvolatile, info.resources.free_volatile
        yield from _row("Memory", f"{thousands(free)} bytes free, {thousands(volatile)} volatile")
    for number, each in enumerate(info.applications):
        text = f"{each.aid} {printable(each.label, 32)}".rstrip()
        yield from _row("" if number else "Applications", text)
    yield from _profile_rows(info)


def _certificate_rows(certificate: Certificate) -> Iterator[str]:
    yield from _row("Certificate", f"serial {certificate.serial.hex().upper()}")
    yield from _row("", f"issuer {certificate.ca_identifier.hex().upper()}")
    yield from _row("", f"valid to {certificate.content.expiration}, key on {certificate.public_key.curve.name}")


def _profile_rows(info: CardInfo) -> Iterator[str]:
    if info.profiles is None:
        if info.has_isd_r:
            yield from _row("Profiles", "the ISD-R lists them with its keys (-k ENC:MAC:DEK)")
        return
    for number, each in enumerate(info.profiles):
        marks = ", fall-back" * each.fall_back + ", emergency" * each.emergency
        yield from _row("" if number else "Profiles", f"{each.aid} {LifeCycle.describe(each.state)}{marks}")
    if not info.profiles:
        yield from _row("Profiles", "none")


def _row(name: str, text: str) -> Iterator[str]:
    width = _WIDTH - _LABEL
    for number, part in enumerate(wrap(text, width, break_on_hyphens=False) or [""]):
        yield f"{'' if number else name:<{_LABEL}}{part}".rstrip()


def as_json(info: CardInfo) -> dict[str, Any]:
    """It as an object; null for what the card does not tell."""
    certificate = info.certificate
    resources = info.resources
    return {
        "reader": info.reader,
        "atr": {
            "bytes": info.atr.raw.hex().upper(),
            "historical": info.atr.historical.hex().upper(),
            "protocols": list(info.atr.protocols),
            "tck": info.atr.check,
            "meaning": info.atr.lines(),
        },
        "eid": None if info.eid is None else str(info.eid),
        "iccid": None if info.iccid is None else str(info.iccid),
        "name": info.name,
        "isd_r": {"present": info.has_isd_r, "protocols": [f"SCP{scp:02X} i={i:02X}" for scp, i in info.protocols]},
        "ecasd": {"present": info.has_ecasd},
        "certificate": None
        if certificate is None
        else {
            "serial": certificate.serial.hex().upper(),
            "subject": certificate.subject.hex().upper(),
            "issuer": certificate.ca_identifier.hex().upper(),
            "expires": str(certificate.content.expiration),
            "curve": certificate.public_key.curve.name,
        },
        "memory": None
        if resources is None
        else {"free": resources.free_nonvolatile, "free_volatile": resources.free_volatile},
        "applications": [{"aid": str(each.aid), "label": each.label} for each in info.applications],
        "profiles": None
        if info.profiles is None
        else [
            {
                "aid": str(each.aid),
                "state": LifeCycle.describe(each.state),
                "fall_back": each.fall_back,
                "emergency": each.emergency,
            }
            for each in info.profiles
        ],
    }
