# SPDX-License-Identifier: Apache-2.0
"""`--refuse`, `--fail`, `--delay`: what the options say, as a policy."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import click

from apdu.cat.codes import CommandType
from apdu.cat.comprehension import Result
from emulator.device.policy import Policy, Reaction

__all__ = ["read_policy"]


def read_policy(refuse: tuple[str, ...], fail: tuple[str, ...], delay: tuple[str, ...]) -> Policy:
    """The policy; wrong usage where an option cannot be read, or two contradict each other."""
    reactions: dict[int, Reaction] = {}
    for text in refuse:
        reactions[_type(text, "--refuse")] = Reaction.refuse()
    for text in fail:
        name, given, result = text.partition("=")
        type = _type(name, "--fail")
        if type in reactions:
            raise click.UsageError(f"{name} is to be refused or to fail twice: say it once")
        reactions[type] = Reaction(_result(result, text)) if given else Reaction.fail()
    for text in delay:
        name, _, seconds = text.partition("=")
        type = _type(name, "--delay")
        reactions[type] = replace(reactions.get(type, Reaction()), delay=_seconds(seconds, text))
    return Policy(reactions)


def _type(text: str, option: str) -> int:
    """A type of command by its name or its code."""
    name = text.strip().upper().replace("-", "_").replace(" ", "_")
    if name in CommandType.__members__:
        return CommandType[name]
    try:
        code = int(name, 16)
    except ValueError:
        code = -1
    if not 0 <= code <= 0xFF or len(name) > 2:
        raise click.BadParameter(f"{text!r} is no proactive command as display-text or 21 are", param_hint=option)
    return code


def _result(text: str, whole: str) -> Result:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if not 1 <= len(raw) <= 16:
        raise click.BadParameter(f"{whole!r}: a result is a byte and what goes with it, as 3A01", param_hint="--fail")
    return Result(raw[0], raw[1:])


def _seconds(text: str, whole: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (isfinite(seconds) and 0 <= seconds <= 86_400):
        raise click.BadParameter(f"{whole!r}: give seconds, as display-text=5", param_hint="--delay")
    return seconds
