# SPDX-License-Identifier: Apache-2.0
"""Whole sessions through pcscd: the same as in process, two at once, and cards that are pulled out."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from smartcard.Exceptions import SmartcardException

from apdu.gp.codes import LifeCycle
from emulator.device.link import CardLink, PyscardLink
from emulator.readers.inprocess import VirtualReader
from tests.pcsc.conftest import Insert
from tests.support.flow import Flow, Link, Seen, flow_lab
from tests.support.lab import Lab


class PyscardFlowLink(Link):
    """The flow's link, over a pyscard connection."""

    def __init__(self, lab: Lab, seen: Seen, connection: Any) -> None:
        super().__init__(lab, seen)
        self.link: CardLink = PyscardLink(connection)
        self.before = -1
        """How many commands pass before something happens to the card; it happens once."""

    def transmit(self, command: bytes) -> bytes:
        self.before -= 1
        if self.before == -1:
            self.happens()
        answer = self.link.transmit(command)
        self.seen.exchanges.append((command, answer))
        self._watch(command, answer)
        return answer

    def reset(self) -> bytes:
        return self.link.reset()

    def happens(self) -> None:
        """What happens."""


def over(flow: Flow, connection: Any) -> PyscardFlowLink:
    """Lead a flow over a connection."""
    link = PyscardFlowLink(flow.lab, flow.seen, connection)
    flow.link = link
    return link


def test_the_same_session_gives_the_same_responses(insert: Insert) -> None:
    """Two equal cards, everything from the download of a profile to its deletion, byte for byte."""
    flows = [Flow(flow_lab()) for _ in range(2)]
    virtual = VirtualReader("virtual", flows[0].lab.card).createConnection()
    virtual.connect()
    for flow, connection in zip(flows, (virtual, insert(flows[1].lab.card).connect()), strict=True):
        over(flow, connection)
        flow.run()
        connection.disconnect()
        assert not flow.lab.recorder.errors
    assert len(flows[0].seen.exchanges) > 100
    assert flows[0].seen.exchanges == flows[1].seen.exchanges
    assert flows[0].lab.snapshot() == flows[1].lab.snapshot()


def test_two_readers_at_once(insert: Insert) -> None:
    flows = [Flow(flow_lab(seed)) for seed in (1, 2)]
    connections = [insert(flow.lab.card, slot).connect() for slot, flow in enumerate(flows)]
    for flow, connection in zip(flows, connections, strict=True):
        over(flow, connection)
    threads = [threading.Thread(target=flow.run) for flow in flows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for flow, connection in zip(flows, connections, strict=True):
        assert flow.step == "the end"
        assert not flow.lab.recorder.errors
        connection.disconnect()


@pytest.mark.parametrize("commands, staged", [(7, False), (13, True), (16, True)])
def test_a_card_is_pulled_out_in_the_middle_of_a_download(insert: Insert, commands: int, staged: bool) -> None:
    """The ISD-P keeps its keys and nothing of the profile; put in again, the card takes the download from its start."""
    lab = flow_lab()
    flow = Flow(lab)
    inserted = insert(lab.card)
    link = over(flow, inserted.connect())
    download = next(number for number, (name, _) in enumerate(flow.steps) if name == "download")
    name, step = flow.steps[download]

    def disturbed() -> None:
        link.before = commands
        step()

    link.happens = inserted.remove  # type: ignore[method-assign]
    flow.steps[download] = (name, disturbed)
    with pytest.raises(SmartcardException):
        flow.run()
    assert flow.step == "download"
    assert any(key.startswith("stage/") for key in lab.snapshot()) is staged
    flow.steps[download] = (name, step)
    over(flow, insert(lab.card).connect())
    assert not any(key.startswith("stage/") for key in lab.snapshot())
    flow.run()
    assert flow.step == "the end"
    assert flow.state() is None
    assert LifeCycle.ENABLED in {record.state for record in lab.card.registry.isd_ps()}
    assert not lab.recorder.errors
