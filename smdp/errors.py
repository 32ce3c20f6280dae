# SPDX-License-Identifier: Apache-2.0
"""What an SM-DP reports when a profile did not get onto a card."""

from __future__ import annotations

from apdu.errors import M2mError

__all__ = ["DownloadFailed", "NotEligible"]


class NotEligible(M2mError):
    """The card cannot take the profile: nothing was begun."""


class DownloadFailed(M2mError):
    """A step failed; `cleaned` says whether the ISD-P is gone again. The reason is the cause of this error."""

    def __init__(self, step: str, cause: M2mError, *, cleaned: bool) -> None:
        self.step = step
        self.cause = cause
        self.cleaned = cleaned
        left = "" if cleaned else "; the ISD-P could not be removed"
        super().__init__(f"{step}: {cause}{left}")
