# SPDX-License-Identifier: Apache-2.0
"""The bases of this process, found by the digest of their package.

A base is an immutable function of package and policy, so sharing one between cards shows in memory and time only. It
lives as long as a card uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from weakref import ReferenceType, ref

from emulator.profile.base import ProfileBase
from emulator.profile.policy import Policy

__all__ = ["BASES", "BaseCache"]


class BaseCache:
    """Bases by policy and digest: of the whole package, and of every part of it that ends with an element."""

    __slots__ = ("_bases",)

    def __init__(self) -> None:
        self._bases: dict[tuple[Policy, bytes], ReferenceType[ProfileBase]] = {}

    def get(self, policy: Policy, digest: bytes) -> ProfileBase | None:
        """A base whose package is, or starts with, what has this digest."""
        found = self._bases.get((policy, digest))
        return None if found is None else found()

    def known(self, policy: Policy, digest: bytes) -> ProfileBase | None:
        """The base of the package with this digest."""
        found = self.get(policy, digest)
        return found if found is not None and found.digest == digest else None

    def put(self, policy: Policy, digests: Iterable[bytes], base: ProfileBase) -> None:
        """Add a base, under the digest of each prefix of its package; one reference drops them all with it."""
        bases = self._bases
        keys = [(policy, digest) for digest in digests]

        def drop(dead: ReferenceType[ProfileBase]) -> None:
            for key in keys:
                if bases.get(key) is dead:
                    del bases[key]

        bases.update(dict.fromkeys(keys, ref(base, drop)))

    def clear(self) -> None:
        """Forget all: what a cold measurement starts with."""
        self._bases.clear()


BASES: Final = BaseCache()
"""The cache of this process."""
