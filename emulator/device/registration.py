# SPDX-License-Identifier: Apache-2.0
"""A device's registration: attach when there is coverage, again when it comes back, and what the card hears of it.

Attempts that fail are repeated as TS 24.301 5.5.1.2.6 says: every ten seconds (T3411) five times, then after twelve
minutes (T3402). A card that is not authentic, or that refuses the network, is not asked again before it is reset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from apdu.cat.codes import AccessTechnology, LocationStatus
from apdu.cat.values import LocationInformation
from apdu.command.apdu import CommandApdu
from emulator.device import events
from emulator.network.attach import (
    AttachError,
    CardNotAuthentic,
    NetworkNotAccepted,
    SynchronisationLost,
    authenticate,
)

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = ["Registration"]

# under names of their own: before Python 3.12 an Enum looks its members up through its metaclass, and that takes time
_NORMAL: Final = LocationStatus.NORMAL
_LIMITED: Final = LocationStatus.LIMITED
_NO_SERVICE: Final = LocationStatus.NO_SERVICE
_T3411: Final = 10.0
_T3402: Final = 720.0
_ATTEMPTS: Final = 5
_FINAL: Final = (CardNotAuthentic, NetworkNotAccepted, SynchronisationLost)


class _Told(NamedTuple):
    """What the card knows of the network."""

    service: LocationStatus
    place: LocationInformation
    technology: AccessTechnology


class Registration:
    """Where a device stands with its network."""

    __slots__ = ("_attempts", "_device", "_refused", "_told", "_try_at", "attached", "resynchronised")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._told: _Told | None = None
        self.resynchronised = False
        """Whether the last attach had to set SQN right."""
        self.forget()

    def forget(self) -> None:
        """The card was reset or its USIM activated anew: attach again, and tell it of that."""
        self._told = None
        self.attached = False
        self._refused = False
        self._attempts = 0
        self._try_at = 0.0

    @property
    def service(self) -> LocationStatus:
        """Coverage, limited where the network wants an attach that has not worked."""
        network = self._device.network
        if network is None:
            return _NO_SERVICE
        if network.status is _NORMAL and not self.attached:
            return _LIMITED
        return network.status

    @property
    def due(self) -> float | None:
        """When the next attempt is made."""
        return self._try_at if self._wanted() else None

    def step(self) -> bool:
        """Attach if that is due, and report what changed.

        The first time after a reset what the card asks for goes first: it may want to hear of the attach.
        """
        modem = self._device.modem
        if self._device.network is None or (self._told is None and modem.pending and not modem.outstanding):
            return False
        if self._device.network.status is _NO_SERVICE:
            self.attached, self._attempts, self._try_at = False, 0, 0.0
        elif not self.attached and self._wanted() and self._device.clock() >= self._try_at:
            self._attach()
            self._report()
            return True
        return self._report()

    def _wanted(self) -> bool:
        device = self._device
        if device.network is None or device.identity is None or self.attached or self._refused:
            return False
        return device.network.status is _NORMAL

    def _attach(self) -> None:
        device = self._device
        network, identity = device.network, device.identity
        assert network is not None
        assert identity is not None
        try:
            if network.auc is not None:
                # others may have used the channel since
                device.modem.send(CommandApdu(0x00, 0xA4, 0x04, 0x0C, identity.usim))
                self.resynchronised = authenticate(device.modem, network.auc, identity.imsi)
            self.attached, self._attempts = True, 0
            device.fault = None
        except AttachError as error:
            device.fault = error
            self._refused = isinstance(error, _FINAL)
            self._attempts += 1
            wait = _T3402 if self._attempts % _ATTEMPTS == 0 else _T3411
            self._try_at = device.clock() + wait

    def _report(self) -> bool:
        """Events for what the card does not know yet; whether there were any."""
        device = self._device
        assert device.network is not None
        network, known = device.network, self._told
        service = self.service
        if (
            known is not None
            and service is known.service
            and network.technology is known.technology
            and network.place == known.place
        ):  # as at nearly every step
            return False
        now = _Told(service, network.place, network.technology)
        before, self._told = known or now._replace(service=_NO_SERVICE), now
        if before == now:
            return False
        told = False
        if before[:2] != now[:2] and (now.service is _NORMAL or before.service is not now.service):
            told = device.report(events.location_status(device))
        if before.technology is not now.technology and now.service is not _NO_SERVICE:
            told = device.report(events.technology_change(now.technology)) or told
        return told
