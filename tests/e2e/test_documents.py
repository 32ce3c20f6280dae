# SPDX-License-Identifier: Apache-2.0
"""Every `euicc` command that README, docs and help print does what it says, as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from apdu.profile.personalise import personalise
from emulator.factory.eum import Bootstrap, CardOrder
from emulator.memory.store import Memory
from tests.e2e.runner import STEPS
from tests.require import ROOT
from tests.support.domains import description
from tests.support.profile import ADM1, PIN1, personalisation, subscriber
from tools.cards.make import key_text, new_files
from tools.cli import main
from tools.pki import make_eid, make_eum, make_parties

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ELSEWHERE = re.compile(
    "euicc (card serve|smsc serve|smsr|smdp|lab|status|es[1-4]a?"
    "|pki init hsm.pki|device run(?!.* --once)|trace|doctor|readers|bench|shell)"
)
"""They take pcscd, a token, a terminal, traces, servers, minutes, or do not end: other tests run them."""
BEFORE = {
    f"--pin {PIN1}": f"euicc apdu 0028000108{PIN1.encode().hex()}FFFFFFFF=9000",  # ENABLE PIN
    "profile disable 0010": "euicc profile enable 0010 -k ENC:MAC:DEK",
    **{f"pki {command} lab.pki": "euicc pki init lab.pki" for command in ("show", "issue", "revoke", "crl")},
}
"""What must have been done for an example to make sense."""


def pages(group: click.Group, path: str = "euicc") -> Iterator[tuple[str, str]]:
    """The help of every command."""
    yield path, group.help or ""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from pages(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command.help or ""


def printed() -> Iterator[str]:
    """Commands of the blocks in the documents, and of the help; what explains them stands behind two blanks or #."""
    texts = ["\n".join(re.findall(r"^```\w*\n(.*?)^```", path.read_text("utf-8"), re.S | re.M)) for path in DOCUMENTS]
    for text in (*texts, *(page for _, page in pages(main))):
        for line in text.splitlines():
            if re.match(r" *euicc [a-z]", line):
                yield re.split(r" {2,}| #", line.strip())[0]


COMMANDS = sorted(set(printed()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with what the examples name, and what their placeholders stand for."""
    folder = tmp_path_factory.mktemp("documents")
    elements = description()
    for element in elements:
        if "usim" in element:
            element["usim"]["ef-ust"]["services"].append(120)
        if "opt-usim" in element:
            element["opt-usim"]["ef-xcapconfigdata"] = {"size": 1000, "content": "80020102"}
    package = encode_package(personalise(build_package(elements), personalisation(1)))
    entropy = SeededEntropy(b"documents")
    with new_files(folder / "my.card") as files:
        parties = make_parties(entropy, time.time())
        order = CardOrder(eid=make_eid(entropy), lab=True, bootstrap=Bootstrap(package, Aid.isd_p(0x12)))
        card = make_eum(parties, entropy).manufacture(order, Memory(files.image), entropy)
        files.write_trust(parties)
    assert card.lab is not None
    for name in ("FILE.der", "profile.der"):
        (folder / name).write_bytes(subscriber(2).package)
    keys = key_text(card.lab)
    reader = ["-r", f"virtual:{folder}/my.card", "-k", keys]
    installed = run(["profile", "install", f"{folder}/profile.der", "--aid", "0010", *reader])
    assert installed.exit_code == 0, installed.output
    operator = [subscriber(1).domain_keys[0x30, kid].hex() for kid in (1, 2, 3)]
    values = {"ENC:MAC:DEK": keys, "OLD": ":".join(operator), "NEW": ":".join(3 * ["0F" * 16]), "12345678": ADM1}
    return folder, {**values, "TEXT": "virtual:my.card"}


def run(words: list[str], text: str | None = None) -> Result:
    return CliRunner().invoke(main, words, prog_name="euicc", input=text)


def test_they_are_found() -> None:
    assert len(COMMANDS) > 20
    assert "euicc script show create-isdp 0011 | euicc script run - -r virtual:my.card -k ENC:MAC:DEK" in COMMANDS
    assert any(map(ELSEWHERE.match, COMMANDS))


@pytest.mark.parametrize("line", [line for line in COMMANDS if not ELSEWHERE.match(line)])
def test_it_works_as_printed(
    made: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    folder, values = made
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EUICC_READER", "virtual:my.card")
    before = next((first for part, first in BEFORE.items() if part in line), None)
    text = None
    for part in filter(None, (before, *line.split(" | "))):
        program, *words = shlex.split(part)
        assert program == "euicc"
        result = run([values.get(word, word) for word in words], text)
        assert result.exit_code == 0, result.output
        text = result.stdout
    assert text is not None


@pytest.mark.parametrize("line", [line for line in COMMANDS if ELSEWHERE.match(line)])
def test_what_is_run_elsewhere_is_no_wrong_usage(line: str) -> None:
    """Commands and options are there, with the values that they take."""
    command: click.Command = main
    context = click.Context(main, **main.context_settings)
    _, *words = shlex.split(line.partition(" | ")[0])
    while isinstance(command, click.Group) and (words or not command.invoke_without_command):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    command.make_parser(click.Context(command, parent=context)).parse_args(words)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.name))
def test_links_and_commands_in_the_text(path: Path) -> None:
    """Files that are linked are there, commands and options in the text exist."""
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / target).exists(), target
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert {*re.findall(r"`make ([a-z]+)", text)} <= {*targets}
    known = {path.removeprefix("euicc ") for path, _ in pages(main)}
    for words in re.findall(r"`(?:\.venv/bin/)?euicc ([a-z][a-z0-9 -]*)", text):
        parts = [word for word in words.split() if not word.startswith("-")]
        assert " ".join(parts) in known, words


def test_the_run_of_the_demo_has_the_steps_and_counts_of_the_readme() -> None:
    shown = re.search(r"^```\n(  step .*?)^```", (ROOT / "README.md").read_text("utf-8"), re.S | re.M)
    assert shown is not None
    result = run(["demo"])
    assert result.exit_code == 0
    assert shape(result.stdout) == shape(shown[1])
    assert [name for name in STEPS["https"] if f"✓ {name} " in shown[1]] == STEPS["https"]


def shape(text: str) -> list[str]:
    """A run without times and drawn numbers."""
    text = re.sub(r"\d+\.\d ms", "0 ms", text)
    text = re.sub(r"\b(EID|ICCID|IMSI)( +)\d+", r"\1 -", text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]
