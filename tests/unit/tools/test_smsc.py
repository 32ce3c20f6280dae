# SPDX-License-Identifier: Apache-2.0
"""The service centre without a network: who gets what, in which order, and nothing that stays behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from apdu.sms.transport import NO_TROUBLE
from smsr.bearers.smpp import Fields
from tools.smsc.centre import Centre
from tools.smsc.mailboxes import Kept, Mailboxes, Routes, trouble_of


def fields(to: str, text: bytes = b"x") -> Fields:
    return Fields(
        source_addr_ton=1, source_addr_npi=1, source_addr="1", dest_addr_ton=1, dest_addr_npi=1, destination_addr=to,
        service_type="", esm_class=0, protocol_id=0, registered_delivery=0, data_coding=4, short_message=text, tlvs=[],
    )  # fmt: skip


@dataclass
class Receiver:
    """A session that takes what comes."""

    system_id: str = "2"
    session_id: str = "two"
    can_receive: bool = True
    got: list[bytes] = field(default_factory=list)

    async def deliver_sm(self, **message: object) -> Receiver:
        await asyncio.sleep(0)
        text = message["short_message"]
        assert isinstance(text, bytes)
        self.got.append(text)
        return self

    is_success = True


def test_message_that_comes_while_a_delivery_ends_is_delivered() -> None:
    receiver = Receiver()

    async def run() -> None:
        centre = Centre(NO_TROUBLE, lambda: 1.0, lambda _: None)
        centre._sessions["two"] = receiver  # type: ignore[assignment]
        centre._routes.bound("2", "two")
        centre._keep(Kept("1", fields("2", b"one")))
        centre._deliver()
        (task,) = centre._working.values()
        while not task.done():
            await asyncio.sleep(0)
        assert centre._working  # it has ended, and nobody has heard of it yet
        centre._keep(Kept("2", fields("2", b"two")))
        centre._deliver()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not centre._working

    asyncio.run(run())
    assert receiver.got == [b"one", b"two"]


def test_mailboxes_keep_the_order_of_each_number() -> None:
    boxes = Mailboxes()
    for number, to in enumerate("2322"):
        boxes.put(Kept(str(number), fields(to)))
    assert (len(boxes), boxes.numbers()) == (4, ["2", "3"])
    order = []
    while (first := boxes.first("2")) is not None:
        order.append(first.number)
        boxes.drop_first("2")
    assert order == ["0", "2", "3"]
    assert (len(boxes), boxes.numbers(), boxes.first("4")) == (1, ["3"], None)


def test_numbers_lead_to_the_newest_session() -> None:
    routes = Routes()
    routes.bound("+4917", "old")
    routes.bound("4917", "new")
    assert routes.session("4917") == "new"
    routes.ended("new")
    assert routes.session("4917") == "old"
    routes.ended("old")
    assert routes.session("4917") is None


def test_names_have_the_numbers_that_they_sent_from() -> None:
    routes = Routes()
    routes.bound("server", "one")
    assert routes.session("4917") is None
    routes.sent("server", "4917")
    assert routes.session("4917") == "one"
    routes.sent("other", "4917")  # the last one who used it
    assert routes.session("4917") is None
    routes.bound("4917", "own")  # a name that is the number goes first
    routes.sent("server", "4917")
    assert routes.session("4917") == "own"


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_share_of_trouble_is_divided_by_three(share: float) -> None:
    trouble = trouble_of(share)
    assert trouble.lost == trouble.duplicated == trouble.reordered == share / 3
