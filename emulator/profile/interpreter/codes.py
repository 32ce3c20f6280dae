# SPDX-License-Identifier: Apache-2.0
"""PIN and PUK codes, and which directory they belong to (SAIP 8.5)."""

from __future__ import annotations

from typing import Final

from apdu.profile.elements.codes import (
    DEFAULT_PIN_ATTRIBUTES,
    DEFAULT_PIN_TRIES,
    DEFAULT_PUK_TRIES,
    PePinCodes,
    PePukCodes,
    PinConfiguration,
)
from apdu.profile.elements.files import FilePath
from apdu.profile.response import Status
from emulator.profile.base import DirectoryKind, PinSpec, PukSpec
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.outcome import Refused

__all__ = ["check_references", "define_pins", "define_puks", "resolve_contexts"]

_GLOBAL: Final = frozenset((*range(0x01, 0x09), *range(0x0A, 0x0F), 0x11, *range(0x8A, 0x8F)))
_LOCAL: Final = frozenset(range(0x81, 0x89))
_PUKS: Final = frozenset((*range(0x01, 0x09), *range(0x81, 0x89)))


def _tries(value: int, reference: int) -> tuple[int, int]:
    maximum, left = value >> 4, value & 0x0F
    if not maximum or left > maximum:
        raise Refused(Status.BAD_VALUES, f"{left} of {maximum} tries for reference {reference:02X}")
    return maximum, left


def define_puks(assembly: Assembly, element: PePukCodes) -> None:
    """All unblocking keys of the profile, once, after the MF."""
    assembly.require_mf()
    if assembly.puks:
        raise Refused(Status.INVALID_PARAMETER, "unblocking keys for a second time")
    for item in element.codes:
        reference = item.reference
        if reference not in _PUKS or reference in assembly.puks:
            raise Refused(Status.BAD_VALUES, f"PUK reference {reference:02X}")
        maximum, left = _tries(DEFAULT_PUK_TRIES if item.tries is None else item.tries, reference)
        assembly.puks[reference] = PukSpec(reference, item.code, maximum, left)
        assembly.take(len(item.code))


def define_pins(assembly: Assembly, element: PePinCodes) -> None:
    """The PINs of the current context: global ones for the MF, local ones for a DF or ADF."""
    directory = assembly.pin_context
    if directory is None:
        raise Refused(Status.INVALID_PARAMETER, "PINs before any directory")
    in_mf = directory.kind is DirectoryKind.MF
    if directory.id in assembly.contexts:
        raise Refused(Status.INVALID_PARAMETER, "PINs of one directory for a second time")
    if isinstance(element.codes, FilePath):
        _share(assembly, directory.id, element.codes, in_mf=in_mf)
        return
    assembly.contexts[directory.id] = directory.id
    allowed = _GLOBAL if in_mf else _LOCAL
    for item in element.codes:
        if item.reference not in allowed or (directory.id, item.reference) in assembly.pins:
            place = "the MF" if in_mf else f"directory {directory.fid:04X}"
            raise Refused(Status.BAD_VALUES, f"key reference {item.reference:02X} for {place}")
        assembly.pins[directory.id, item.reference] = _pin(assembly, item)
        assembly.take(len(item.code))


def _share(assembly: Assembly, context: int, path: FilePath, *, in_mf: bool) -> None:
    """Use the PINs of another directory (SAIP 8.5)."""
    target = assembly.resolve_directory(path)
    if in_mf or target.id not in assembly.contexts:
        raise Refused(Status.PIN_CODE_MISSING, f"directory {target.fid:04X} has no PINs to share")
    assembly.contexts[context] = assembly.contexts[target.id]


def _pin(assembly: Assembly, item: PinConfiguration) -> PinSpec:
    if item.puk is not None and item.puk not in assembly.puks:
        raise Refused(Status.PIN_CODE_MISSING, f"PUK reference {item.puk:02X} is not defined")
    maximum, left = _tries(DEFAULT_PIN_TRIES if item.tries is None else item.tries, item.reference)
    attributes = DEFAULT_PIN_ATTRIBUTES if item.attributes is None else item.attributes
    return PinSpec(item.reference, item.code, item.puk, attributes, maximum, left)


def resolve_contexts(assembly: Assembly) -> None:
    """Give every directory its PIN context: its own, or that of the directory around it (parents are made first)."""
    for directory in assembly.directories:
        parent = directory.parent
        inherited = 0 if parent is None else parent.context
        directory.context = assembly.contexts.get(directory.id, inherited)


def check_references(assembly: Assembly) -> None:
    """Every key reference of a directory has to be defined (SAIP 8.5); after `resolve_contexts`."""
    for directory in assembly.directories:
        for reference in directory.pin_references:
            context = directory.context if reference in _LOCAL else 0
            if (context, reference) not in assembly.pins:
                fault = f"key reference {reference:02X} of directory {directory.fid:04X} is not defined"
                raise Refused(Status.PIN_CODE_MISSING, fault, origin=assembly.origin.get(directory.id))
