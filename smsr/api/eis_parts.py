# SPDX-License-Identifier: Apache-2.0
"""The parts of an eUICC Information Set (SGP.02 v4.2 annex E). Keys are `SecretKey`s: no text form shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum, unique
from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.ids import Aid, Eid, Iccid, Imsi, Tar
from apdu.keys.secret import SecretKey
from smsr.api.limits import Byte, CertificateValue, KeyIndex, KeyValue, ProfileType, PropertyKey, ShortBytes, TwoBytes
from smsr.api.status import ExecutionStatus
from smsr.kit.oid import Oid
from smsr.kit.soap.signature import XmlSignature

__all__ = [
    "ECASD_KEYSET",
    "NO_SUBSCRIPTION",
    "AuditRecord",
    "EisCertificate",
    "EisKey",
    "EuiccCapabilities",
    "EumSignedInfo",
    "KeyComponent",
    "Keyset",
    "KeysetType",
    "Operation",
    "Pol2Action",
    "Pol2Qualification",
    "Pol2Rule",
    "ProfileInfo",
    "ProfileState",
    "Property",
    "SdRole",
    "SecurityDomain",
    "SignedInfo",
    "SubscriptionAddress",
]

ECASD_KEYSET: Final = 0x74
"""Version of the key set that holds the certificate of the ECASD."""
_MAX_TEXT: Final = 100


@unique
class SdRole(StrEnum):
    """Which security domain it is."""

    ISD_R = "ISD-R"
    ECASD = "ECASD"


@unique
class KeysetType(StrEnum):
    """What a key set is for, where its version number does not say it."""

    SCP03 = "SCP03"
    SCP80 = "SCP80"
    SCP81 = "SCP81"
    TOKEN_GENERATION = "TokenGeneration"
    RECEIPT_VERIFICATION = "ReceiptVerification"
    CA = "CA"


@dataclass(frozen=True, slots=True)
class KeyComponent:
    """A key as it travels: encrypted, or empty in views for others."""

    type: Byte
    value: KeyValue = b""


@dataclass(frozen=True, slots=True)
class EisKey:
    """One key: its value where this server knows it, its components where it travels."""

    index: KeyIndex
    kcv: ShortBytes
    value: SecretKey | None = None
    components: tuple[KeyComponent, ...] = ()


@dataclass(frozen=True, slots=True)
class EisCertificate:
    """A card format certificate, 7F21."""

    index: KeyIndex
    ca_id: Oid
    value: CertificateValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """Keys or certificates under one version number."""

    version: int
    type: KeysetType | None = None
    counter: int = 0
    keys: tuple[EisKey, ...] = ()
    certificates: tuple[EisCertificate, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.version <= 127:
            raise DecodeError(f"key set version {self.version} is outside 1 to 127")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityDomain:
    """The ISD-R or the ECASD."""

    aid: Aid
    role: SdRole
    tars: tuple[Tar, ...] = ()
    sin: ShortBytes = b""
    sdin: ShortBytes = b""
    keysets: tuple[Keyset, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EuiccCapabilities:
    """Which bearers and versions the card supports."""

    secure_packet_version: str
    remote_provisioning_version: str
    http_support: bool = False
    http_version: str | None = None
    cattp_support: bool = False
    cattp_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EumSignedInfo:
    """What never changes about a card, and what its EUM answers for."""

    eid: Eid
    eum_id: Oid
    production_date: datetime
    platform_type: str
    platform_version: str
    isd_p_load_file: Aid
    isd_p_module: Aid
    ecasd: SecurityDomain
    capabilities: EuiccCapabilities

    def __post_init__(self) -> None:
        if len(self.platform_type) > _MAX_TEXT:
            raise DecodeError(f"a platform type of {len(self.platform_type)} characters")
        if self.ecasd.role is not SdRole.ECASD:
            raise DecodeError("the signed security domain is not the ECASD")

    @property
    def ecasd_certificate(self) -> bytes:
        """CERT.ECASD.ECKA, whole."""
        found = [each.value for keyset in self.ecasd.keysets for each in keyset.certificates]
        if len(found) != 1:
            raise DecodeError(f"{len(found)} ECASD certificates instead of one")
        return found[0]


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """EumSignedInfo and EumSignature as they came: the octets that were signed, and the signature."""

    octets: bytes
    signature: XmlSignature

    @property
    def certificate(self) -> bytes:
        """The EUM's X.509 certificate, DER; empty when the signature brought none."""
        return self.signature.signer.certificate


@unique
class ProfileState(StrEnum):
    """State of a profile at the SM-SR. IN_CREATION is never told to others."""

    IN_CREATION = "In-Creation"
    CREATED = "Created"
    DISABLED = "Disabled"
    ENABLED = "Enabled"


@unique
class Pol2Action(StrEnum):
    """What a rule is about."""

    ENABLE = "ENABLE"
    DISABLE = "DISABLE"
    DELETE = "DELETE"


@unique
class Pol2Qualification(StrEnum):
    """What a rule says."""

    NOT_ALLOWED = "Not-Allowed"
    AUTO_DELETE = "Auto-Delete"


@dataclass(frozen=True, slots=True)
class Pol2Rule:
    """One rule of POL2, which the SM-SR enforces (SGP.02 3.6.2.2)."""

    action: Pol2Action
    qualification: Pol2Qualification

    @property
    def subject(self) -> str:
        """What rules are about: there is nothing else."""
        return "PROFILE"


@dataclass(frozen=True, slots=True)
class SubscriptionAddress:
    """Where a card is reached while the profile is enabled."""

    imsi: Imsi | None = None
    msisdn: str = ""

    def __post_init__(self) -> None:
        text = self.msisdn
        if text and not (3 <= len(text) <= 15 and text.isascii() and text.isdigit()):
            raise DecodeError(f"an MSISDN has 3 to 15 digits, not {text[:20]!r}")


NO_SUBSCRIPTION: Final = SubscriptionAddress()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileInfo:
    """One ISD-P that holds or will hold a profile."""

    iccid: Iccid
    isd_p_aid: Aid
    mno_id: Oid
    state: ProfileState
    smdp_id: Oid | None = None
    fall_back: bool = False
    profile_type: ProfileType = ""
    subscription: SubscriptionAddress = NO_SUBSCRIPTION
    allocated_memory: int = 0
    free_memory: int | None = None
    pol2: tuple[Pol2Rule, ...] = ()


class Property(NamedTuple):
    """One of AdditionalProperties: whatever else there is to say about a card."""

    key: PropertyKey
    value: str = ""


@unique
class Operation(IntEnum):
    """OperationType of an audit record: what the card told of itself, and what it was told to do."""

    FIRST_ATTACH = 0x0001
    PROFILE_CHANGED = 0x0002
    PROFILE_CHANGE_FAILED = 0x0003
    FELL_BACK = 0x0005
    CREATE_ISDP = 0x0100
    ENABLE = 0x0200
    DISABLE = 0x0300
    DELETE = 0x0400
    AUDIT = 0x0500
    MASTER_DELETE = 0x0600
    SET_FALL_BACK = 0x0700
    ESTABLISH_ISD_R_KEYSET = 0x0800
    FINALISE_ISD_R_HANDOVER = 0x0900


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What was done to a card, when, for whom."""

    eid: Eid
    smsr_id: Oid
    date: datetime
    operation: TwoBytes
    requester: Oid | None = None
    status: ExecutionStatus | None = None
    isd_p_aid: Aid | None = None
    iccid: Iccid | None = None
    imei: ShortBytes = b""
    meid: ShortBytes = b""
