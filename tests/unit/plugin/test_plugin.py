# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin in projects of its users: each test here runs a pytest of its own on a folder that it wrote."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from apdu.keys.entropy import SeededEntropy
from tests.require import ROOT
from tools.subscription import draw_profile

EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)
SELECT_MF = 'euicc_card.transmit(bytes.fromhex("00A40004023F00"))'


def run(folder: Path, source: str, *options: str, configuration: str = "") -> str:
    """What pytest prints there; it finds the plugin by the entry point of the installed package."""
    (folder / "test_theirs.py").write_text(source)
    (folder / "pytest.ini").write_text(f"[pytest]\n{configuration}\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "operator.der").write_bytes(draw_profile(SeededEntropy(b"plugin")).package)
    return tmp_path


def test_the_example_of_the_documentation_runs(folder: Path) -> None:
    (example,) = EXAMPLE.findall((ROOT / "docs" / "testing.md").read_text("utf-8"))
    assert "4 passed" in run(folder, example)


def test_a_failed_test_shows_the_trace_without_secrets(folder: Path) -> None:
    source = f"""
def test_pin(euicc_card):
    {SELECT_MF}
    euicc_card.transmit(bytes.fromhex("0020000108 3132333435363738"))
    assert False
"""
    said = run(folder, source, configuration="euicc_profile = operator.der")
    assert "euicc trace" in said
    assert "VERIFY PIN" in said
    section = said[said.index("euicc trace") :]
    assert "3132333435363738" not in section.split("test_theirs.py")[0]


def test_the_same_test_gets_the_same_card(folder: Path) -> None:
    source = f"def test_card(euicc_card):\n    {SELECT_MF}\n    print(euicc_card.eid, euicc_card.isd_r_keys.enc.kcv)\n"
    first, second = (re.findall(r"89\d{30} .*", run(folder, source, "-s")) for _ in range(2))
    assert first
    assert first == second


def test_other_tests_get_other_cards(folder: Path) -> None:
    source = """
def test_one(euicc_card):
    print(euicc_card.eid)
def test_two(euicc_card):
    print(euicc_card.eid)
"""
    assert len(set(re.findall(r"89\d{30}", run(folder, source, "-s")))) == 2


def test_a_card_that_fails_in_itself_fails_the_test(folder: Path) -> None:
    source = """
def test_bug(euicc_card, monkeypatch):
    from emulator import card
    def broken(*_):
        raise ZeroDivisionError("a bug")
    monkeypatch.setattr(card, "dispatch", broken)
    euicc_card.transmit(bytes.fromhex("00A40004023F00"))
"""
    said = run(folder, source)
    assert "1 error" in said
    assert "ZeroDivisionError('a bug')" in said


@pytest.mark.parametrize(
    "marker, complaint",
    [
        ("profil='x'", "takes production, profile, seed, not profil"),
        ("'operator.der'", "not arguments without a name"),
        ("profile='none.der'", "none.der cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_marker_says_what_is_wrong(folder: Path, marker: str, complaint: str) -> None:
    source = f"import pytest\n@pytest.mark.euicc({marker})\ndef test_card(euicc_card):\n    pass\n"
    assert complaint in run(folder, source)


def test_without_a_test_that_uses_it_nothing_heavy_is_loaded(folder: Path) -> None:
    source = "import sys\ndef test_light():\n    assert 'cryptography' not in sys.modules\n"
    assert "1 passed" in run(folder, source)
