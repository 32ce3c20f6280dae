# SPDX-License-Identifier: Apache-2.0
"""Where random bytes come from: always passed in, so that a run can be repeated byte for byte."""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol

__all__ = ["Entropy", "SeededEntropy"]


class Entropy(Protocol):
    """A source of random bytes."""

    def draw(self, n: int) -> bytes:
        """The next n bytes."""


class SeededEntropy:
    """A deterministic stream: SHA-256 over key and block number. As unpredictable as its seed, no more."""

    __slots__ = ("_block", "_key", "_left")

    def __init__(self, seed: bytes) -> None:
        self._key = sha256(b"seed\x00" + seed).digest()
        self._block = 0
        self._left = b""

    def draw(self, n: int) -> bytes:
        """The next n bytes of the stream; how they are divided into calls does not change them."""
        if n < 0:
            raise ValueError(f"cannot draw {n} bytes")
        data = self._left
        while len(data) < n:
            data += sha256(b"block\x00" + self._key + self._block.to_bytes(8, "big")).digest()
            self._block += 1
        self._left = data[n:]
        return data[:n]

    def fork(self, label: str) -> SeededEntropy:
        """An independent stream that depends on seed and label only, not on what was drawn before."""
        return SeededEntropy(b"fork\x00" + self._key + label.encode())
