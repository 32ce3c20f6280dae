# SPDX-License-Identifier: Apache-2.0
"""The EUM of a lab: makes cards with a profile of their own, and says what their SM-SR has to know."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from apdu.ids import Eid
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet, SecretKey
from apdu.ota.addressing import SmsAddressing, https_addressing
from apdu.ota.trigger import PskSelection, Trigger
from apdu.sms.address import Address
from emulator.factory.eum import Bootstrap, CardOrder, CertificateIssuer, Eum, ManufacturedCard
from emulator.memory.store import Backend, Memory
from smsr.api.eis_parts import ProfileInfo, ProfileState, SubscriptionAddress
from smsr.api.messages import Call, RegisterEisRequest
from smsr.api.transport_keys import wrap_keys
from smsr.kit.folder import CI, PkiFolder
from smsr.ota.push import PushSettings, trigger_for
from tools.lab.layout import HOST, NUMBER, Lab, Ports
from tools.pki import signed_eis
from tools.pkidir.operations import read_authority
from tools.pkidir.vault import FILES
from tools.subscription import PreparedProfile, draw_profile

__all__ = ["CardFactory", "MadeCard"]

_MASTER: Final = 32
_PSK: Final = PskSelection(0x40, 0x01)


@dataclass(frozen=True, slots=True)
class MadeCard:
    """A card that left the factory."""

    profile: PreparedProfile
    """That it was made with, enabled and its fall-back."""
    keys: KeySet
    """Of its ISD-R for work at a reader."""
    registration: RegisterEisRequest
    """ES1.RegisterEIS, with its keys as they travel."""


class CardFactory:
    """Makes cards for a lab that has its certificates and its transport key."""

    def __init__(self, lab: Lab, entropy: Entropy) -> None:
        folder = PkiFolder(lab.pki)
        ci = read_authority(folder, f"{CI}/1", FILES)
        self.eum = read_authority(folder, "eum/1", FILES)
        self._entropy = entropy
        self._ports = lab.ports
        self._operator, self._sm_dp, self._sm_sr = map(lab.oid, ("operator", "sm-dp", "sm-sr"))
        self.transport = SecretKey(bytes.fromhex((lab.path / "eum.transport").read_text("ascii")))
        self._factory = Eum(
            identifier=self.eum.ca_identifier,
            key=self.eum.key,
            ci=CertificateIssuer(ci.ca_identifier, ci.key.public_key),
            master=SecretKey(entropy.draw(_MASTER)),
            expiration=self.eum.certificate.not_valid_after_utc.date(),
        )

    def make(self, eid: Eid, backend: Backend) -> MadeCard:
        """A card in its memory."""
        first = draw_profile(self._entropy)
        order = CardOrder(eid=eid, lab=True, bootstrap=Bootstrap(first.package), addressing=_addressing(self._ports))
        made = self._factory.manufacture(order, Memory(backend), self._entropy)
        assert made.lab is not None
        return MadeCard(first, made.lab, self._registration(made, eid, first))

    def _registration(self, made: ManufacturedCard, eid: Eid, first: PreparedProfile) -> RegisterEisRequest:
        profile = ProfileInfo(
            iccid=first.iccid,
            isd_p_aid=made.isd_ps[0],
            mno_id=self._operator,
            smdp_id=self._sm_dp,
            state=ProfileState.ENABLED,
            fall_back=True,
            subscription=SubscriptionAddress(first.imsi, first.msisdn),
        )
        eis = replace(signed_eis(made, self.eum, time.time()), profiles=(profile,), smsr_id=self._sm_sr)
        call = Call(self.eum.oid, f"register-{eid}")
        return RegisterEisRequest(call=call, eis=wrap_keys(eis, self.transport))


def _addressing(ports: Ports) -> tuple[bytes, ...]:
    """Where a card reaches the SM-SR."""
    push = PushSettings(address=ip_address(HOST), port=ports.cards)
    trigger = Trigger.from_tlv(trigger_for(push, _PSK))
    return SmsAddressing(address=Address.of(NUMBER)).encode(), https_addressing(trigger)
