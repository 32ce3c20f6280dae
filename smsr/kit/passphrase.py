# SPDX-License-Identifier: Apache-2.0
"""The passphrase of private keys as a value that no text shows."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["Passphrase"]


class Passphrase:
    """Shows nothing of itself and refuses to be pickled: it leaves on purpose (`reveal`) or not at all."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The passphrase itself: for what reads and writes files of keys, never for text."""
        return self._value

    def __repr__(self) -> str:
        return "Passphrase(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a passphrase is not pickled")
