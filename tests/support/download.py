# SPDX-License-Identifier: Apache-2.0
"""An SM-DP, an SM-SR and a real card, for downloads from the stock. The operators have no access to the SM-SR."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from apdu.ids import Iccid, Imsi
from apdu.profile.personalise import Personalisation
from smdp.prepare import PreparedProfile, prepare_elements
from smdp.profiles import load_profile
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo
from smsr.api.messages import AuditEisRequest, Call, RegisterEisRequest
from smsr.server import SmSr
from smsr.store import MemoryEisStore
from smsr.views import PartnerRole
from tests.e2e.world import EID, Provisioning
from tests.support.smdp import ES3, SmDpBench
from tests.unit.kit.world import EUM_OID, NOW, SM_DP_OID, SM_SR_OID
from tools.pki import signed_eis

PARTNERS = {EUM_OID: PartnerRole.EUM, SM_DP_OID: PartnerRole.SM_DP}


@cache
def prepared(number: int = 1) -> PreparedProfile:
    """A subscriber's profile, the same in every test."""
    digits = f"898821100000012{number:03d}"
    subscriber = Personalisation(
        iccid=Iccid.from_string(f"{digits}{_luhn(digits)}"),
        imsi=Imsi(f"00101012345{number:04d}"),
        key=bytes((number,)) * 16,
        msisdn=f"+1555123{number:04d}",
    )
    return prepare_elements(load_profile(), subscriber)


def _luhn(digits: str) -> int:
    doubled = (int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return -sum(value - 9 if value > 9 else value for value in doubled) % 10


@dataclass
class Site:
    """All of them, and `number` profiles of type meter in the stock."""

    number: int = 2
    card: Provisioning = field(default_factory=Provisioning)

    def __post_init__(self) -> None:
        everybody = self.card.everybody
        self.store = MemoryEisStore()
        self.smsr = SmSr(
            SM_SR_OID,
            roots=(everybody.ci.certificate,),
            partners=PARTNERS,
            store=self.store,
            clock=lambda: NOW,
        )
        eis = signed_eis(self.card.made, everybody.eum, NOW)
        self.smsr.register_eis(RegisterEisRequest(call=Call(EUM_OID), eis=eis)).check("ES1.RegisterEIS")
        self.smsr.attach(EID, self.card.bearer)
        self.dp = SmDpBench(everybody, self.smsr)
        self.iccids = [prepared(each).iccid for each in range(1, self.number + 1)]
        for each in range(1, self.number + 1):
            profile = prepared(each)
            self.dp.stock(profile.iccid, profile.package, subscription=profile.subscription)

    @property
    def eis(self) -> Eis:
        """As the SM-SR has it."""
        eis = self.store.get(EID)
        assert eis is not None
        return eis

    def found(self) -> tuple[ProfileInfo, ...]:
        """The profiles in the EIS, which is what the card says."""
        before = self.eis.profiles
        request = AuditEisRequest(call=Call(SM_DP_OID), eid=EID)
        self.smsr.call(ES3["AuditEIS"], request).check("ES3.AuditEIS")
        assert [(each.iccid, each.state) for each in self.eis.profiles] == [(each.iccid, each.state) for each in before]
        return self.eis.profiles
