# SPDX-License-Identifier: Apache-2.0
"""Milenage (TS 35.206) with AES-128 as kernel and an operator's rotations r1..r5 and constants c1..c5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from apdu.aka.algorithm import AlgorithmId, ResponseKeys, sized, xor

__all__ = ["STANDARD", "Milenage", "MilenageConstants", "derive_opc"]

_MASK: Final = (1 << 128) - 1


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (128 - bits)) & _MASK


@dataclass(frozen=True, slots=True)
class MilenageConstants:
    """Rotations to the left in bits and 128-bit constants, both for OUT1 to OUT5 (TS 35.206 4.1)."""

    rotations: tuple[int, int, int, int, int]
    xorings: tuple[int, int, int, int, int]

    @classmethod
    def from_bytes(cls, rotations: bytes, xorings: bytes) -> Self:
        """Read rotationConstants (5 bytes) and xoringConstants (80 bytes) of a profile (SAIP 8.4.2).

        A rotation of 128 bits or more turns by the rest, as any rotation of a 128-bit value does.
        """
        r1, r2, r3, r4, r5 = (bits % 128 for bits in sized(rotations, 5, "rotationConstants"))
        sized(xorings, 80, "xoringConstants")
        k1, k2, k3, k4, k5 = (int.from_bytes(xorings[at : at + 16], "big") for at in range(0, 80, 16))
        return cls((r1, r2, r3, r4, r5), (k1, k2, k3, k4, k5))


STANDARD: Final = MilenageConstants((64, 0, 32, 64, 96), (0, 1, 2, 4, 8))
"""The values of TS 35.206 4.1, also the defaults of SAIP 8.4.2."""


def derive_opc(key: bytes, op: bytes) -> bytes:
    """OPc of a subscriber from the operator's OP (TS 35.206 4.1)."""
    encryptor = Cipher(AES(sized(key, 16, "K")), ECB()).encryptor()
    return xor(encryptor.update(sized(op, 16, "OP")), op)


class Milenage:
    """The functions under one K and OPc; the AES key schedule is computed once."""

    __slots__ = ("_constants", "_encrypt", "_opc")

    identifier: ClassVar[AlgorithmId] = AlgorithmId.MILENAGE

    def __init__(self, key: bytes, opc: bytes, constants: MilenageConstants = STANDARD) -> None:
        # ECB has no chain: one encryptor that is never finalised serves all blocks
        self._encrypt = Cipher(AES(sized(key, 16, "K")), ECB()).encryptor().update
        self._opc = int.from_bytes(sized(opc, 16, "OPc"), "big")
        self._constants = constants

    def _temp(self, rand: bytes) -> int:
        block = int.from_bytes(sized(rand, 16, "RAND"), "big") ^ self._opc
        return int.from_bytes(self._encrypt(block.to_bytes(16, "big")), "big")

    def _outputs(self, rand: bytes, first: int, last: int) -> bytes:
        """OUT`first` to OUT`last`, 2 to 5, of TS 35.206 4.1 in one call of the cipher."""
        rotated = self._temp(rand) ^ self._opc
        r, c = self._constants.rotations, self._constants.xorings
        blocks = b"".join((_rotate(rotated, r[i]) ^ c[i]).to_bytes(16, "big") for i in range(first - 1, last))
        return xor(self._encrypt(blocks), self._opc.to_bytes(16, "big") * (last - first + 1))

    def _out1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        in1 = int.from_bytes((sized(sqn, 6, "SQN") + sized(amf, 2, "AMF")) * 2, "big")
        r, c = self._constants.rotations, self._constants.xorings
        block = self._temp(rand) ^ _rotate(in1 ^ self._opc, r[0]) ^ c[0]
        return xor(self._encrypt(block.to_bytes(16, "big")), self._opc.to_bytes(16, "big"))

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A."""
        return self._out1(rand, sqn, amf)[:8]

    def f1s(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S."""
        return self._out1(rand, sqn, amf)[8:]

    def f2345(self, rand: bytes) -> ResponseKeys:
        """RES (8 bytes), CK, IK, AK."""
        out = self._outputs(rand, 2, 4)
        return ResponseKeys(res=out[8:16], ck=out[16:32], ik=out[32:48], ak=out[:6])

    def f5s(self, rand: bytes) -> bytes:
        """AK of a resynchronisation."""
        return self._outputs(rand, 5, 5)[:6]
