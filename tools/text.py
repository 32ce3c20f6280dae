# SPDX-License-Identifier: Apache-2.0
"""Numbers and names as people read them."""

from __future__ import annotations

__all__ = ["printable", "thousands"]


def thousands(number: float) -> str:
    """A whole number in groups of three digits."""
    return f"{number:,.0f}".replace(",", " ")


def printable(text: str, length: int) -> str:
    """Text from outside, fit for a terminal: no control characters, no more than so many characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:length])
