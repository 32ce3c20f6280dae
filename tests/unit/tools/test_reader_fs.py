# SPDX-License-Identifier: Apache-2.0
"""`euicc fs` on a profile whose codes are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apdu.files import catalogue
from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from emulator.factory.eum import Bootstrap
from emulator.readers.inprocess import VirtualReader
from tests.support.domains import description
from tests.support.lab import Lab
from tests.support.profile import ADM1, subscriber
from tools.cli import main

SPN = "ADF.USIM/EF.SPN"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["fs", *map(str, arguments)], prog_name="euicc")


def ok(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "--json" in arguments or max(map(len, result.stdout.splitlines())) <= 80
    return result.stdout


def fails(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture(autouse=True)
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(bootstrap=Bootstrap(subscriber(1).package))
    monkeypatch.setattr("smartcard.System.readers", lambda: [VirtualReader("Bench", lab.card)])
    return lab


def test_the_tree_shows_every_file_of_the_profile_that_has_a_name(lab: Lab) -> None:
    """The oracle is the card's own base: what the templates name and the profile has is in the tree."""
    listed = json.loads(ok("tree", "--json"))
    paths = [each["path"] for each in listed]
    assert len(paths) == len(set(paths))
    files = lab.restart().files
    assert files is not None
    present = {f"MF/{fid:04X}" for fid in files.base.mf.children}
    present |= {f"MF/ADF.USIM/{fid:04X}" for adf in files.base.adfs for fid in adf.children}
    places = {"MF": "mf", "MF/ADF.USIM": "adf-usim"}
    known = {f"{path}/{entry.fid:04X}" for path, name in places.items() for entry in catalogue.children(name)}
    shown = {f"{path}/{each['fid']}" for each in listed for path in [each["path"].rpartition("/")[0]] if path in places}
    shown.discard("MF/7FD0")  # the ADF
    assert shown == present & known
    assert next(each for each in listed if each["path"] == "MF/EF.ICCID")["access_rule"]["file"] == "2F06"


def test_a_tree_below_a_directory() -> None:
    text = ok("tree", "ADF.USIM")
    assert text.startswith("ADF.USIM ")
    assert "  EF.IMSI " in text
    assert "DF.TELECOM" not in text
    assert "is a file" in fails("tree", "EF.ICCID")


@pytest.mark.parametrize("path", ["MF/EF.ICCID", "3F00/2FE2", "ef.iccid", "iccid", "2fe2", "/EF_ICCID"])
def test_paths(path: str) -> None:
    assert f"ICCID: {subscriber(1).iccid}" in ok("read", path)


def test_what_is_read() -> None:
    assert f"IMSI: {subscriber(1).imsi}" in ok("read", "7FFF/6F07", *_pin())
    directory = json.loads(ok("read", "EF.DIR", "--json"))
    assert directory["type"] == "linear"
    assert directory["content"][0].startswith("61")
    assert len(directory["content"]) == directory["records"]


def _pin() -> tuple[str, ...]:
    """PIN1 where the profile has it enabled."""
    return () if "disabled" in run("read", "7FFF/6F07", "--pin", "1234").stderr else ("--pin", "1234")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["read", "EF.NOTHING"], "neither a file identifier (6F07) nor a known name"),
        (["read", "MF/6FFF"], "MF/EF.6FFF is not on the card"),
        (["read", "DF.TELECOM"], "is a directory"),
        (["read", "EF.ICCID/2FE2"], "nothing lies below it"),
        (["update", SPN, "014D"], "--pin or --adm"),
        (["update", SPN, "014D", "--adm", "00000000"], "wrong code, 9 tries left"),
        (["update", SPN, "00" * 18, "--adm", ADM1], "17 bytes: 18 from 0 on do not fit"),
        (["update", SPN, "00", "--offset", 17, "--adm", ADM1], "do not fit"),
        (["update", SPN, "00", "--record", 1], "has no records"),
        (["update", "EF.DIR", "00"], "--record"),
        (["update", "EF.DIR", "00", "--record", 200], "--record"),
        (["update", "EF.DIR", "00" * 200, "--record", 1], "bytes, not 200"),
        (["update", SPN, "", "--adm", ADM1], "nothing to write"),
        (["update", "DF.TELECOM", "00"], "not written this way"),
        (["read", SPN, "--pin", "123456789"], "1 to 8 bytes"),
        (["read", SPN, "--pin", "ä"], "ASCII"),
    ],
)
def test_what_does_not_work(arguments: list[object], words: str) -> None:
    assert words in fails(*arguments)


