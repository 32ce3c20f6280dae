# SPDX-License-Identifier: Apache-2.0
"""A card made of paper: the commands that a script must send, each with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import ISD_R, Aid
from apdu.script import ApduScript, Done, Run

T = TypeVar("T")

Exchange = tuple[str, str]
"""Command and answer with status word, hexadecimal, blanks allowed."""


def play(script: ApduScript[T], *batches: Sequence[Exchange], target: Aid = ISD_R) -> T:
    """Step a script through exactly these batches; answers end at the first error, as a bearer's do."""
    run = Run(script)
    step = run.start()
    for exchanges in batches:
        assert not isinstance(step, Done), "the script ends before its last batch"
        assert step.target == target
        assert [command.encode().hex() for command in step.commands] == [
            bytes.fromhex(command).hex() for command, _ in exchanges
        ]
        step = run.feed(answers(exchanges))
    assert isinstance(step, Done), "the script goes on"
    return step.result


def answers(exchanges: Sequence[Exchange]) -> list[ResponseApdu]:
    """The answers to one batch."""
    found: list[ResponseApdu] = []
    for _, answer in exchanges:
        response = ResponseApdu.parse(bytes.fromhex(answer))
        found.append(response)
        if response.sw >> 8 not in (0x90, 0x91, 0x61, 0x62, 0x63):
            break
    return found


def command(text: str) -> CommandApdu:
    """A command from its bytes."""
    return CommandApdu.parse(bytes.fromhex(text))
