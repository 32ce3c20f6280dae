# SPDX-License-Identifier: Apache-2.0
"""The network access application that AUTHENTICATE and GET IDENTITY work for (TS 31.102, TS 31.103)."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from apdu.aka.algorithm import AkaAlgorithm
from apdu.aka.milenage import MilenageConstants
from apdu.aka.parameters import AlgorithmParameters, UnsupportedAlgorithm, make_algorithm
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import reference_met
from emulator.fs.filesystem import FileSystem
from emulator.fs.pins import is_application_pin
from emulator.profile.base import Directory, NaaSpec

__all__ = ["EF_UST", "Kind", "Naa", "algorithm_of", "current_naa", "has_service", "kind_of", "require_pin"]

EF_UST: Final = 0x6F38
_EF_IST: Final = 0x6F07
_MILENAGE: Final = 1


class Kind(Enum):
    """Network access applications; the value is the start of their AIDs (TS 101 220 annex E, C.S0065)."""

    USIM = bytes.fromhex("A0000000871002")
    ISIM = bytes.fromhex("A0000000871004")
    CSIM = bytes.fromhex("A0000003431002")


def kind_of(adf: Directory) -> Kind | None:
    """Which application an ADF is, None for another one."""
    aid = adf.aid or b""
    return next((kind for kind in Kind if aid.startswith(kind.value)), None)


class Naa(NamedTuple):
    """The application that is current on a channel."""

    files: FileSystem
    adf: Directory
    kind: Kind


def current_naa(channel: Channel, *kinds: Kind) -> Naa:
    """The application whose ADF, or a DF in it, is the current directory; 6985 when it is none of these kinds.

    An ADF that is active while a directory of the MF is current does not do (TS 31.102 7.1.1.1).
    """
    files, directory = channel.card.files, channel.directory
    adf = directory.adf if directory is not None else None
    kind = kind_of(adf) if adf is not None else None
    if files is None or adf is None or kind is None or kind not in kinds:
        raise CardError(SW.CONDITIONS_OF_USE)
    return Naa(files, adf, kind)


def require_pin(channel: Channel, adf: Directory) -> None:
    """6982 unless the application's PIN, the first global one that its ADF lists, is verified or disabled."""
    reference = next((ref for ref in adf.pin_references if is_application_pin(ref)), None)
    if reference is not None and not reference_met(channel, adf, reference):
        raise CardError(SW.SECURITY_STATUS)


def has_service(naa: Naa, number: int) -> bool:
    """Whether a service is available (EF.UST of TS 31.102 4.2.8, EF.IST of TS 31.103 4.2.7); no file, no service."""
    table = naa.files.find(naa.adf, _EF_IST if naa.kind is Kind.ISIM else EF_UST)
    if table is None:
        return False
    body = naa.files.body(table)
    byte, bit = divmod(number - 1, 8)
    return byte < len(body) and bool(body[byte] >> bit & 1)


def algorithm_of(spec: NaaSpec) -> AkaAlgorithm:
    """The algorithm under the keys of a profile; 9864 when the card has none of that kind."""
    parameters = AlgorithmParameters(
        spec.algorithm, spec.key.reveal(), spec.opc, spec.options, iterations=spec.keccak_rounds
    )
    if spec.algorithm == _MILENAGE:
        constants = MilenageConstants.from_bytes(spec.rotation, spec.xoring)
        parameters = AlgorithmParameters(spec.algorithm, spec.key.reveal(), spec.opc, spec.options, constants)
    try:
        return make_algorithm(parameters)
    except UnsupportedAlgorithm:
        raise CardError(SW.AKA_CONTEXT_NOT_SUPPORTED) from None
