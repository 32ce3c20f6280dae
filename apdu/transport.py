# SPDX-License-Identifier: Apache-2.0
"""The one seam to a card: bytes of a command in, bytes of its response out."""

from __future__ import annotations

from typing import Protocol

__all__ = ["CardTransport"]


class CardTransport(Protocol):
    """Anything that carries an APDU to a card: a virtual card, a pyscard connection, a recorded session."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return data || SW1 SW2."""
        ...
