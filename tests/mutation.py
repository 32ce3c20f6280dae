# SPDX-License-Identifier: Apache-2.0
"""Breaks one check at a time in a copy of the tree, and lists the tests that catch it. Run by hand:

    .venv/bin/python -m tests.mutation              # all
    .venv/bin/python -m tests.mutation c-mac pol1   # those whose name contains one of these words
    .venv/bin/python -m tests.mutation --list

A mutant that survives means that a check could go without a test noticing: the exit status is 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
COPIED = ("apdu", "emulator", "smsr", "smdp", "tools", "tests", "setup.cfg", "pyproject.toml", "ruff.toml")
SUITE = ("tests/protocol", "tests/attacks", "tests/faults", "tests/unit", "tests/e2e")
SKIPPED = ("tests/unit/profile", "tests/unit/tools", "tests/unit/trace")
"""Slow, and about other things than these checks."""
ENOUGH = 12
"""Failures after which a mutant counts as caught."""


@dataclass(frozen=True)
class Mutant:
    """One check taken out."""

    name: str
    path: str
    old: str
    new: str


def _read_table() -> Iterator[Mutant]:
    """`name | path` on one line, then what is replaced and by what, apart by `=>`; blocks apart by an empty line."""
    text = Path(__file__).with_name("mutants.txt").read_text("utf-8")
    for block in re.split(r"\n\s*\n", text.strip()):
        head, _, body = block.partition("\n")
        if head.startswith("#"):
            continue
        name, _, path = head.partition(" | ")
        old, arrow, new = body.partition("\n=>\n")
        if not arrow:
            old, _, new = body.partition("\n=>")
        yield Mutant(name, path, old, new)


MUTANTS = list(_read_table())


def plant(mutant: Mutant, tree: Path) -> None:
    """Change the copy; ValueError when the place is not there, or not unique: then the table is out of date."""
    target = tree / mutant.path
    source = target.read_text("utf-8")
    if source.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {source.count(mutant.old)} places in {mutant.path}")
    target.write_text(source.replace(mutant.old, mutant.new), "utf-8")


def failures(tree: Path) -> list[str]:
    """Run the tests in the copy; the names of those that fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--maxfail={ENOUGH}", "-rfE", *SUITE]
    command += [f"--ignore={path}" for path in SKIPPED]
    environment = {
        **os.environ,
        "EUICC_PROFILES": os.environ.get("EUICC_PROFILES", str(ROOT.parent / "shared/profiles")),
    }
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    found = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1, 2) or (done.returncode and not found):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return found


def short(names: list[str]) -> str:
    """Test functions without parameters, each once."""
    functions = dict.fromkeys(re.sub(r"\[.*", "", name).removeprefix("tests/") for name in names)
    return ", ".join(functions)


def copy_to(tree: Path) -> None:
    """What the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name)
        else:
            shutil.copy(source, tree / name)


def run(chosen: list[Mutant]) -> int:
    """Try them; the number of survivors."""
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="euicc-mutants-") as folder:
        tree = Path(folder)
        copy_to(tree)
        if broken := failures(tree):
            raise SystemExit(f"nothing is changed yet, and tests fail: {short(broken)}")
        for mutant in chosen:
            target = tree / mutant.path
            source = target.read_text("utf-8")
            started = perf_counter()
            try:
                plant(mutant, tree)
                caught = failures(tree)
            except ValueError as error:
                print(f"the table is out of date: {error}")
                caught = []
            target.write_text(source, "utf-8")
            survivors += not caught
            count = f"{len(caught)}{'+' if len(caught) >= ENOUGH else ''} failures"
            print(f"{mutant.name} ({mutant.path}, {perf_counter() - started:.0f} s)")
            print(f"    {count}: {short(caught)}" if caught else "    SURVIVES", flush=True)
    return survivors


def main(words: list[str]) -> int:
    """The command."""
    if words == ["--list"]:
        print("\n".join(f"{mutant.name}: {mutant.path}" for mutant in MUTANTS))
        return 0
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    survivors = run(chosen)
    print(f"{len(chosen)} mutants, {survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
