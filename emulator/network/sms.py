# SPDX-License-Identifier: Apache-2.0
"""Where short messages of a device go: the seam, and a service centre in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Protocol

from apdu.sms.address import Address
from apdu.sms.tpdu import Submit

__all__ = ["RpCause", "SentMessage", "SmsCentre", "ServiceCentre"]


@unique
class RpCause(IntEnum):
    """Why a message was not taken (TS 24.011 8.2.5.4)."""

    UNASSIGNED_NUMBER = 1
    BARRED = 8
    TRANSFER_REJECTED = 21
    DESTINATION_OUT_OF_ORDER = 27
    NETWORK_OUT_OF_ORDER = 38
    TEMPORARY_FAILURE = 41
    CONGESTION = 42
    PROTOCOL_ERROR = 111


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A TPDU on its way to a service centre; None is the centre that the network takes."""

    tpdu: bytes
    service_centre: Address | None = None

    def submit(self) -> Submit:
        """The TPDU as an SMS-SUBMIT; DecodeError when it is something else."""
        return Submit.decode(self.tpdu)


class ServiceCentre(Protocol):
    """Takes messages from a device."""

    def submit(self, message: SentMessage) -> int | None:
        """Take a message: None, or the RP cause why not."""
        ...


class SmsCentre:
    """A service centre in this process: keeps what it takes, hands it on if told to, and can be told to refuse."""

    __slots__ = ("_receiver", "cause", "messages")

    def __init__(self, receiver: Callable[[SentMessage], None] | None = None) -> None:
        self._receiver = receiver
        self.messages: list[SentMessage] = []
        self.cause: int | None = None
        """The RP cause with which messages are refused; None: they are taken."""

    def submit(self, message: SentMessage) -> int | None:
        """Take a message."""
        if self.cause is not None:
            return self.cause
        self.messages.append(message)
        if self._receiver is not None:
            self._receiver(message)
        return None
