# SPDX-License-Identifier: Apache-2.0
"""Profile elements that create files from a template (SAIP 8.3.2)."""

from __future__ import annotations

from typing import Final

from apdu.profile.elements.files import DO_NOT_CREATE, Fcp, File
from apdu.profile.elements.template import TemplateElement
from apdu.profile.response import Status
from apdu.profile.templates.model import FileTemplate, FileType, Template
from emulator.profile.base import Directory, DirectoryKind
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.files import create_directory, create_file
from emulator.profile.interpreter.iot import iot_defaults
from emulator.profile.interpreter.outcome import Refused
from emulator.profile.interpreter.services import SERVICE_TABLES, clear_services

__all__ = ["create_from_template"]

_NAAS: Final = {"usim": "usim", "isim": "isim", "csim": "csim", "iot": "usim"}
"""Elements that create an application's ADF."""

_UNDER: Final = {
    "opt-usim": "usim",
    "phonebook": "usim",
    "gsm-access": "usim",
    "df-5gs": "usim",
    "df-saip": "usim",
    "df-snpn": "usim",
    "df-5gprose": "usim",
    "opt-iot": "usim",
    "opt-isim": "isim",
    "opt-csim": "csim",
}
"""Elements whose files lie in the last ADF of a kind; those of the others lie under the MF."""


def create_from_template(assembly: Assembly, element: TemplateElement, template: Template) -> None:
    """Make the files of one element."""
    kind = element.kind
    if (naa := _NAAS.get(kind)) is not None and naa in assembly.naas:
        assembly.require_service(f"multiple-{naa}")
    files = element.files
    if kind == "iot":
        files = iot_defaults(assembly.header, files)
    unknown = files.keys() - template.by_name.keys()
    if unknown:
        raise Refused(Status.INVALID_PARAMETER, f"{min(unknown)} is not in template {template.oid}")
    maker = _Maker(assembly, _parent(assembly, kind), kind)
    if template.by_default:
        for row in template.rows:
            maker.make(row, files.get(row.name, ()))
    else:
        for name, items in files.items():
            maker.make(template.by_name[name], items)
    if naa is not None:
        assembly.naas[naa] = assembly.naa = next(d for d in assembly.created if d.kind is DirectoryKind.ADF)


def _parent(assembly: Assembly, kind: str) -> Directory | None:
    """Where files without a directory of their own template lie; None while there is no MF, which an element makes."""
    if kind in ("mf", "iot"):
        if assembly.mf is not None:
            raise Refused(Status.INVALID_PARAMETER, "a second MF")
        return None
    mf = assembly.require_mf()
    under = _UNDER.get(kind)
    if under is not None:
        return assembly.require_naa(under)
    if kind == "eap":
        if assembly.naa is None:
            raise Refused(Status.INVALID_PARAMETER, "DF.EAP without an application")
        return assembly.naa
    return mf


class _Maker:
    """Makes the files of one template element, row by row."""

    __slots__ = ("assembly", "is_mf", "made", "parent")

    def __init__(self, assembly: Assembly, parent: Directory | None, kind: str) -> None:
        self.assembly = assembly
        self.parent = parent
        self.is_mf = kind == "mf"
        self.made: dict[str, Directory] = {}

    def make(self, row: FileTemplate, items: File) -> None:
        """One row: every Fcp after the first makes a further file of the same kind (SAIP 8.3.2)."""
        fcp: Fcp | None = None
        writes: list[int | bytes] = []
        for item in items:
            kind = type(item)
            if kind is Fcp:
                if fcp is not None or writes:
                    self._create(row, fcp, writes)
                    writes = []
                fcp = item  # type: ignore[assignment]  # its type is what was compared
            elif kind is int or kind is bytes:
                writes.append(item)  # type: ignore[arg-type]
            elif item is DO_NOT_CREATE:
                if self.is_mf:
                    continue  # has no effect there (module, File)
                if row.type is FileType.DIRECTORY or len(items) != 1:
                    raise Refused(Status.INVALID_PARAMETER, f"doNotCreate in {row.name}")
                return
            else:
                raise Refused(Status.INVALID_PARAMETER, f"an unknown item in {row.name}")
        self._create(row, fcp, writes)

    def _create(self, row: FileTemplate, fcp: Fcp | None, writes: list[int | bytes]) -> None:
        parent = self.parent
        try:
            if row.within is not None:
                parent = self.made.get(row.within)
                if parent is None:
                    raise Refused(Status.INVALID_PARAMETER, f"{row.within} is not there")
            if row.type is FileType.DIRECTORY:
                if writes:
                    raise Refused(Status.INVALID_PARAMETER, "content for a directory")
                kind = DirectoryKind.ADF if row.is_adf else DirectoryKind.MF if row.fid == 0x3F00 else DirectoryKind.DF
                if row.is_adf and parent is None:
                    parent = self.assembly.require_mf()
                self.made[row.name] = create_directory(self.assembly, parent, row, fcp or Fcp(), kind)
                return
            assert parent is not None
            node = create_file(self.assembly, parent, row, fcp, writes)
        except Refused as refused:
            raise Refused(refused.status, f"{row.name}: {refused.reason}") from None
        if row.name in SERVICE_TABLES and node.link is None:
            node.content = clear_services(row.name, node.content, self.assembly.policy)