def test_update(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    assert ok("update", SPN, "014D594E4554", "--adm", ADM1, "--trace-file", trace) == "written\n"
    assert ADM1.encode().hex() not in trace.read_text().lower()
    assert "name: MYNET" in ok("read", SPN)
    ok("update", SPN, "58", "--offset", 1, "--adm", ADM1.encode().hex())
    assert "name: XYNET" in ok("read", SPN)
    record = json.loads(ok("read", "EF.DIR", "--json"))["content"][0]
    ok("update", "EF.DIR", record, "--record", 1, "--adm", ADM1)
    assert json.loads(ok("read", "EF.DIR", "--json"))["content"][0] == record


def test_a_short_code_is_in_no_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    for code, end in (("1234", 1), (ADM1, 0)):
        result = run("read", SPN, "--adm", code, "--apdu-trace", "--trace-file", trace)
        assert result.exit_code == end
        assert "> 0020000A08" + ".." * 8 in result.stderr
        assert code.encode().hex().upper() not in (result.stderr + trace.read_text()).upper()


# --- BER-TLV files

OBJECTS = "ADF.USIM/EF.XCAPCONFIGDATA"


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile with a BER-TLV file of two objects, and the codes of the description."""
    elements = description()
    for element in elements:
        if "usim" in element:
            element["usim"]["ef-ust"]["services"].append(120)
        if "opt-usim" in element:
            element["opt-usim"]["ef-xcapconfigdata"] = {"size": 1000, "content": "800201029F7003AABBCC"}
    card = Lab(bootstrap=Bootstrap(encode_package(build_package(elements)))).card
    monkeypatch.setattr("smartcard.System.readers", lambda: [VirtualReader("Bench", card)])


def read_objects() -> list[str]:
    found = json.loads(ok("read", OBJECTS, "--json"))
    assert found["type"] == "BER-TLV"
    content: list[str] = found["content"]
    return content


@pytest.mark.usefixtures("objects")
def test_objects_are_read_and_listed() -> None:
    assert read_objects() == ["80020102", "9F7003AABBCC"]
    first, rule, *lines = ok("read", OBJECTS).splitlines()
    assert first.startswith("MF/ADF.USIM/EF.XCAPCONFIGDATA  6FFC  BER-TLV")
    assert rule.startswith("access rule")
    assert [line[:22].rstrip() for line in lines] == ["  1 0000  80 02 01 02", "  2 0000  9F 70 03 AA"]


@pytest.mark.usefixtures("objects")
def test_objects_are_made_replaced_and_deleted() -> None:
    long = "81820190" + "5A" * 400  # more than a command and a response hold
    for data in (long, "8001FF", "9F7000"):
        assert ok("update", OBJECTS, data, "--adm", "55555555") == "written\n"
    assert sorted(read_objects()) == ["8001FF", long]


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize(
    "arguments, words",
    [
        (["8002FF"], "an object is its tag, its length and its value"),
        (["8001FF00"], "an object is its tag"),
        (["80"], "an object is its tag"),
        (["8001FF", "--record", 1], "has objects"),
        (["8001FF", "--offset", 1], "has objects"),
        (["8182044C" + "00" * 1100], "6A84"),
        (["8500"], "6A88"),
    ],
)
def test_objects_that_are_refused(arguments: list[object], words: str) -> None:
    assert words in fails("update", OBJECTS, *arguments, "--adm", "55555555")
    assert read_objects() == ["80020102", "9F7003AABBCC"]
