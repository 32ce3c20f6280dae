# SPDX-License-Identifier: Apache-2.0
"""`euicc shell` on a card image, driven through its standard input, and what it said line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from emulator.factory.eum import Bootstrap
from emulator.memory.image import ImageBackend
from tests.support.domains import description
from tests.support.flow import flow_lab
from tests.support.lab import Lab
from tools.cards.make import key_text
from tools.cli import main

_PROMPT = re.compile(r"^euicc \((?P<place>.*?)\)> (?P<line>.*)$")


@dataclass(frozen=True)
class Turn:
    """A line that was typed, what was selected before, and what came."""

    place: str
    line: str
    output: str


class Bench:
    """A card image, the keys of its ISD-R, and shells on it."""

    def __init__(self, path: Path, keys: str) -> None:
        self.path = path
        self.keys = keys

    @classmethod
    def of(cls, path: Path, lab: Lab) -> Bench:
        """The card of a lab in an image."""
        with ImageBackend.create(path) as backend:
            backend.commit(lab.snapshot())
        return cls(path, key_text(lab.keys))

    def run(self, *arguments: object, keys: bool = False, text: str | None = None) -> Result:
        """Any command of `euicc` on the card."""
        reader = ["-r", f"virtual:{self.path}", *(["-k", self.keys] if keys else [])]
        return CliRunner().invoke(main, [*map(str, arguments), *reader], prog_name="euicc", input=text)

    def talk(self, *lines: str, keys: bool = False, options: tuple[str, ...] = ()) -> list[Turn]:
        """Type these lines; standard output and error as they come on a terminal."""
        text = "\n".join(("set echo true", *lines, ""))
        result = self.run("shell", *options, keys=keys, text=text)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        turns: list[Turn] = []
        for line in result.output.splitlines():
            found = _PROMPT.match(line)
            if found is not None:
                turns.append(Turn(found["place"], found["line"], ""))
            elif turns:
                turns[-1] = Turn(turns[-1].place, turns[-1].line, f"{turns[-1].output}{line}\n")
        assert [turn.line for turn in turns] == list(lines)
        return turns

    def say(self, *lines: str, keys: bool = False) -> str:
        """What the last of these lines was answered with."""
        return self.talk(*lines, keys=keys)[-1].output


def flow_bench(path: Path) -> Bench:
    """With the first subscriber's profile, whose codes and keys are known."""
    return Bench.of(path, flow_lab())


def rich_description() -> list[Any]:
    """The project's own profile with a BER-TLV file of two objects, and a cyclic file 6F39 that can be increased."""
    elements = description()
    at = next(number for number, element in enumerate(elements) if "opt-usim" in element)
    for element in elements:
        if "usim" in element:
            element["usim"]["ef-ust"]["services"].append(120)
    elements[at]["opt-usim"]["ef-xcapconfigdata"] = {"size": 1000, "content": "800201029F7003AABBCC"}
    fcp = {"fileID": "6F39", "securityAttributesReferenced": "07", "fileDescriptor": "46210003", "efFileSize": "09"}
    commands: list[Any] = [{"filePath": "7FD0"}, {"createFCP": fcp}, {"fillFileContent": "000005000004000003"}]
    elements.insert(at + 1, {"genericFileManagement": {"fileManagementCMD": [commands]}})
    return elements


def rich_bench(path: Path) -> Bench:
    """With that profile."""
    return Bench.of(path, Lab(bootstrap=Bootstrap(encode_package(build_package(rich_description())))))
