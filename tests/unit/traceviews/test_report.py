# SPDX-License-Identifier: Apache-2.0
"""`euicc trace report`: what the file holds, who can read it, and that nothing of a trace is markup in it."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.support.traces import RAW, exchange, hostile, write
from tools.cli import main
from tools.trace.report.data import embedded


def report(path: Path, output: Path, *arguments: str) -> Result:
    command = ["trace", "report", str(path), "-o", str(output), *arguments]
    return CliRunner().invoke(main, command, prog_name="euicc")


class Page(HTMLParser):
    """The elements of a page and the text of its scripts, as a parser of HTML sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", {}))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            self.scripts[-1] += data


def test_a_report_loads_nothing_and_is_its_owners(tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    assert report(write(tmp_path / "trace.jsonl", exchange(1.0, "00A40004023F00", "9000")), output).exit_code == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    page = Page(output.read_text("utf-8"))
    assert not any(name in attributes for _, attributes in page.elements for name in ("src", "srcset", "style"))
    assert {attributes.get("href", "#")[:1] for tag, attributes in page.elements if tag == "a"} == {"#"}  # type: ignore[index]
    (policy,) = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_the_data_is_what_the_trace_holds(tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    events = [event for at in range(450) for event in exchange(at, "00B0000002", "AABB9000")]
    assert report(write(tmp_path / "trace.jsonl", events), output).exit_code == 0
    index, *blocks, _ = Page(output.read_text("utf-8")).scripts
    entries: list[Any] = json.loads(index)["entries"]
    assert len(entries) == 450
    assert entries[2][:6] == [3, 2_000_000, 1_000_000, 0, "9000", "READ BINARY no file"]
    lines = [line for block in blocks for line in block.split("\n")]
    assert len(blocks) == 3
    assert len(lines) == 450
    assert json.loads(lines[449])[0].startswith("READ BINARY")


def test_what_goes_beyond_the_limit_is_counted(tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    events = [event for at in range(30) for event in exchange(at, "00B0000002", "AABB9000")]
    assert report(write(tmp_path / "trace.jsonl", events), output, "--limit", "10").exit_code == 0
    text = output.read_text("utf-8")
    assert "its first 10 entries are in this report, 20 more only in the statistics" in text
    assert '<div class="tile"><b>30</b><span>commands</span></div>' in text


def test_nothing_of_a_trace_is_markup(tmp_path: Path) -> None:
    output, calm = tmp_path / "report.html", tmp_path / "calm.html"
    name = "<img onerror=alert(1)>.jsonl"
    assert report(write(tmp_path / name, hostile()), output).exit_code == 0
    assert report(write(tmp_path / "calm.jsonl", exchange(1.0, "00B0000002", "9000")), calm).exit_code == 0
    text = output.read_text("utf-8")
    assert not any(raw in text for raw in RAW if raw != "]]>")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", text)
    known = {tag.lstrip("/") for tag, _ in Page(calm.read_text("utf-8")).elements}
    shown = {tag.lstrip("/") for tag, _ in Page(text).elements}
    assert shown <= known | {"cite", "ul", "li", "circle", "rect"}
    assert all(each in text for each in ("\\u003cscript\\u003e", "&lt;script&gt;"))


def test_json_in_html_ends_no_script() -> None:
    for text in ("</script>", "<!--", "<script", "]]>", "\u2028", "&amp;", "\ud800"):
        shown = embedded([text])
        assert not re.search("[<>&\u2028]", shown)
        assert json.loads(shown) == [text]


def test_secrets_are_hidden_unless_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", exchange(1.0, "002000010831323334FFFFFFFF", "9000"))
    assert report(path, tmp_path / "a.html").exit_code == 0
    assert "31323334" not in (tmp_path / "a.html").read_text("utf-8")
    assert report(path, tmp_path / "b.html", "--unredacted").exit_code == 0
    shown = (tmp_path / "b.html").read_text("utf-8")
    assert "31323334FFFFFFFF" in shown
    assert "unredacted: holds secrets" in shown


def test_other_files_are_left_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", exchange(1.0, "00B0000002", "9000"))
    before = path.read_bytes()
    result = report(path, path)
    assert (result.exit_code, path.read_bytes()) == (1, before)
    assert result.stderr == f"Error: {path} is there and is no view of a trace: name another file\n"
    result = report(tmp_path / "none", tmp_path / "report.html")
    assert result.exit_code == 1
    assert not (tmp_path / "report.html").exists()


def test_damage_and_emptiness_make_a_report(tmp_path: Path) -> None:
    for number, content in enumerate(
        (b'{"event":"header","time":0.0,"layer":"trace","format":1}\n', b'{"event":1\n{"event"')
    ):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(content)
        assert report(path, tmp_path / f"{number}.html").exit_code == 0
    text = (tmp_path / "1.html").read_text("utf-8")
    assert "line 1 cannot be read" in text
    assert 'class="error"' in text
