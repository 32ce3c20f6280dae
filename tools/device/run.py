# SPDX-License-Identifier: Apache-2.0
"""`euicc device run`: the loop around a device, with the computer's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apdu.cat.terminal import TerminalCapability
from apdu.sms.address import Address
from emulator.device.channels import Channels
from emulator.device.device import Device, Surroundings
from emulator.device.policy import Policy
from emulator.device.settings import Settings
from emulator.device.sockets import LOOPBACK, AllowList
from emulator.device.waiting import Waiting
from emulator.network.auc import AuC, Subscriber
from emulator.network.network import Network
from emulator.network.sms import SmsCentre
from tools.device.report import Report
from tools.reader.connection import open_card
from tools.reader.options import ReaderOptions

if TYPE_CHECKING:
    from tools.device.smpp import SmppService

__all__ = ["CAPABILITY", "RunOptions", "live", "run"]

_STATUS: Final = bytes.fromhex("80F2000C")
CAPABILITY: Final = TerminalCapability(extended_channels=b"")
"""Logical channels 4 to 19 are known here."""
_LONG: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the options of the command say."""

    once: bool = False
    pin: str | None = field(default=None, repr=False)
    subscriber: Path | None = None
    policy: Policy = field(default_factory=Policy)
    allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where channels may lead to, besides loopback."""
    smpp: tuple[str, int] | None = None
    """Where the SMSC is."""
    number: Address | None = None


def run(options: ReaderOptions, wanted: RunOptions) -> None:
    """Switch the card on, and do what it asks until nothing is left or Ctrl-C."""
    report = Report(as_json=options.as_json)
    waiting = Waiting()
    service = _service(wanted, report, waiting)
    network = Network(sms=service or SmsCentre(report.sent))
    subscriber = _subscriber(wanted.subscriber)
    channels = Channels(time.time, waiting, allowed=AllowList((*LOOPBACK, *wanted.allowed)))
    with open_card(options) as card:
        if subscriber is not None:
            network.auc = AuC(card.source.entropy("AuC"))
            network.auc.add(subscriber)
        if wanted.pin is not None:
            card.keep_secret(wanted.pin.encode("utf-8").ljust(8, b"\xff"))
        device = Device(
            card,
            clock=time.time,
            settings=Settings(pin=wanted.pin, capability=CAPABILITY),
            policy=wanted.policy,
            surroundings=Surroundings(network=network, bip=channels, carried=report.carried),
        )
        try:
            report.powered(device.power_up())
            live(device, report, waiting, service, once=wanted.once)
        except KeyboardInterrupt:
            return
        finally:
            if service is not None:
                service.close()
            channels.reset()
            waiting.close()


def _subscriber(path: Path | None) -> Subscriber | None:
    if path is None:
        return None
    from tools.subscription import read_file, read_profile

    return read_profile(read_file(path)).subscriber


def _service(wanted: RunOptions, report: Report, waiting: Waiting) -> SmppService | None:
    if wanted.smpp is None:
        return None
    from tools.device.smpp import SmppService

    host, port = wanted.smpp
    return SmppService(host, port, wanted.number, report, waiting.bell())


def _never() -> bool:
    return False


def live(
    device: Device,
    report: Report,
    waiting: Waiting,
    service: SmppService | None,
    *,
    once: bool = False,
    stopped: Callable[[], bool] = _never,
) -> None:
    """Do all that becomes due, until nothing is left (`once`) or it is stopped; who stops it rings `waiting`'s bell."""
    asked = False
    while not stopped():
        if once:
            device.settle()
        elif _step(device, service):
            continue
        report.state(device)
        if service is not None and service.step(device):
            continue
        if once and device.at_rest:
            if asked:
                return
            device.transmit(_STATUS)  # a card may have kept something for the next STATUS
            asked = True
            continue
        wake = device.wake
        waiting.turn(_LONG if wake is None else max(0.0, min(wake - device.clock(), _LONG)))


def _step(device: Device, service: SmppService | None) -> bool:
    """Let one thing happen that is due; a card that has another number now is bound under it before it goes on."""
    moved = device.step()
    if service is not None:
        service.follow(device)
    return moved
