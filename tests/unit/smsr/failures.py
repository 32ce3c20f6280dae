# SPDX-License-Identifier: Apache-2.0
"""Every way in which a function of the SM-SR is refused: interface, function, status code, and what leads to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from apdu.command.apdu import CommandApdu
from apdu.gp.install import InstallForPersonalization
from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from smsr.api.eis_parts import Pol2Action, Pol2Qualification, ProfileInfo, ProfileState, Property
from smsr.api.functions import Function, Interface
from smsr.api.grants import Onc
from smsr.api.send_data import encode_commands
from smsr.api.status import Code
from smsr.api.transport_keys import wrap_keys
from smsr.kit.oid import Oid
from smsr.kit.pki import Validity, issue_eum
from smsr.ota.task import OutcomeUnknown
from tests.unit.kit.world import EUM_OID, MNO_OID, VALIDITY, world
from tests.unit.smsr.bench import ICCID, ICCID_2, MEMORY, OTHER_DP, OTHER_MNO, TRANSPORT, make_eis
from tests.unit.smsr.scene import (
    CALLERS,
    ES1,
    ES3,
    ES4,
    ES4A,
    FULL_GRANT,
    ICCID_3,
    ROWS,
    UNKNOWN_EID,
    Scene,
    other_eis,
    rule,
)

__all__ = ["FAILURES", "LISTED", "NEVER", "Failure"]

Values = Mapping[str, Any]
Arrange = Callable[[Scene], Values]


@dataclass(frozen=True, slots=True)
class Failure:
    """One way; `arrange` prepares the scene and returns what the request says."""

    function: Function
    code: Code
    arrange: Arrange

    def __str__(self) -> str:
        return f"{self.function}-{self.code.name}-{self.arrange.__name__}"


# --- who asks, and for which card


def stranger(scene: Scene) -> Values:
    scene.install()
    return {"requester": Oid("1.2.3")}


def eum(scene: Scene) -> Values:
    scene.install()
    return {"requester": EUM_OID}


def operator(scene: Scene) -> Values:
    return {"requester": MNO_OID}


def unknown_card(scene: Scene) -> Values:
    return {"eid": UNKNOWN_EID}


# --- profiles


def no_such_profile(scene: Scene) -> Values:
    scene.install()
    return {"iccid": ICCID_2}


def on_another_card(scene: Scene) -> Values:
    scene.second_card()
    return {"iccid": ICCID_3}


def another_sm_dp(scene: Scene) -> Values:
    scene.install()
    return {"requester": OTHER_DP}


def another_operator(scene: Scene) -> Values:
    scene.install()
    return {"requester": OTHER_MNO}


def created_only(scene: Scene) -> Values:
    scene.create()
    return {}


def disabled(scene: Scene) -> Values:
    scene.two()
    scene.done(ES3, "DisableProfile")
    return {}


def enabled(scene: Scene) -> Values:
    scene.install(enabled=True)
    return {}


def download_under_way(scene: Scene) -> Values:
    scene.two()
    scene.done(ES3, "CreateISDP", OTHER_DP, iccid=ICCID_3, mno_id=OTHER_MNO, more_to_do=True)
    return {}


def download_and_disabled(scene: Scene) -> Values:
    scene.install()
    scene.done(ES3, "CreateISDP", OTHER_DP, iccid=ICCID_3, mno_id=OTHER_MNO, more_to_do=True)
    return {}


# --- rules


def target_not_to_be_enabled(scene: Scene) -> Values:
    scene.install(pol2=rule(Pol2Action.ENABLE))
    return {}


def enabled_not_to_be_disabled(scene: Scene) -> Values:
    scene.install(ICCID_2, pol2=rule(Pol2Action.DISABLE), enabled=True)
    scene.install()
    return {}


def not_to_be_disabled(scene: Scene) -> Values:
    scene.two(pol2=rule(Pol2Action.DISABLE))
    return {}


def not_to_be_deleted(scene: Scene) -> Values:
    scene.install(pol2=rule(Pol2Action.DELETE))
    return {}


def no_such_rule(scene: Scene) -> Values:
    scene.install()
    return {"pol2": rule(Pol2Action.DELETE, Pol2Qualification.AUTO_DELETE)}


def no_such_rule_at_completion(scene: Scene) -> Values:
    scene.create()
    return {"pol2": rule(Pol2Action.ENABLE, Pol2Qualification.AUTO_DELETE)}


def the_same_rule_twice(scene: Scene) -> Values:
    scene.install()
    return {"pol2": rule(Pol2Action.DELETE) * 2}


def fall_back_profile(scene: Scene) -> Values:
    scene.card.fall_back = scene.install(enabled=True)
    scene.done(ES3, "AuditEIS")
    return {}


# --- the card


def refused_with(sw: int, ins: int, arrange: Callable[[Scene], object]) -> Arrange:
    """The card answers a command with a status word."""

    def refuses(scene: Scene) -> Values:
        arrange(scene)
        scene.card.fault = lambda command: sw if command.ins == ins else None
        return {}

    refuses.__name__ = f"card_says_{sw:04X}"
    return refuses


def unreachable(scene: Scene) -> Values:
    scene.two()
    scene.smsr.detach(scene.eis.eid)
    return {"iccid": ICCID_3} if scene.eis.find(ICCID_3) is None else {}


def no_answer(scene: Scene) -> Values:
    scene.install()
    scene.card.fault = _silent
    return {}


def _silent(command: CommandApdu) -> int:
    raise OutcomeUnknown("nobody answered")


def another_certificate(scene: Scene) -> Values:
    scene.install()
    scene.card.certificate = scene.card.certificate[:-1] + b"\x00"
    return {}


# --- CreateISDP, SendData


def iccid_in_use(scene: Scene) -> Values:
    scene.install()
    return {"iccid": ICCID}


def iccid_on_another_card(scene: Scene) -> Values:
    scene.second_card()
    return {"iccid": ICCID_3}


def more_than_is_free(scene: Scene) -> Values:
    return {"required_memory": MEMORY + 1}


def another_download_under_way(scene: Scene) -> Values:
    scene.done(ES3, "CreateISDP", OTHER_DP, more_to_do=True)
    return {"iccid": ICCID_2}


def no_such_isd_p(scene: Scene) -> Values:
    scene.install()
    return {"sd_aid": Aid.isd_p(0x99)}


def isd_p_of_another(scene: Scene) -> Values:
    scene.install()
    return {"requester": OTHER_DP}


def nothing_that_can_be_sent(scene: Scene) -> Values:
    scene.install()
    return {"data": b"\x5f\x00"}


def isd_p_refuses(scene: Scene) -> Values:
    aid = scene.create()
    scene.card.fault = lambda command: 0x6A80
    return {"data": encode_commands((InstallForPersonalization(application=aid).command(),))}


# --- ES1


def eid_in_use(scene: Scene) -> Values:
    return {"eis": wrap_keys(make_eis(), TRANSPORT)}


def signed_by_another(scene: Scene) -> Values:
    return {"eis": make_eis(world("another"), eid=UNKNOWN_EID)}


def expired_eum(scene: Scene) -> Values:
    everybody = world()
    past = Validity(VALIDITY.start, VALIDITY.start + timedelta(days=1))
    old = issue_eum(everybody.ci, "Old EUM", EUM_OID, past, entropy=SeededEntropy(b"old"))
    return {"eis": make_eis(replace(everybody, eum=old), eid=UNKNOWN_EID)}


def certificate_of_another_card(scene: Scene) -> Values:
    return {"eis": make_eis(eid=UNKNOWN_EID)}


def wrong_transport_key(scene: Scene) -> Values:
    key = TRANSPORT.__class__(bytes(16))
    return {"eis": wrap_keys(other_eis(), key)}


def rules_that_do_not_exist(scene: Scene) -> Values:
    odd = rule(Pol2Action.DELETE, Pol2Qualification.AUTO_DELETE)
    profile = ProfileInfo(iccid=ICCID, isd_p_aid=Aid.isd_p(0x10), mno_id=MNO_OID, state=ProfileState.ENABLED, pol2=odd)
    return {"eis": other_eis(profiles=(profile,))}


def iccid_on_the_first_card(scene: Scene) -> Values:
    scene.second_card()
    profile = ProfileInfo(iccid=ICCID_3, isd_p_aid=Aid.isd_p(0x10), mno_id=MNO_OID, state=ProfileState.ENABLED)
    return {"eis": other_eis(profiles=(profile,))}


def another_eum(scene: Scene) -> Values:
    return {"eid": scene.foreign_card()}


def a_property_twice(scene: Scene) -> Values:
    return {"additional_properties": (Property("a", "1"), Property("a", "2"))}


# --- grants


def grant_of_another(scene: Scene) -> Values:
    return {"plma": replace(FULL_GRANT, mno_id=OTHER_MNO)}


def configuration_of_another(scene: Scene) -> Values:
    return {"onc": Onc(mno_id=OTHER_MNO, profile_type="")}


# --- the table

_PROFILE: Final = (
    (Code.EID_UNKNOWN, unknown_card),
    (Code.ICCID_UNKNOWN, no_such_profile),
    (Code.OTHER_EUICC, on_another_card),
)
_ENABLE: Final = (
    (Code.WRONG_STATE, created_only),
    (Code.WRONG_STATE, enabled),
    (Code.POL2, target_not_to_be_enabled),
    (Code.POL2, enabled_not_to_be_disabled),
    (Code.BUSY, download_and_disabled),
    (Code.WRONG_STATE, refused_with(0x6985, 0xE2, Scene.install)),
    (Code.POL1, refused_with(0x69E1, 0xE2, Scene.install)),
    (Code.ICCID_UNKNOWN, refused_with(0x6A88, 0xE2, Scene.install)),
    (Code.ISD_R_FAILED, refused_with(0x6A80, 0xE2, Scene.install)),
    (Code.ISD_R_FAILED, no_answer),
)
_DISABLE: Final = (
    (Code.WRONG_STATE, disabled),
    (Code.WRONG_STATE, created_only),
    (Code.POL2, not_to_be_disabled),
    (Code.BUSY, download_under_way),
    (Code.EUICC_REFUSED, fall_back_profile),
    (Code.EUICC_REFUSED, refused_with(0x6985, 0xE2, Scene.two)),
    (Code.POL1, refused_with(0x69E1, 0xE2, Scene.two)),
    (Code.ICCID_UNKNOWN, refused_with(0x6A88, 0xE2, Scene.two)),
    (Code.ISD_R_FAILED, refused_with(0x6A80, 0xE2, Scene.two)),
)
_DELETE: Final = (
    (Code.POL2, not_to_be_deleted),
    (Code.POL2, not_to_be_disabled),
    (Code.BUSY, download_under_way),
    (Code.EUICC_REFUSED, fall_back_profile),
    (Code.EUICC_REFUSED, refused_with(0x6985, 0xE4, Scene.install)),
    (Code.POL1, refused_with(0x69E1, 0xE4, Scene.install)),
    (Code.ISD_R_FAILED, refused_with(0x6581, 0xE4, Scene.install)),
)
_RULES: Final = (
    (Code.WRONG_STATE, created_only),
    (Code.POL2_INVALID, no_such_rule),
    (Code.POL2_INVALID, the_same_rule_twice),
    (Code.BUSY, download_under_way),
)
_ADDRESS: Final = ((Code.WRONG_STATE, created_only), (Code.BUSY, download_under_way))
_AUDIT: Final = (
    (Code.EID_UNKNOWN, unknown_card),
    (Code.NO_RESPONSE, no_answer),
    (Code.ECASD_CERTIFICATE, another_certificate),
    (Code.BUSY, download_under_way),
    (Code.ISD_R_FAILED, refused_with(0x6985, 0xF2, Scene.install)),
)


def _audited(arrange: Arrange) -> Arrange:
    """AuditEIS names profiles in a list."""

    def names(scene: Scene) -> Values:
        values = dict(arrange(scene))
        iccid = values.pop("iccid", ICCID)
        return {**values, "iccids": (iccid,)}

    names.__name__ = f"audit_{arrange.__name__}"
    return names


_TABLE: Final[dict[tuple[Interface, str], tuple[tuple[Code, Arrange], ...]]] = {
    (ES1, "RegisterEIS"): (
        (Code.EID_IN_USE, eid_in_use),
        (Code.EUM_CERTIFICATE, signed_by_another),
        (Code.EUM_CERTIFICATE_EXPIRED, expired_eum),
        (Code.ECASD_CERTIFICATE, certificate_of_another_card),
        (Code.EIS_INVALID, wrong_transport_key),
        (Code.POL2_INVALID, rules_that_do_not_exist),
        (Code.ICCID_IN_USE, iccid_on_the_first_card),
    ),
    (ES1, "UpdateEISAdditionalProperties"): (
        (Code.EID_UNKNOWN, unknown_card),
        (Code.EIS_NOT_ALLOWED, another_eum),
        (Code.EIS_INVALID, a_property_twice),
        (Code.BUSY, download_under_way),
    ),
    (ES3, "GetEIS"): ((Code.EID_UNKNOWN, unknown_card),),
    (ES3, "AuditEIS"): (
        *_AUDIT,
        (Code.ICCID_UNKNOWN, _audited(no_such_profile)),
        (Code.OTHER_EUICC, _audited(on_another_card)),
        (Code.PROFILE_NOT_ALLOWED, _audited(another_sm_dp)),
    ),
    (ES3, "CreateISDP"): (
        (Code.EID_UNKNOWN, unknown_card),
        (Code.ICCID_IN_USE, iccid_in_use),
        (Code.ICCID_IN_USE, iccid_on_another_card),
        (Code.MEMORY, more_than_is_free),
        (Code.MEMORY, refused_with(0x6A84, 0xE6, Scene.told)),
        (Code.ISD_R_FAILED, refused_with(0x6A80, 0xE6, Scene.told)),
        (Code.ISD_R_FAILED, unreachable),
        (Code.BUSY, another_download_under_way),
    ),
    (ES3, "SendData"): (
        (Code.EID_UNKNOWN, unknown_card),
        (Code.SD_UNKNOWN, no_such_isd_p),
        (Code.SD_NOT_ALLOWED, isd_p_of_another),
        (Code.SD_NOT_ALLOWED, nothing_that_can_be_sent),
        (Code.ISD_P_FAILED, isd_p_refuses),
        (Code.BUSY, download_under_way),
    ),
    (ES3, "ProfileDownloadCompleted"): (
        *_PROFILE,
        (Code.PROFILE_NOT_ALLOWED, another_sm_dp),
        (Code.WRONG_STATE, enabled),
        (Code.POL2_INVALID, no_such_rule_at_completion),
    ),
    (ES3, "UpdatePolicyRules"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp), *_RULES),
    (ES3, "UpdateSubscriptionAddress"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp), *_ADDRESS),
    (ES3, "EnableProfile"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp), *_ENABLE),
    (ES3, "DisableProfile"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp), *_DISABLE),
    (ES3, "DeleteISDP"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp), *_DELETE),
    (ES3, "UpdateConnectivityParameters"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp)),
    (ES3, "SetFallBackAttribute"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp)),
    (ES3, "SetEmergencyProfileAttribute"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_sm_dp)),
    (ES4, "GetEIS"): ((Code.EID_UNKNOWN, unknown_card), (Code.EIS_NOT_ALLOWED, another_operator)),
    (ES4, "AuditEIS"): (
        *_AUDIT,
        (Code.EIS_NOT_ALLOWED, another_operator),
        (Code.PROFILES_NOT_ALLOWED, _audited(another_operator)),
        (Code.ICCID_UNKNOWN, _audited(no_such_profile)),
        (Code.OTHER_EUICC, _audited(on_another_card)),
    ),
    (ES4, "UpdatePolicyRules"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_operator), *_RULES),
    (ES4, "UpdateSubscriptionAddress"): (*_PROFILE, (Code.ADDRESS_NOT_ALLOWED, another_operator), *_ADDRESS),
    (ES4, "EnableProfile"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_operator), *_ENABLE),
    (ES4, "DisableProfile"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_operator), *_DISABLE),
    (ES4, "DeleteProfile"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_operator), *_DELETE),
    (ES4, "SetFallBackAttribute"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_operator)),
    (ES4, "SetEmergencyProfileAttribute"): (*_PROFILE, (Code.PROFILE_NOT_ALLOWED, another_operator)),
    (ES4A, "SetPLMA"): ((Code.REQUESTER_NOT_ALLOWED, grant_of_another),),
    (ES4A, "SetONC"): ((Code.REQUESTER_NOT_ALLOWED, configuration_of_another),),
}


def _rows() -> Iterator[Failure]:
    for key, function in ROWS.items():
        yield Failure(function, Code.REQUESTER_UNKNOWN, stranger)
        role = eum if CALLERS[function.interface] != EUM_OID else operator
        yield Failure(function, Code.REQUESTER_NOT_ALLOWED, role)
        for code, arrange in _TABLE.get(key, ()):
            yield Failure(function, code, arrange)


FAILURES: Final = tuple(_rows())

LISTED: Final[dict[tuple[Interface, str], str]] = {
    (ES1, "RegisterEIS"): "8.1.1/3.3 1.1/1.1 1.1/1.2 8.5.1/6.1 8.5.1/6.3 8.6/2.2",
    (ES3, "GetEIS"): "8.1.1/3.9 8.6/1.2",
    (ES3, "AuditEIS"): "8.1.1/3.9 8.6/1.2 1.6/5.4",
    (ES3, "CreateISDP"): "8.1.1/3.9 8.2.1/3.3 8.4/4.2 8.1/4.8 1.2/4.4",
    (ES3, "SendData"): "8.1.1/3.9 8.3.1/3.9 8.3.1/3.4 8.3/4.2",
    (ES3, "ProfileDownloadCompleted"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.3/2.1 8.2.1/1.2",
    (ES3, "EnableProfile"): "8.1.1/3.9 8.2.1/3.9 8.2.1/1.2 8.2.2/3.8 8.2.3/3.8 8.4/4.2",
    (ES3, "DisableProfile"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.1/1.2 8.2.2/3.8 8.2.3/3.8 8.4/4.2 8.1/3.8",
    (ES3, "DeleteISDP"): "8.1.1/3.9 8.2.1/3.9 8.2.1/1.2 8.2.2/3.8 8.2.3/3.8 8.4/4.2 8.1/3.8",
    (ES3, "UpdateConnectivityParameters"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.3/4.2",
    (ES3, "UpdatePolicyRules"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.3/2.1",
    (ES4, "GetEIS"): "8.1.1/3.9 8.6/1.2",
    (ES4, "AuditEIS"): "8.1.1/3.9 8.2/1.2 8.6/1.2 1.6/5.4",
    (ES4, "UpdatePolicyRules"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.3/2.1",
    (ES4, "UpdateSubscriptionAddress"): "8.1.1/3.9 8.2.1/3.9 8.2.6/1.2",
    (ES4, "EnableProfile"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.1/1.2 8.2.2/3.8 8.2.3/3.8 8.4/4.2",
    (ES4, "DisableProfile"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.1/1.2 8.2.2/3.8 8.2.3/3.8 8.4/4.2 8.1/3.8",
    (ES4, "DeleteProfile"): "8.1.1/3.9 8.2.1/3.9 8.2.1/3.4 8.2.1/1.2 8.2.2/3.8 8.2.3/3.8 8.4/4.2",
}
"""The pairs that the collected sources list for a function."""

NEVER: Final[dict[tuple[Interface, str, str], str]] = {
    (ES1, "RegisterEIS", "8.6/2.2"): "a message without what must be there does not reach the function",
    (ES3, "GetEIS", "8.6/1.2"): "any SM-DP may look at a card that it could download to",
    (ES3, "AuditEIS", "8.6/1.2"): "as GetEIS",
    (ES3, "SendData", "8.3.1/3.4"): "AIDs of ISD-Ps are the same on all cards: no other card can be meant",
    (ES3, "UpdateConnectivityParameters", "8.3/4.2"): "not supported yet, no card is asked",
}
"""Those that this SM-SR has no occasion for, and why."""
