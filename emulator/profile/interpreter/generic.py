# SPDX-License-Identifier: Apache-2.0
"""Generic file management: files that the package describes wholly (SAIP 8.3.5)."""

from __future__ import annotations

from typing import Final

from apdu.profile.elements.files import Fcp, FileManagement, FilePath, PeGenericFileManagement
from apdu.profile.response import Status
from emulator.profile.base import Directory, DirectoryKind
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.contents import structure
from emulator.profile.interpreter.files import MF, create_directory, create_file
from emulator.profile.interpreter.outcome import Refused

__all__ = ["manage_files"]

_APPLICATIONS: Final = (
    (bytes.fromhex("A0000000871002"), "usim"),
    (bytes.fromhex("A0000000871004"), "isim"),
    (bytes.fromhex("A0000003431002"), "csim"),
)
"""How the AID of an ADF tells which application it is (TS 101 220, C.S0065)."""


def manage_files(assembly: Assembly, element: PeGenericFileManagement) -> None:
    """Carry out the commands; every list of them starts at the MF (D)."""
    for commands in element.commands:
        _Manager(assembly).run(commands)


class _Manager:
    """Current directory, and the file that contents go to."""

    __slots__ = ("assembly", "directory", "fcp", "writes")

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.directory = assembly.mf
        self.fcp: Fcp | None = None
        self.writes: list[int | bytes] = []

    def run(self, commands: FileManagement) -> None:
        for command in commands:
            kind = type(command)
            if kind is Fcp:
                self._finish()
                self._start(command)  # type: ignore[arg-type]  # its type is what was compared
            elif kind is int or kind is bytes:
                if self.fcp is None:
                    raise Refused(Status.INVALID_PARAMETER, "content without a current EF")
                self.writes.append(command)  # type: ignore[arg-type]
            elif kind is FilePath:
                self._finish()
                self._select(command)  # type: ignore[arg-type]
            else:
                raise Refused(Status.INVALID_PARAMETER, "an unknown file management command")
        self._finish()

    def _select(self, path: FilePath) -> None:
        """Select a directory; before the MF exists the empty path is where it will be."""
        if path or self.assembly.mf is not None:
            self.directory = self.assembly.resolve_directory(path)

    def _start(self, fcp: Fcp) -> None:
        """Make a directory at once; an EF waits for its contents."""
        if fcp.descriptor is None and not fcp.link_path:
            raise Refused(Status.BAD_VALUES, "no fileDescriptor")
        if self._is_directory(fcp):
            try:
                self.directory = self._create_directory(fcp)
            except Refused as refused:
                raise _named(fcp, refused) from None
        else:
            self.fcp = fcp

    def _is_directory(self, fcp: Fcp) -> bool:
        if fcp.descriptor is not None:
            return structure(fcp.descriptor).kind is None
        return isinstance(self.assembly.resolve(fcp.link_path or b""), Directory)

    def _create_directory(self, fcp: Fcp) -> Directory:
        if self.directory is None:
            return create_directory(self.assembly, None, None, fcp, DirectoryKind.MF)
        if fcp.file_id == MF.to_bytes(2, "big"):
            raise Refused(Status.INVALID_PARAMETER, "a second MF")
        if fcp.df_name is None:
            return create_directory(self.assembly, self.directory, None, fcp, DirectoryKind.DF)
        if self.directory.kind is not DirectoryKind.MF:
            raise Refused(Status.BAD_VALUES, "an ADF that is not right under the MF")
        adf = create_directory(self.assembly, self.directory, None, fcp, DirectoryKind.ADF)
        for prefix, naa in _APPLICATIONS:
            if fcp.df_name.startswith(prefix):
                if naa in self.assembly.naas:
                    self.assembly.require_service(f"multiple-{naa}")
                self.assembly.naas[naa] = self.assembly.naa = adf
        return adf

    def _finish(self) -> None:
        """Make the EF that has all its contents now."""
        if self.fcp is None:
            return
        fcp, writes = self.fcp, self.writes
        self.fcp, self.writes = None, []
        if self.directory is None:
            raise Refused(Status.INVALID_PARAMETER, "no MF yet")
        try:
            create_file(self.assembly, self.directory, None, fcp, writes)
        except Refused as refused:
            raise _named(fcp, refused) from None


def _named(fcp: Fcp, refused: Refused) -> Refused:
    name = fcp.file_id.hex().upper() if fcp.file_id is not None else "a file"
    return Refused(refused.status, f"{name}: {refused.reason}")
