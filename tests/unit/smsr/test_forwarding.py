# SPDX-License-Identifier: Apache-2.0
"""A chain of commands for an ISD-P that two processes hand on, one part each."""

from __future__ import annotations

import pytest

from apdu.command.apdu import CommandApdu
from apdu.gp.install import InstallForPersonalization
from apdu.gp.store_data import StoreDataMode, Structure, store_data
from apdu.ids import Aid
from apdu.tlv.scan import dgi
from smsr.api.functions import Interface
from smsr.api.messages import CreateIsdpResponse
from smsr.api.send_data import encode_commands
from smsr.api.status import Code, StatusCode
from tests.unit.kit.world import EID
from tests.unit.smsr.bench import ICCID, Bench, PaperCard, make_eis
from tests.unit.smsr.processes import Kept, World, run

SEND, CREATE = (Interface.ES3, "SendData"), (Interface.ES3, "CreateISDP")


def _store(tag: int, *, last: bool = False, first: int = 0) -> CommandApdu:
    mode = StoreDataMode(Structure.DGI, last=last, response=True)
    return store_data(dgi(tag, b"\x00"), mode, first=first)[0]


@pytest.fixture
def world() -> World:
    """A database with one card, in which an ISD-P is being filled; each `run` is a process of its own."""
    kept = Kept()
    kept.eis.add(make_eis())
    world = World(kept, PaperCard(Bench().card.certificate))
    created = run(world, CREATE, iccid=ICCID, more_to_do=True)
    assert isinstance(created, CreateIsdpResponse)
    assert created.isd_p_aid == Aid.isd_p(0x10)
    return world


def _send(world: World, *commands: CommandApdu) -> StatusCode | None:
    response = run(world, SEND, eid=EID, sd_aid=Aid.isd_p(0x10), data=encode_commands(commands), more_to_do=True)
    return response.status.code


def _install() -> CommandApdu:
    return InstallForPersonalization(application=Aid.isd_p(0x10)).command()


def test_another_process_goes_on_with_the_chain(world: World) -> None:
    assert _send(world, _install(), _store(0x3A01)) is None
    assert _send(world, _store(0x3A02, last=True, first=1)) is None
    assert _send(world, _store(0x3A02, last=True, first=1)) == Code.SD_NOT_ALLOWED.pair  # it is over


def test_a_chain_that_was_refused_or_broken_off_is_over(world: World) -> None:
    assert _send(world, _install(), _store(0x3A01)) is None
    assert _send(world, _store(0x3A03, first=1)) == Code.SD_NOT_ALLOWED.pair  # EnableProfile
    assert _send(world, _store(0x3A02, last=True, first=1)) == Code.SD_NOT_ALLOWED.pair


def test_the_chain_of_another_procedure_is_not_gone_on_with(world: World) -> None:
    assert _send(world, _install(), _store(0x3A01)) is None
    world.kept.open.remove(EID)
    assert _send(world, _store(0x3A02, last=True, first=1)) == Code.SD_NOT_ALLOWED.pair
