# SPDX-License-Identifier: Apache-2.0
"""An SM-SR with one card, which is a model of what an ISD-R answers: no cryptography, no APDU transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import RemoteProtocolError
from apdu.gp.codes import LifeCycle
from apdu.gp.delete import DeleteObject, decode_delete
from apdu.gp.install import InstallForInstallAndMakeSelectable, InstallForPersonalization, decode_install
from apdu.gp.recognition import EcasdData, ExtendedCardResources
from apdu.gp.sgp02 import CreateIsdp, DisableProfile, EnableProfile
from apdu.gp.status import IsdPAttribute, RegistryEntry, StatusQuery
from apdu.ids import ECASD, ISD_P_LOAD_FILE, ISD_P_MODULE, ISD_R, Aid, Iccid
from apdu.keys.secret import SecretKey
from apdu.script import ApduScript, Done, ProfileScript, Run
from apdu.tlv.scan import split_dgi
from smsr.api.eis import Eis
from smsr.api.eis_codec import sign_info
from smsr.api.eis_parts import (
    ECASD_KEYSET,
    EisCertificate,
    EisKey,
    EuiccCapabilities,
    EumSignedInfo,
    Keyset,
    KeysetType,
    SdRole,
    SecurityDomain,
)
from smsr.api.messages import (
    Call,
    CreateIsdpRequest,
    ProfileDownloadCompletedRequest,
    ProfileRequest,
    RegisterEisRequest,
)
from smsr.kit.oid import Oid
from smsr.server import SmSr
from smsr.store import MemoryEisStore
from smsr.views import PartnerRole
from tests.unit.kit.world import EID, EUM_OID, MNO_OID, NOW, SM_DP_OID, SM_SR_OID, World, world

T = TypeVar("T")

OTHER_DP, OTHER_MNO = Oid("1.3.6.1.4.1.99999.40"), Oid("1.3.6.1.4.1.99999.50")
M2M_SP, ABSENT_MNO = Oid("1.3.6.1.4.1.99999.60"), Oid("1.3.6.1.4.1.99999.70")
"""A service provider that operators grant something, and an operator without access here."""
PARTNERS = {
    EUM_OID: PartnerRole.EUM,
    SM_DP_OID: PartnerRole.SM_DP,
    OTHER_DP: PartnerRole.SM_DP,
    MNO_OID: PartnerRole.MNO,
    OTHER_MNO: PartnerRole.MNO,
    M2M_SP: PartnerRole.MNO,
}
ICCID = Iccid.from_string("8988211000000123451")
ICCID_2 = Iccid.from_string("8988211000000123469")
MEMORY = 0x80000
OK = 0x9000
TRANSPORT = SecretKey(bytes(range(16)))
"""Between EUM and SM-SR."""


def signed_info(everybody: World, **changes: object) -> EumSignedInfo:
    """What the EUM answers for."""
    certificate = EisCertificate(1, EUM_OID, everybody.ecasd.encoded)
    info = EumSignedInfo(
        eid=EID,
        eum_id=EUM_OID,
        production_date=datetime(2026, 1, 1, tzinfo=UTC),
        platform_type="paper",
        platform_version="1.0.0",
        isd_p_load_file=ISD_P_LOAD_FILE,
        isd_p_module=ISD_P_MODULE,
        ecasd=SecurityDomain(
            aid=ECASD,
            role=SdRole.ECASD,
            tars=(ECASD.tar,),
            sin=b"\x42",
            sdin=b"\x45",
            keysets=(Keyset(version=ECASD_KEYSET, type=KeysetType.CA, certificates=(certificate,)),),
        ),
        capabilities=EuiccCapabilities(secure_packet_version="12.1.0", remote_provisioning_version="4.2.0"),
    )
    return replace(info, **changes)  # type: ignore[arg-type]


def make_eis(everybody: World | None = None, **changes: object) -> Eis:
    """A card as its EUM registers it; changes of the signed part under their own names."""
    everybody = everybody or world()
    signed_names = set(EumSignedInfo.__dataclass_fields__)
    info = signed_info(everybody, **{name: value for name, value in changes.items() if name in signed_names})
    key = SecretKey(bytes(range(16)))
    values: dict[str, object] = {
        "signed": sign_info(info, everybody.eum.key, everybody.eum.der),
        "remaining_memory": MEMORY,
        "available_memory": MEMORY,
        "isd_r": SecurityDomain(
            aid=ISD_R,
            role=SdRole.ISD_R,
            keysets=(Keyset(version=1, type=KeysetType.SCP80, keys=(EisKey(1, key.kcv, key),)),),
        ),
    }
    values.update({name: value for name, value in changes.items() if name not in signed_names})
    return Eis(**values)  # type: ignore[arg-type]


class PaperCard:
    """What an ISD-R answers. `fault` sees each command first: a status word refuses it, an error is raised after it."""

    def __init__(self, certificate: bytes) -> None:
        self.certificate = certificate
        self.isd_ps: dict[Aid, LifeCycle] = {}
        self.fall_back: Aid | None = None
        self.memory = MEMORY
        self.granted: dict[Aid, int] = {}
        self.fault: Callable[[CommandApdu], int | RemoteProtocolError | None] = lambda command: None
        self.commands: list[CommandApdu] = []
        self.history: list[dict[Aid, LifeCycle]] = []
        """What it held after each command that changed something."""
        self.tlvs: list[bytes] = []
        self.resets = 0
        self.answer_tlv: Callable[[bytes], bytes] = lambda tlv: b"\x86\x00"

    def run(self, script: ApduScript[T], name: str = "") -> T:
        """Step the script against this card."""
        run = Run(script)
        step = run.start()
        while not isinstance(step, Done):
            assert step.target == ISD_R
            responses: list[ResponseApdu] = []
            for command in step.commands:
                responses.append(self._answer(command))
                if responses[-1].sw >> 8 not in (0x90, 0x91, 0x61, 0x62, 0x63):
                    break
            step = run.feed(responses)
        return step.result

    def run_profile(self, script: ProfileScript[T], name: str = "") -> T:
        """Step it with the answers of `answer_tlv`."""
        run = Run(script)
        step = run.start()
        while not isinstance(step, Done):
            self.tlvs.extend(step.commands)
            step = run.feed([self.answer_tlv(tlv) for tlv in step.commands])
        return step.result

    def reset(self) -> None:
        """Count it."""
        self.resets += 1

    def _answer(self, command: CommandApdu) -> ResponseApdu:
        self.commands.append(command)
        fault = self.fault(command)
        if isinstance(fault, int):
            return ResponseApdu(b"", fault)
        before = dict(self.isd_ps)
        response = self._execute(command)
        if self.isd_ps != before:
            self.history.append(dict(self.isd_ps))
        if fault is not None:
            raise fault
        return response

    def _execute(self, command: CommandApdu) -> ResponseApdu:
        if command.ins == 0xCA:
            return ResponseApdu(self._data(command), OK)
        if command.ins == 0xF2:
            return self._status(command)
        if command.ins == 0xE6:
            return self._install(command)
        if command.ins == 0xE4:
            delete = decode_delete(command.data)
            assert isinstance(delete, DeleteObject)
            if delete.aid not in self.isd_ps:
                return ResponseApdu(b"", 0x6A88)
            if self.isd_ps[delete.aid] is LifeCycle.ENABLED or delete.aid == self.fall_back:
                return ResponseApdu(b"", 0x6985)
            del self.isd_ps[delete.aid]
            self.memory += self.granted.pop(delete.aid, 0)
            return ResponseApdu(b"\x00", OK)
        return ResponseApdu(b"", self._store(command))

    def _data(self, command: CommandApdu) -> bytes:
        if command.p1 == 0xBF:
            return EcasdData(certificate_value=self.certificate[4:]).encode()
        return ExtendedCardResources(
            applications=len(self.isd_ps), free_nonvolatile=self.memory, free_volatile=1000
        ).encode()

    def _status(self, command: CommandApdu) -> ResponseApdu:
        query = StatusQuery.decode(command.p1, command.p2, command.data)
        assert query is not None
        found = [aid for aid in self.isd_ps if not query.aid or aid == query.aid]
        entries = b"".join(
            RegistryEntry(
                aid=aid,
                state=self.isd_ps[aid],
                attributes=IsdPAttribute.FALL_BACK if aid == self.fall_back else IsdPAttribute(0),
                granted_memory=0,
                remaining_memory=self.memory,
            ).encode()
            for aid in found
        )
        return ResponseApdu(entries, OK) if found else ResponseApdu(b"", 0x6A88)

    def _install(self, command: CommandApdu) -> ResponseApdu:
        install = decode_install(command.p1, command.data)
        if isinstance(install, InstallForPersonalization):
            return ResponseApdu(b"", OK if install.application in self.isd_ps else 0x6A88)
        assert isinstance(install, InstallForInstallAndMakeSelectable)
        create = CreateIsdp.from_install(install)
        if create.aid in self.isd_ps:
            return ResponseApdu(b"", 0x6A80)
        if create.memory > self.memory:
            return ResponseApdu(b"", 0x6A84)
        self.granted[create.aid] = create.memory
        self.memory -= create.memory
        self.isd_ps[create.aid] = LifeCycle.SELECTABLE
        return ResponseApdu(b"\x00", OK)

    def _store(self, command: CommandApdu) -> int:
        (group,) = split_dgi(command.data)
        if group.tag == 0x3A03:
            aid = EnableProfile.decode(group.value).aid
            if self.isd_ps.get(aid) is not LifeCycle.DISABLED:
                return 0x6985
            self._enable(aid)
            return 0x910B
        if group.tag == 0x3A04:
            aid = DisableProfile.decode(group.value).aid
            if self.isd_ps.get(aid) is not LifeCycle.ENABLED or self.fall_back in (None, aid):
                return 0x6985
            assert self.fall_back is not None
            self._enable(self.fall_back)
            return OK
        return OK

    def _enable(self, aid: Aid) -> None:
        for other, state in self.isd_ps.items():
            if state is LifeCycle.ENABLED:
                self.isd_ps[other] = LifeCycle.DISABLED
        self.isd_ps[aid] = LifeCycle.ENABLED


@dataclass
class Bench:
    """The SM-SR, its store, its card, and a clock that tests move."""

    everybody: World = field(default_factory=world)
    now: float = NOW
    transport_keys: Mapping[Oid, SecretKey] = field(default_factory=lambda: {EUM_OID: TRANSPORT})

    def __post_init__(self) -> None:
        self.store = MemoryEisStore()
        self.card = PaperCard(self.everybody.ecasd.encoded)
        roots = (self.everybody.ci.certificate,)
        self.smsr = SmSr(
            SM_SR_OID,
            roots=roots,
            partners=PARTNERS,
            store=self.store,
            clock=lambda: self.now,
            transport_keys=self.transport_keys,
        )

    def register(self, eis: Eis | None = None) -> Eis:
        """Take the card on."""
        eis = eis or make_eis(self.everybody)
        response = self.smsr.register_eis(RegisterEisRequest(call=Call(EUM_OID), eis=eis))
        assert response.status.is_success, response.status
        self.smsr.attach(eis.eid, self.card)
        return eis

    @property
    def eis(self) -> Eis:
        """The card's EIS as it is now."""
        eis = self.store.get(EID)
        assert eis is not None
        return eis

    def create(self, iccid: Iccid = ICCID, *, memory: int = 0) -> Aid:
        """An ISD-P, its procedure left open."""
        request = CreateIsdpRequest(
            call=Call(SM_DP_OID), eid=EID, iccid=iccid, mno_id=MNO_OID, required_memory=memory, more_to_do=True
        )
        response = self.smsr.create_isdp(request)
        assert response.status.is_success, response.status
        assert response.isd_p_aid is not None
        return response.isd_p_aid

    def profile(self, iccid: Iccid = ICCID, **changes: object) -> Aid:
        """A profile that is there, disabled."""
        aid = self.create(iccid)
        self.card.isd_ps[aid] = LifeCycle.DISABLED
        completed = ProfileDownloadCompletedRequest(call=Call(SM_DP_OID), eid=EID, iccid=iccid, **changes)  # type: ignore[arg-type]
        response = self.smsr.profile_download_completed(completed)
        assert response.status.is_success, response.status
        return aid

    def request(self, iccid: Iccid = ICCID, requester: Oid = SM_DP_OID) -> ProfileRequest:
        """Enable, disable or delete."""
        return ProfileRequest(call=Call(requester), eid=EID, iccid=iccid)
