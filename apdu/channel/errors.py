# SPDX-License-Identifier: Apache-2.0
"""What a secure channel refuses; the card's end knows the status word that says so."""

from __future__ import annotations

from apdu.errors import SecurityError

__all__ = ["ChannelError"]


class ChannelError(SecurityError):
    """A secure channel command that is refused, with the status word of the answer."""

    def __init__(self, message: str, sw: int) -> None:
        super().__init__(message)
        self.sw = sw
