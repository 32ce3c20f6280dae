# SPDX-License-Identifier: Apache-2.0
"""The profile while it is put together: the tree so far, who is current, memory taken."""

from __future__ import annotations

from apdu.ids import Aid
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.response import Status
from emulator.profile.base import (
    ApplicationSpec,
    Directory,
    DirectoryKind,
    DomainSpec,
    FileNode,
    NaaSpec,
    PinSpec,
    PukSpec,
    RfmSpec,
)
from emulator.profile.interpreter.outcome import Refused
from emulator.profile.policy import Policy

__all__ = ["NODE_BYTES", "Assembly"]

NODE_BYTES = 32
"""Memory that a file or directory takes besides its body (D): its control parameters."""


class Assembly:
    """Everything that the elements of one package have made so far."""

    def __init__(self, header: ProfileHeader, policy: Policy, available: int) -> None:
        self.header = header
        self.policy = policy
        self.available = available
        self.taken = 0
        self.nodes = 0
        self.mf: Directory | None = None
        self.adfs: dict[int, Directory] = {}
        """By temporary file identifier."""
        self.naas: dict[str, Directory] = {}
        """The last created ADF of each kind: usim, isim, csim."""
        self.naa: Directory | None = None
        """The last created of them: what akaParameter and cdmaParameter belong to."""
        self.created: list[Directory] = []
        """Directories made by the current element."""
        self.origin: dict[int, tuple[int | None, int]] = {}
        """Identification and offset of the element that made a directory."""
        self.pin_context: Directory | None = None
        """The first directory of the last element that made one (SAIP 8.5)."""
        self.contexts: dict[int, int] = {}
        """Directories for which an element defined PINs: whose they are, their own or shared ones."""
        self.pins: dict[tuple[int, int], PinSpec] = {}
        self.puks: dict[int, PukSpec] = {}
        self.algorithms: list[NaaSpec] = []
        self.cdma: tuple[bytes, ...] = ()
        self.domains: list[DomainSpec] = []
        self.applications: list[ApplicationSpec] = []
        self.rfms: list[RfmSpec] = []
        self.directories: list[Directory] = []
        self.aids: set[bytes] = set()
        self._bodies: dict[bytes, bytes] = {}

    def take(self, size: int) -> None:
        """Account for memory; refused when it is not there."""
        self.taken += size
        if self.taken > self.available:
            raise Refused(Status.NOT_ENOUGH_MEMORY, f"{self.taken} bytes needed so far, {self.available} available")

    def node_id(self) -> int:
        """The id of the next file or directory: the order of creation, the MF is 0."""
        number = self.nodes
        self.nodes = number + 1
        if number >= self.policy.max_nodes:
            raise Refused(Status.NOT_ENOUGH_MEMORY, f"more than {self.policy.max_nodes} files")
        self.taken += NODE_BYTES
        if self.taken > self.available:
            self.take(0)
        return number

    def share(self, body: bytes) -> bytes:
        """One object for equal bodies."""
        return self._bodies.setdefault(body, body)

    def claim_aid(self, aid: Aid) -> None:
        """Take an AID of the profile; each names one application."""
        if aid in self.aids:
            raise Refused(Status.BAD_VALUES, f"AID {aid} is in use")
        self.aids.add(aid)

    def require_service(self, service: str) -> None:
        """Refuse what this card does not support."""
        if service not in self.policy.services:
            raise Refused(Status.FEATURE_NOT_SUPPORTED, f"{service} is not supported")

    def require_mf(self) -> Directory:
        """The MF, which comes before any other file."""
        if self.mf is None:
            raise Refused(Status.INVALID_PARAMETER, "no MF yet")
        return self.mf

    def require_naa(self, kind: str) -> Directory:
        """The last created ADF of a kind."""
        found = self.naas.get(kind)
        if found is None:
            raise Refused(Status.INVALID_PARAMETER, f"no {kind} yet")
        return found

    def register(self, directory: Directory) -> None:
        """Note a new directory."""
        self.created.append(directory)
        self.directories.append(directory)
        if directory.kind is DirectoryKind.ADF:
            self.adfs[directory.fid] = directory

    def resolve(self, path: bytes) -> Directory | FileNode:
        """What a path from the MF names; ADFs by their temporary identifiers (SAIP 8.3.5)."""
        node: Directory | FileNode | None = self.require_mf()
        if len(path) % 2:
            raise Refused(Status.BAD_VALUES, f"path {path.hex().upper()} has half a file identifier")
        for at in range(0, len(path), 2):
            fid = path[at] << 8 | path[at + 1]
            above = node
            node = above.children.get(fid) if isinstance(above, Directory) else None
            if node is None and at == 0:
                node = self.adfs.get(fid)
            if node is None:
                raise Refused(Status.BAD_VALUES, f"path {path.hex().upper()} leads nowhere")
        assert node is not None
        return node

    def resolve_directory(self, path: bytes) -> Directory:
        """A path that has to name a directory."""
        node = self.resolve(path)
        if not isinstance(node, Directory):
            raise Refused(Status.BAD_VALUES, f"path {path.hex().upper()} names a file, not a directory")
        return node
