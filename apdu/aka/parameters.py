# SPDX-License-Identifier: Apache-2.0
"""From the parameters of a profile or an AuC to the algorithm that computes (AlgoParameter, SAIP 8.4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from apdu.aka.algorithm import RES_BITS, AkaAlgorithm, AlgorithmId
from apdu.aka.milenage import STANDARD, Milenage, MilenageConstants
from apdu.aka.tuak import Tuak, TuakLengths
from apdu.aka.xor import XorAlgorithm
from apdu.errors import DecodeError, M2mError

__all__ = ["ALGORITHMS", "MAX_RES_BITS", "AlgorithmParameters", "UnsupportedAlgorithm", "make_algorithm"]

MAX_RES_BITS: Final = 128
"""TS 33.102 6.3.7."""


class UnsupportedAlgorithm(M2mError):
    """An algorithm identifier for which nothing is implemented."""


@dataclass(frozen=True, slots=True)
class AlgorithmParameters:
    """One subscriber's secrets and the choices around them; `opc` is not used by the test algorithm."""

    identifier: int
    key: bytes = field(repr=False)
    opc: bytes = field(default=b"", repr=False)
    options: int = 0
    constants: MilenageConstants = STANDARD
    iterations: int = 1
    """Runs of Keccak, TUAK only (numberOfKeccak)."""


def _milenage(parameters: AlgorithmParameters) -> AkaAlgorithm:
    return Milenage(parameters.key, parameters.opc, parameters.constants)


def _tuak(parameters: AlgorithmParameters) -> AkaAlgorithm:
    """RES as algorithmOptions say; a MAC of 64 bits with CK and IK of 128, as TS 33.102 has them (U)."""
    bits = RES_BITS.get(parameters.options & 0x07, 0)
    if bits > MAX_RES_BITS:
        raise DecodeError(f"RES of an AKA has {MAX_RES_BITS} bits at most, not {bits}")
    return Tuak(parameters.key, parameters.opc, TuakLengths(res_bits=bits), parameters.iterations)


def _test(parameters: AlgorithmParameters) -> AkaAlgorithm:
    return XorAlgorithm(parameters.key, RES_BITS.get(parameters.options & 0x07, 0))


ALGORITHMS: Final[dict[int, Callable[[AlgorithmParameters], AkaAlgorithm]]] = {
    AlgorithmId.MILENAGE: _milenage,
    AlgorithmId.TUAK: _tuak,
    AlgorithmId.TEST: _test,
}
"""How each algorithm is made: the one place that a further one is added to."""


def make_algorithm(parameters: AlgorithmParameters) -> AkaAlgorithm:
    """The algorithm under these parameters; UnsupportedAlgorithm, or DecodeError when a size is wrong."""
    maker = ALGORITHMS.get(parameters.identifier)
    if maker is None:
        raise UnsupportedAlgorithm(f"authentication algorithm {parameters.identifier} is not supported")
    return maker(parameters)
