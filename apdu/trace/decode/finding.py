# SPDX-License-Identifier: Apache-2.0
"""A finding from a row of the rules."""

from __future__ import annotations

from apdu.trace.decode.model import Finding, Severity
from apdu.trace.rules.table import Rule

__all__ = ["finding"]


def finding(rule: Rule, detail: str = "") -> Finding:
    """That a rule is broken; `detail` says how exactly."""
    return Finding(Severity(rule.severity), f"{rule.text}: {detail}" if detail else rule.text, rule.clause, rule.id)
