# SPDX-License-Identifier: Apache-2.0
"""What a profile package amounts to once it is interpreted: the immutable base under a card's own changes.

A base is found by the digest of its package and shared by all cards of the process; a card keeps only its delta
(changed file bodies, PIN states, counters). Nothing here is changed after the interpreter has finished, and node ids
are the order of creation: the same package always gives the same ids, and a delta keyed by id survives a new process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

from apdu.ids import Aid, Iccid, Tar
from apdu.keys.secret import SecretKey
from apdu.profile.response import PeStatus

__all__ = [
    "ApplicationSpec",
    "Directory",
    "DirectoryKind",
    "DomainKey",
    "DomainSpec",
    "FileKind",
    "FileNode",
    "NaaSpec",
    "PinSpec",
    "ProfileBase",
    "PukSpec",
    "RfmSpec",
]


@unique
class FileKind(Enum):
    """Structure of an elementary file; the value is its file descriptor byte when shareable (TS 102 221 11.1.1.4.3)."""

    TRANSPARENT = 0x41
    LINEAR = 0x42
    CYCLIC = 0x46
    BER_TLV = 0x79


@unique
class DirectoryKind(Enum):
    """What kind of directory a node is."""

    MF = "MF"
    DF = "DF"
    ADF = "ADF"


class Directory:
    """MF, DF or ADF. `fid` of an ADF is the temporary one of the package, which only paths inside the package use."""

    __slots__ = (
        "adf",
        "aid",
        "arr",
        "by_sfi",
        "children",
        "context",
        "fid",
        "id",
        "kind",
        "label",
        "lcs",
        "link",
        "parent",
        "pin_references",
    )

    def __init__(self, id: int, fid: int, kind: DirectoryKind, parent: Directory | None) -> None:
        self.id = id
        self.fid = fid
        self.kind = kind
        self.parent = parent
        self.aid: Aid | None = None
        self.adf: Directory | None = parent.adf if parent is not None and kind is DirectoryKind.DF else None
        """The ADF that it lies in, or is; None under the MF."""
        if kind is DirectoryKind.ADF:
            self.adf = self
        self.children: dict[int, FileNode | Directory] = {}
        self.by_sfi: dict[int, FileNode] = {}
        self.arr: tuple[int, int] = (0x2F06, 0)
        """EF.ARR file identifier and record number."""
        self.lcs = 0x05
        self.pin_references: tuple[int, ...] = ()
        """Key references in the order of pinStatusTemplateDO."""
        self.context = 0
        """Id of the directory whose local PINs (81-88) apply here; 0, the MF, where there are none."""
        self.link: Directory | None = None
        """A linked DF: whose files it shows besides its own identifier, access rule and PINs (SAIP 8.3.4)."""
        self.label = ""

    def link_to(self, target: Directory) -> None:
        """Show the files of another directory, those made later included."""
        self.link = target.link or target
        self.children = self.link.children
        self.by_sfi = self.link.by_sfi

    def __repr__(self) -> str:
        return f"Directory({self.fid:04X}, {self.kind.value}, {len(self.children)} children)"


class FileNode:
    """Elementary file. `content` is its body at installation; a link shares body, descriptor, size with its target."""

    __slots__ = (
        "arr",
        "content",
        "fid",
        "id",
        "kind",
        "label",
        "lcs",
        "link",
        "maximum_size",
        "parent",
        "record_length",
        "sfi",
        "size",
        "special",
    )

    def __init__(self, id: int, fid: int, kind: FileKind, parent: Directory) -> None:
        self.id = id
        self.fid = fid
        self.kind = kind
        self.parent = parent
        self.sfi: int | None = None
        self.arr: tuple[int, int] = (0x6F06, 0)
        self.lcs = 0x05
        self.record_length = 0
        """Bytes of a record, 0 where there are no records."""
        self.size = 0
        """Bytes of the body; of a BER-TLV file the reserved size."""
        self.maximum_size: int | None = None
        """BER-TLV files only: the announced upper limit."""
        self.content = b""
        self.special = 0
        """Special file information C0: 80 high update activity, 40 readable and updatable when deactivated."""
        self.link: FileNode | None = None
        self.label = ""

    @property
    def target(self) -> FileNode:
        """The file that holds the body: itself, or what it links to."""
        node = self
        while node.link is not None:
            node = node.link
        return node

    @property
    def records(self) -> int:
        """Number of records."""
        return self.size // self.record_length if self.record_length else 0

    def __repr__(self) -> str:
        return f"FileNode({self.fid:04X}, {self.kind.name}, {self.size} bytes)"


@dataclass(frozen=True, slots=True)
class PinSpec:
    """A PIN or ADM key as the package defines it (SAIP 8.4.2)."""

    reference: int
    value: bytes = field(repr=False)
    """8 bytes; secret, so in no repr."""
    puk: int | None
    attributes: int
    """b1 enabled, b2 may be changed, b3 may be disabled and enabled."""
    max_tries: int
    tries: int


@dataclass(frozen=True, slots=True)
class PukSpec:
    """An unblocking key (SAIP 8.4.1)."""

    reference: int
    value: bytes = field(repr=False)
    """8 bytes; secret, so in no repr."""
    max_tries: int
    tries: int


@dataclass(frozen=True, slots=True)
class NaaSpec:
    """Authentication parameters of one network access application (SAIP 8.5)."""

    adf: Directory
    algorithm: int
    """1 Milenage, 2 TUAK, 3 the test algorithm."""
    options: int
    key: SecretKey
    opc: bytes = field(repr=False)
    """OPc or TOPc; whatever the package gives for the test algorithm, which ignores it."""
    rotation: bytes
    xoring: bytes
    counter_max: int | None
    keccak_rounds: int
    sqn_options: int
    sqn_delta: int
    sqn_age_limit: int
    sqn_init: tuple[int, ...]
    """32 values of SEQ without the IND bits."""
    mapping_options: int | None = None
    """Set when the parameters were taken from another NAA (`source`)."""
    source: Aid | None = None


@dataclass(frozen=True, slots=True)
class DomainKey:
    """One key of a profile's security domain (SAIP 8.6.3)."""

    kvn: int
    kid: int
    usage: bytes
    access: int
    components: tuple[SecretKey, ...]
    counter: bytes | None


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """A security domain of the profile; the first one is the MNO-SD (SAIP 8.6)."""

    index: int
    aid: Aid
    load_file: Aid
    module: Aid
    parent: Aid | None
    """The SD that it is extradited to; None for the MNO-SD."""
    privileges: bytes
    lifecycle: int
    parameters_c9: bytes
    tars: tuple[Tar, ...]
    minimum_security_level: int
    keys: tuple[DomainKey, ...]
    personalisation: tuple[bytes, ...]
    """Data groupings: DGI, length, value each."""

    @property
    def is_mno_sd(self) -> bool:
        """Whether it is the profile's MNO-SD."""
        return self.index == 0


