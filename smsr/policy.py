# SPDX-License-Identifier: Apache-2.0
"""POL2: the rules of operators that the SM-SR enforces (SGP.02 v4.2 3.6.2.2 and 3.6.3)."""

from __future__ import annotations

from typing import Final

from smsr.api.eis_parts import Pol2Action, Pol2Qualification, Pol2Rule, ProfileInfo
from smsr.api.status import Code
from smsr.errors import Refused

__all__ = ["auto_deletes", "check_rules", "demand"]

_RULES: Final = frozenset(
    (
        Pol2Rule(Pol2Action.ENABLE, Pol2Qualification.NOT_ALLOWED),  # (U) later versions know DISABLE and DELETE only
        Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.NOT_ALLOWED),
        Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE),
        Pol2Rule(Pol2Action.DELETE, Pol2Qualification.NOT_ALLOWED),
    )
)


def check_rules(rules: tuple[Pol2Rule, ...]) -> None:
    """Refuse rules that do not exist, and a rule that stands twice."""
    if not _RULES.issuperset(rules) or len(set(rules)) != len(rules):
        raise Refused(Code.POL2_INVALID)


def demand(profile: ProfileInfo | None, action: Pol2Action) -> None:
    """Refuse when a profile's rules forbid what is about to be done to it; no profile, no rules."""
    if profile is not None and Pol2Rule(action, Pol2Qualification.NOT_ALLOWED) in profile.pol2:
        raise Refused(Code.POL2, f"{action.value} is not allowed", profile.iccid)


def auto_deletes(profile: ProfileInfo | None) -> bool:
    """Whether a profile goes when it was disabled."""
    return profile is not None and Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE) in profile.pol2
