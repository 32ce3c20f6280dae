# SPDX-License-Identifier: Apache-2.0
"""`euicc lab devices`: a phone around each card of the lab, in one network, all in one process.

Each device has a thread, which has the card's image, its channels and its session with the SMSC. One that fails starts
anew after a while, from what its image holds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import click

from apdu.cat.codes import CommandType
from apdu.errors import M2mError
from emulator.device.channels import Channels
from emulator.device.device import Carried, Device, Surroundings
from emulator.device.link import VirtualLink
from emulator.device.settings import Settings
from emulator.device.waiting import Waiting
from emulator.memory.image import ImageBackend
from emulator.network.auc import AuC
from emulator.network.network import Network
from tools.cards.serve import open_card
from tools.device.report import Report
from tools.device.run import CAPABILITY, live
from tools.device.smpp import SmppService
from tools.ending import Ending
from tools.entropy import SystemEntropy
from tools.lab.layout import HOST, Lab
from tools.lab.state import StateFile
from tools.subscription import read_file, read_profile

__all__ = ["Fleet", "run"]

_AGAIN: Final = 5.0
"""Seconds until a device that failed starts anew."""
_UNSAID: Final = frozenset(
    (
        CommandType.SEND_DATA,
        CommandType.RECEIVE_DATA,
        CommandType.GET_CHANNEL_STATUS,
        CommandType.TIMER_MANAGEMENT,
        CommandType.POLL_INTERVAL,
    )
)
"""Commands that are counted only: hundreds for one profile."""


class _Handheld:
    """One device with its thread."""

    def __init__(self, eid: str, lab: Lab, auc: AuC, report: Report) -> None:
        self.eid = eid
        self._lab = lab
        self._auc = auc
        self._report = report
        self._stop = Event()
        self._ring: Callable[[], None] = lambda: None
        self._device: Device | None = None
        self._service: SmppService | None = None
        self._counts: Counter[str] = Counter()
        self._fault = ""
        self.thread = Thread(target=self._run, name=eid, daemon=True)

    def stop(self) -> None:
        """End as soon as the card has answered what it is asked."""
        self._stop.set()
        self._ring()

    def figures(self) -> dict[str, object]:
        """How it is, from any thread."""
        device, service = self._device, self._service
        identity = device.identity if device is not None else None
        bip = device.bip if device is not None else None
        return {
            "eid": self.eid,
            "iccid": "" if identity is None else str(identity.iccid),
            "imsi": "" if identity is None else str(identity.imsi),
            "number": "" if device is None or device.number is None else str(device.number),
            "service": "off" if device is None else device.service.name.replace("_", " ").lower(),
            "bound": service is not None and service.bound,
            "session": bip is not None and bip.linked,
            "commands": self._counts["commands"],
            "resets": self._counts["resets"],
            "failures": self._counts["failures"],
            "error": self._fault or ("" if device is None or device.fault is None else str(device.fault)),
        }

    # --- in its thread

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._live()
            except M2mError as error:
                self._failed(str(error))
            except Exception as error:  # noqa: BLE001  # the other devices go on, whatever one meets
                self._failed(f"a fault of this program ({type(error).__name__}: {error})")

    def _failed(self, text: str) -> None:
        self._counts["failures"] += 1
        self._fault = text
        self._report.failed(f"{text}; again in {_AGAIN:g} s")
        self._stop.wait(_AGAIN)

    def _live(self) -> None:
        with ImageBackend(self._lab.image(self.eid)) as image, self._surroundings() as around:
            waiting, service, surroundings = around
            device = Device(
                VirtualLink(open_card(image, self._report.failed)),
                clock=time.time,
                settings=Settings(capability=CAPABILITY),
                surroundings=surroundings,
            )
            self._device, self._fault = device, ""
            self._report.powered(device.power_up())
            live(device, self._report, waiting, service, stopped=self._stop.is_set)

    @contextmanager
    def _surroundings(self) -> Iterator[tuple[Waiting, SmppService, Surroundings]]:
        waiting = Waiting()
        self._ring = waiting.bell()
        channels = Channels(time.time, waiting)
        service = SmppService(HOST, self._lab.ports.smsc, None, self._report, self._ring)
        self._service = service
        try:
            network = Network(self._auc, sms=service)
            yield waiting, service, Surroundings(network=network, bip=channels, carried=self._carried)
        finally:
            self._device = None
            service.close()
            channels.reset()
            waiting.close()

    def _carried(self, done: Carried) -> None:
        kind = done.command.details.type
        self._counts["commands"] += 1
        if kind == CommandType.REFRESH:
            self._counts["resets"] += 1
        if kind not in _UNSAID:
            self._report.carried(done)


class Fleet:
    """All devices of a lab; they run until the block ends."""

    def __init__(self, lab: Lab, *, as_json: bool = False, say: Callable[[str], None] = click.echo) -> None:
        auc = AuC(SystemEntropy())
        for package in lab.packages():
            auc.add(read_profile(read_file(package)).subscriber)
        reports = {card.eid: Report(as_json=as_json, name=card.eid, say=say) for card in lab.file.cards}
        self._all = [_Handheld(eid, lab, auc, report) for eid, report in reports.items()]

    def __enter__(self) -> Fleet:
        for each in self._all:
            each.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._all:
            each.stop()
        for each in self._all:
            each.thread.join()

    def figures(self) -> dict[str, object]:
        """How every device is."""
        return {"devices": [each.figures() for each in self._all]}


def run(lab: Lab, *, as_json: bool) -> None:
    """Until Ctrl-C or SIGTERM."""
    with Ending() as ending, Fleet(lab, as_json=as_json) as fleet, StateFile(lab.run("devices"), fleet.figures):
        ending.wait()