@dataclass(frozen=True, slots=True)
class ApplicationSpec:
    """An application instance, or a load package without one: stored as opaque data, never executed (SAIP 8.7)."""

    package: Aid
    module: Aid | None
    aid: Aid | None
    domain: Aid | None
    privileges: bytes
    lifecycle: int
    size: int


@dataclass(frozen=True, slots=True)
class RfmSpec:
    """A remote file management instance (SAIP 8.8)."""

    aid: Aid
    domain: Aid | None
    tars: tuple[Tar, ...]
    minimum_security_level: int
    access_domain: bytes
    admin_domain: bytes
    adf: Aid | None
    adf_access_domain: bytes
    adf_admin_domain: bytes


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class ProfileBase:
    """A whole profile, as installed."""

    digest: bytes
    """SHA-256 of the package."""
    iccid: Iccid
    """As the header says; the card's file system holds its own in EF.ICCID."""
    profile_type: str
    pol1: int
    connectivity: bytes
    services: frozenset[str]
    mf: Directory
    adfs: tuple[Directory, ...]
    pins: Mapping[tuple[int, int], PinSpec]
    """By PIN context (directory id, 0 for global references) and key reference."""
    puks: Mapping[int, PukSpec]
    naas: tuple[NaaSpec, ...]
    cdma: tuple[bytes, ...] = field(repr=False)
    """CDMA keys, stored; no CDMA algorithm runs."""
    domains: tuple[DomainSpec, ...]
    applications: tuple[ApplicationSpec, ...]
    rfms: tuple[RfmSpec, ...]
    footprint: int
    """Bytes of non-volatile memory that the profile takes."""
    warnings: tuple[PeStatus, ...] = ()
    """Elements that were skipped at installation."""
