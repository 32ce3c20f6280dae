# SPDX-License-Identifier: Apache-2.0
"""The test algorithm of TS 34.108 8.1.2, made of exclusive ors: for test cards, it protects nothing."""

from __future__ import annotations

from typing import ClassVar

from apdu.aka.algorithm import AlgorithmId, ResponseKeys, sized, xor
from apdu.errors import DecodeError

__all__ = ["XorAlgorithm"]


class XorAlgorithm:
    """The functions under one K; RES has 32 to 128 bits in whole bytes."""

    __slots__ = ("_key", "_res_size")

    identifier: ClassVar[AlgorithmId] = AlgorithmId.TEST

    def __init__(self, key: bytes, res_bits: int = 128) -> None:
        if res_bits not in range(32, 129, 8):
            raise DecodeError(f"RES of the test algorithm has 32 to 128 bits in whole bytes, not {res_bits}")
        self._key = sized(key, 16, "K")
        self._res_size = res_bits // 8

    def _xdout(self, rand: bytes) -> bytes:
        return xor(self._key, sized(rand, 16, "RAND"))

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """XMAC; f1* is the same function."""
        return xor(self._xdout(rand)[:8], sized(sqn, 6, "SQN") + sized(amf, 2, "AMF"))

    f1s = f1

    def f2345(self, rand: bytes) -> ResponseKeys:
        """RES, CK and IK (rotations of the same value), AK."""
        out = self._xdout(rand)
        ck, ik = out[1:] + out[:1], out[2:] + out[:2]
        return ResponseKeys(res=out[: self._res_size], ck=ck, ik=ik, ak=out[3:9])

    def f5s(self, rand: bytes) -> bytes:
        """AK of a resynchronisation: the same as AK."""
        return self._xdout(rand)[3:9]
