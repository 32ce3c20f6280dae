# SPDX-License-Identifier: Apache-2.0
"""What the decoder says of whole flows, kept as text, and the kinds of values in it against other sources.

`EUICC_SNAPSHOTS=write` before a run of this module writes the texts anew; a difference of them is to be read before it
is kept. Raw bytes, which stand in the trace itself, are left out of them.

Facts behind the values: ICCID, IMSI, names and memory of the demo are those that the SM-DP, the SM-SR and the network
report of the same run (`test_identities_...`); FCP and FCI are what another TLV reader finds (`test_parameters_...`);
the ISD-R's key set, KVN 30 with three AES keys, and levels are those of card-annex 11; RAND, AUTN and RES are those of
`tests/unit/aka` and TS 35.208 by their place in the command; EF contents are held against published vectors in
`test_contents`; names of commands and files against tshark (`test_tshark`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apdu.trace.decode import Entry, Exchange, decode
from apdu.trace.decode.model import Node, visible
from apdu.trace.events import AnyEvent
from apdu.trace.jsonl import read_lines
from tests.require import require
from tests.unit.trace.decode.samples import events as samples
from tools.cli import main

FOLDER = Path(__file__).with_name("snapshots")
RAW = ("command", "response", "plain command", "chain")
_WIDTH = 160
SEED = 5


def lines(entries: Iterable[Entry], *, flow: bool = True) -> Iterator[str]:
    """Samples are no flow: what the rules of a session find about their order is left out."""
    for entry in entries:
        yield entry.summary
        inside = [finding for node in entry.tree().walk() for finding in node.findings]
        for finding in (*(entry.findings if flow else ()), *inside):
            yield f"    !! {finding.severity}: {finding.text} [{finding.clause}]"
        for child in entry.tree().children:
            yield from _node(child, 1)


def _node(node: Node, depth: int) -> Iterator[str]:
    if node.name in RAW:
        return
    layer = f"[{node.layer}] " if node.layer else ""
    value = f": {node.value}" if node.value else ""
    yield f"{'    ' * depth}{layer}{node.name}{value}"[:_WIDTH]
    for child in node.children:
        yield from _node(child, depth + 1)


def compare(name: str, entries: Iterable[Entry], *, flow: bool = True) -> None:
    text = "\n".join(lines(entries, flow=flow)) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("EUICC_SNAPSHOTS") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text("utf-8"), f"EUICC_SNAPSHOTS=write writes {path.name} anew"


class Demo:
    """One run with a seed: its report, its trace, the card that it leaves."""

    def __init__(self, folder: Path) -> None:
        self.card, trace = folder / "demo.card", folder / "demo.jsonl"
        arguments = ["demo", "--bearer", "reader", "--seed", str(SEED), "--json", "--trace", str(trace)]
        arguments += ["--card", str(self.card)]
        result = CliRunner().invoke(main, arguments, prog_name="euicc")
        assert result.exit_code == 0, result.output
        self.report: dict[str, Any] = json.loads(result.stdout)
        self.events = list(read_lines(trace.read_text("ascii").splitlines()))

    def traced(self, folder: Path, *commands: tuple[str, ...]) -> list[AnyEvent]:
        """The events of commands at the card, one after the other."""
        found: list[AnyEvent] = []
        for number, arguments in enumerate(commands):
            trace = folder / f"{number}.jsonl"
            reader = ["-r", f"virtual:{self.card}", "--trace-file", str(trace)]
            CliRunner().invoke(main, [*arguments, *reader], prog_name="euicc")
            found += read_lines(trace.read_text("ascii").splitlines())
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"))


def test_samples() -> None:
    compare("samples", decode(samples()), flow=False)


def test_demo(demo: Demo) -> None:
    """Card, key establishment, download, profile change with REFRESH, attach, audits."""
    compare("demo", decode(demo.events))


def test_commands_at_a_reader(demo: Demo, tmp_path: Path) -> None:
    """card info, gp info, fs read, PIN handling, toolkit."""
    events = demo.traced(
        tmp_path,
        ("card", "info"),
        ("fs", "read", "MF/EF.ARR"),
        ("fs", "read", "ADF.USIM/EF.UST"),
        ("fs", "read", "ADF.USIM/EF.SPN"),
        ("fs", "read", "ADF.USIM/EF.SMSP"),
        ("apdu", "00A4000402 3F00".replace(" ", ""), "0020000A0831323334FFFFFFFF", "00200001"),
        ("apdu", "80100000040100A840", "80F2000C00", "8012000000"),
    )
    compare("reader", decode(events))


# --- values against other sources


def value(entries: Iterable[Entry], name: str) -> list[str]:
    return [node.value for entry in entries for node in entry.tree().walk() if node.name == name]


def test_identities_are_those_that_the_servers_report(demo: Demo) -> None:
    text = json.dumps(demo.report)
    entries = list(decode(demo.events))
    iccid, imsi = set(value(entries, "ICCID")), set(value(entries, "IMSI"))
    assert len(iccid) == len(imsi) == 1
    assert {*iccid, *imsi} <= set(re.findall(r"\d{12,22}", text))
    eid = demo.report["eid"]
    assert eid.upper() in set(value(entries, "subject identifier"))
    assert str(demo.report["status"]["card"]["free_memory"]) in value(entries, "free non-volatile memory")


def test_parameters_are_what_another_reader_finds(demo: Demo) -> None:
    require("ykman")
    from yubikit.core import Tlv

    seen = 0
    for entry in decode(demo.events):
        answer = visible(entry.answer) if isinstance(entry, Exchange) and entry.ins == 0xA4 else None
        if not answer or answer[0] != 0x62:
            continue
        objects = Tlv.parse_dict(Tlv.unpack(0x62, answer[:-2]))
        tree = entry.tree()
        if 0x80 in objects:
            assert (tree.find("file size") or Node("")).value == str(int.from_bytes(objects[0x80], "big"))
        assert (tree.find("file identifier") or Node("")).value == objects[0x83].hex().upper()
        assert (tree.find("access rule") or Node("")).value == (
            f"EF.ARR {objects[0x8B][:2].hex().upper()}, record {objects[0x8B][2]}"
        )
        seen += 1
    assert seen >= 3
