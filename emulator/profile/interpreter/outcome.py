# SPDX-License-Identifier: Apache-2.0
"""How the interpretation of a package fails."""

from __future__ import annotations

from typing import Final

from apdu.errors import M2mError
from apdu.profile.response import EuiccResponse, PeStatus, Status

__all__ = ["InstallError", "Refused"]

_MESSAGE: Final = 64
"""Most characters of a statusMessage."""


class Refused(M2mError):
    """What is wrong, said where it is found; the interpreter adds which element it is.

    `origin` is identification and offset of an earlier element where that one is at fault, not the current one.
    """

    def __init__(self, status: Status, reason: str, *, origin: tuple[int | None, int] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.origin = origin


class InstallError(M2mError):
    """The installation is aborted: nothing of the profile remains.

    `offset` counts from the start of the package to the element that failed (U: a card may also count from the start
    of the element).
    """

    def __init__(
        self, status: Status, reason: str, *, identification: int | None, offset: int, additional: int | None = None
    ) -> None:
        super().__init__(status, reason, identification, offset, additional)
        self.status = status
        self.reason = reason
        self.identification = identification
        self.offset = offset
        self.additional = additional

    def __str__(self) -> str:
        element = "" if self.identification is None else f"element {self.identification}: "
        return f"{element}{Status.text(self.status)}: {self.reason} at offset {self.offset}"

    def response(self, warnings: tuple[PeStatus, ...] = ()) -> EuiccResponse:
        """The answer of the card: warnings so far, this status, profileInstallationAborted."""
        status = PeStatus(
            status=self.status, identification=self.identification, additional=self.additional, offset=self.offset
        )
        return EuiccResponse(statuses=(*warnings, status), aborted=True, message=self.reason[:_MESSAGE])
