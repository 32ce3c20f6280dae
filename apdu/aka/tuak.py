# SPDX-License-Identifier: Apache-2.0
"""TUAK (TS 35.231) with keys of 128 and 256 bits, all lengths of its outputs, and one or more runs of Keccak.

TUAK fills the first 96 bytes of Keccak's state, sets the padding bytes 1F at 96 and 80 at 135, and runs the permutation
Keccak-f[1600]: that is SHAKE256 of those 96 bytes. Squeezing a further block of SHAKE256 runs the permutation once
more, so the output after n runs is block n.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import shake_256
from typing import ClassVar, Final

from apdu.aka.algorithm import AlgorithmId, ResponseKeys, sized
from apdu.errors import DecodeError

__all__ = ["Tuak", "TuakLengths", "derive_topc"]

_NAME: Final = b"TUAK1.0"
_RATE: Final = 136
_INPUT: Final = 96
_TOPC_SIZE: Final = 32
_LENGTH_CODES: Final = {32: 0x00, 64: 0x08, 128: 0x10, 256: 0x20}
_MAC_BITS: Final = (64, 128, 256)
_KEY_BITS: Final = (128, 256)
_F1_RESYNCHRONISATION: Final = 0x80
_F2345: Final = 0x40
_F5_RESYNCHRONISATION: Final = 0xC0
_LONG_CK: Final = 0x04
_LONG_IK: Final = 0x02
_LONG_KEY: Final = 0x01
_CK_AT, _IK_AT, _AK_AT = 32, 64, 96
_AK_SIZE: Final = 6
_MAX_ITERATIONS: Final = 255


@dataclass(frozen=True, slots=True)
class TuakLengths:
    """Lengths of the outputs (TS 35.231 5.1); AUTN and AUTS need a MAC of 64 bits."""

    mac_bits: int = 64
    res_bits: int = 64
    ck_bits: int = 128
    ik_bits: int = 128

    def __post_init__(self) -> None:
        if self.mac_bits not in _MAC_BITS or self.res_bits not in _LENGTH_CODES:
            raise DecodeError(f"TUAK has no MAC of {self.mac_bits} bits with a RES of {self.res_bits}")
        if self.ck_bits not in _KEY_BITS or self.ik_bits not in _KEY_BITS:
            raise DecodeError(f"TUAK has no CK of {self.ck_bits} bits with an IK of {self.ik_bits}")


def _run(instance: int, key: bytes, top: bytes, iterations: int, given: bytes = bytes(24)) -> bytes:
    """The state after Keccak; `given` is RAND, AMF and SQN as the function uses them. Every field is reversed."""
    if len(key) not in (16, 32):
        raise DecodeError(f"K of TUAK has 16 or 32 bytes, not {len(key)}")
    if not 1 <= iterations <= _MAX_ITERATIONS:
        raise DecodeError(f"TUAK runs Keccak 1 to {_MAX_ITERATIONS} times, not {iterations}")
    if len(key) == 32:
        instance |= _LONG_KEY
    rand, amf, sqn = given[:16], given[16:18], given[18:]
    fields = (top, bytes((instance,)), _NAME, rand, amf, sqn, key)
    state = b"".join(field[::-1] for field in fields).ljust(_INPUT, b"\x00")
    return shake_256(state).digest(_RATE * iterations)[-_RATE:]


def _field(state: bytes, start: int, size: int) -> bytes:
    return state[start : start + size][::-1]


def derive_topc(key: bytes, top: bytes, iterations: int = 1) -> bytes:
    """TOPc of a subscriber from the operator's TOP (TS 35.231 6.1)."""
    return _field(_run(0x00, key, sized(top, _TOPC_SIZE, "TOP"), iterations), 0, _TOPC_SIZE)


class Tuak:
    """The functions under one K and TOPc."""

    __slots__ = ("_iterations", "_key", "_lengths", "_topc")

    identifier: ClassVar[AlgorithmId] = AlgorithmId.TUAK

    def __init__(self, key: bytes, topc: bytes, lengths: TuakLengths | None = None, iterations: int = 1) -> None:
        self._key = key
        self._topc = sized(topc, _TOPC_SIZE, "TOPc")
        self._lengths = lengths if lengths is not None else TuakLengths()
        self._iterations = iterations
        self._run(0x00)  # says at once when the key or the number of iterations is wrong

    def _run(self, instance: int, rand: bytes = bytes(16), amf: bytes = bytes(2), sqn: bytes = bytes(6)) -> bytes:
        given = sized(rand, 16, "RAND") + sized(amf, 2, "AMF") + sized(sqn, 6, "SQN")
        return _run(instance, self._key, self._topc, self._iterations, given)

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A."""
        return _field(self._run(_LENGTH_CODES[self._lengths.mac_bits], rand, amf, sqn), 0, self._lengths.mac_bits // 8)

    def f1s(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S."""
        instance = _F1_RESYNCHRONISATION | _LENGTH_CODES[self._lengths.mac_bits]
        return _field(self._run(instance, rand, amf, sqn), 0, self._lengths.mac_bits // 8)

    def f2345(self, rand: bytes) -> ResponseKeys:
        """RES, CK, IK, AK in one run."""
        lengths = self._lengths
        instance = _F2345 | _LENGTH_CODES[lengths.res_bits]
        instance |= (_LONG_CK if lengths.ck_bits == 256 else 0) | (_LONG_IK if lengths.ik_bits == 256 else 0)
        state = self._run(instance, rand)
        return ResponseKeys(
            res=_field(state, 0, lengths.res_bits // 8),
            ck=_field(state, _CK_AT, lengths.ck_bits // 8),
            ik=_field(state, _IK_AT, lengths.ik_bits // 8),
            ak=_field(state, _AK_AT, _AK_SIZE),
        )

    def f5s(self, rand: bytes) -> bytes:
        """AK of a resynchronisation."""
        return _field(self._run(_F5_RESYNCHRONISATION, rand), _AK_AT, _AK_SIZE)
