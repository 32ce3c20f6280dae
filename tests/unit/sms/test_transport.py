# SPDX-License-Identifier: Apache-2.0
"""The network in one process: who gets what, and what trouble does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apdu.errors import DecodeError
from apdu.keys.entropy import SeededEntropy
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.sms.transport import LocalSms, Trouble
from apdu.sms.userdata import UserData

SERVER, DEVICE, OTHER = map(Address.of, ("+491710000001", "+491720000001", "+491720000002"))
TIME = datetime(2025, 1, 1, tzinfo=UTC)


def deliver(number: int) -> bytes:
    data = UserData(number.to_bytes(4, "big"))
    return Deliver(originator=SERVER, time=TIME, data=data).encode()


class Server:
    def __init__(self) -> None:
        self.got: list[tuple[Address, bytes]] = []
        self.reports: list[tuple[Address, bool]] = []

    def submitted(self, sender: Address, tpdu: bytes) -> None:
        self.got.append((sender, tpdu))

    def reported(self, to: Address, report: bytes, error: bool) -> None:
        assert DeliverReport.decode(report, error=error).failure == (0xD5 if error else None)
        self.reports.append((to, error))


class Device:
    def __init__(self) -> None:
        self.got: list[int] = []
        self.covered = True
        self.failure: int | None = None

    def take(self, tpdu: bytes) -> DeliverReport | None:
        if not self.covered:
            return None
        self.got.append(int.from_bytes(Deliver.decode(tpdu).data.payload, "big"))
        return DeliverReport(failure=self.failure)


def network(**trouble: float) -> tuple[LocalSms, Server, Device]:
    made, server, device = LocalSms(SeededEntropy(b"sms"), Trouble(**trouble)), Server(), Device()
    made.serve(SERVER, server)
    made.connect(DEVICE, device.take)
    return made, server, device


def settle(made: LocalSms) -> None:
    while made.step():
        pass


def test_messages_go_where_they_are_addressed_and_reports_come_back() -> None:
    made, server, device = network()
    made.send(DEVICE, deliver(1))
    assert device.got == []  # nothing moves by itself
    device.failure = 0xD5
    settle(made)
    assert (device.got, server.reports) == ([1], [(DEVICE, True)])
    tpdu = Submit(destination=SERVER, data=UserData(b"up")).encode()
    made.submit(DEVICE, tpdu)
    made.submit(DEVICE, Submit(destination=OTHER, data=UserData(b"lost")).encode())
    settle(made)
    assert server.got == [(DEVICE, tpdu)]
    with pytest.raises(DecodeError):
        made.submit(DEVICE, b"\x01")


def test_what_a_device_out_of_coverage_misses_comes_when_it_is_back() -> None:
    made, server, device = network()
    device.covered = False
    for number in (1, 2):
        made.send(DEVICE, deliver(number))
    settle(made)
    assert (device.got, server.reports) == ([], [])
    device.covered = True
    made.alert(DEVICE)
    settle(made)
    assert device.got == [1, 2]


def test_trouble_is_as_frequent_as_it_was_ordered_and_the_same_each_time() -> None:
    seen = []
    for _ in range(2):
        made, server, device = network(lost=0.2, duplicated=0.2, reordered=0.2)
        for number in range(2000):
            made.send(DEVICE, deliver(number))
        settle(made)
        seen.append(device.got)
        distinct = set(device.got)
        assert 1500 < len(distinct) < 1700
        assert 260 < len(device.got) - len(distinct) < 380
        assert device.got != sorted(device.got)
        assert len(server.reports) < len(device.got) * 1.1
    assert seen[0] == seen[1]
