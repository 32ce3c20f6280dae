# SPDX-License-Identifier: Apache-2.0
"""`euicc lab up`: a whole lab as processes of this computer, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from tools.errors import ToolError
from tools.lab.create import create
from tools.lab.fill import fill_stock, register_cards
from tools.lab.health import is_ready, state_pid
from tools.lab.layout import HOST, PROFILE_TYPE, Lab, open_lab
from tools.lab.ports import check_free
from tools.lab.state import StateFile
from tools.lab.supervisor import Part, Stopped, Supervisor

__all__ = ["up"]

_CARDS: Final = 3
_EACH: Final = 2
"""Profiles in stock for each card."""


def up(path: Path, cards: int | None, profiles: int | None) -> None:
    """Make the lab if it is not there, and run it; ToolError when that cannot be."""
    if not (path / "lab.json").exists():
        number = _CARDS if cards is None else cards
        create(path, number, _EACH * number if profiles is None else profiles)
        click.echo(f"made      {path.absolute()}")
    lab = open_lab(path)
    for wanted, there, what in ((cards, lab.file.cards, "cards"), (profiles, lab.file.profiles, "profiles")):
        if wanted not in (None, len(there)):
            raise ToolError(f"{path} is there and has {len(there)} {what}: name another folder for a lab with {wanted}")
    with _alone(lab):
        check_free(lab.ports)
        try:
            _run(lab)
        except Stopped:
            click.echo("stopped")


@contextmanager
def _alone(lab: Lab) -> Iterator[None]:
    """One process at a time runs a lab."""
    descriptor = os.open(lab.path / "run" / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ToolError(f"{lab.path} is up already: `euicc status {lab.path}` shows how it is") from None
        yield
    finally:
        os.close(descriptor)


def _run(lab: Lab) -> None:
    with Supervisor(click.echo) as supervisor, StateFile(lab.run("up"), supervisor.figures):
        fill_stock(lab)
        supervisor.start(*_servers(lab))
        register_cards(lab, supervisor.check)
        supervisor.start(_devices(lab))
        click.echo("\n".join(_table(lab, supervisor.parts)))
        supervisor.watch()


def _servers(lab: Lab) -> Iterator[Part]:
    ports = lab.ports
    smsc = ("smsc", "serve", "--bind", f"{HOST}:{ports.smsc}", "--state", str(lab.run("smsc")))
    yield Part("smsc", smsc, lab.log("smsc"), lambda pid: state_pid(lab, "smsc") == pid)
    for name, arguments, plain in (
        ("operator", ("lab", "operator", str(lab.path)), ports.operator_plain),
        ("sm-sr", ("smsr", "serve", "--config", str(lab.sm_sr)), ports.sm_sr_plain),
        ("sm-dp", ("smdp", "serve", "--config", str(lab.sm_dp)), ports.sm_dp_plain),
    ):
        yield Part(name, arguments, lab.log(name), lambda pid, plain=plain: is_ready(plain))  # type: ignore[misc]


def _devices(lab: Lab) -> Part:
    arguments = ("lab", "devices", str(lab.path))
    return Part("devices", arguments, lab.log("devices"), lambda pid: state_pid(lab, "devices") == pid)


def _table(lab: Lab, parts: list[Part]) -> Iterator[str]:
    ports = lab.ports
    where = {
        "smsc": f"{HOST}:{ports.smsc}",
        "operator": f"https://{HOST}:{ports.operator}",
        "sm-sr": f"https://{HOST}:{ports.sm_sr}/docs, cards {HOST}:{ports.cards}",
        "sm-dp": f"https://{HOST}:{ports.sm_dp}/docs",
        "devices": f"{len(lab.file.cards)} cards",
    }
    for part in parts:
        yield f"✓ {part.name:9} process {part.pid}, {where[part.name]}"
        yield f"{'':12}{part.log}"
    for card in lab.file.cards:
        yield f"  card      {card.eid}, +{card.msisdn}"
    yield f"  stock     {len(lab.file.profiles)} profiles of type {PROFILE_TYPE}"
    yield ""
    yield from _examples(lab)
    yield f"  euicc status {shlex.quote(str(lab.path))}"
    yield "Ctrl-C ends everything."


def _examples(lab: Lab) -> Iterator[str]:
    """Commands to begin with: the first card gets a profile, and is looked at."""
    sm_dp = f"--server https://{HOST}:{lab.ports.sm_dp} --pki {shlex.quote(str(lab.pki))}"
    card = f"--eid {lab.file.cards[0].eid} --smsr-id {lab.oid('sm-sr')}"
    yield f"  euicc es2 DownloadProfile {sm_dp} {card} --profile-type {PROFILE_TYPE} --enable-profile --wait"
    yield f"  euicc es2 GetEIS {sm_dp} {card}"
