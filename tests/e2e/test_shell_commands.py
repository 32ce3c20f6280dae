# SPDX-License-Identifier: Apache-2.0
"""Every command of `euicc shell`: a script with all of them, help with an example, and what is said of wrong use."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters
from apdu.ids import Imsi
from apdu.keys.entropy import SeededEntropy
from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from emulator.network.auc import AuC
from emulator.network.auc import Subscriber as NetworkSubscriber
from tests.e2e.runner import run as run_demo
from tests.support.shell import Bench, flow_bench, rich_description
from tools.cli import main
from tools.reader.connection import open_card
from tools.reader.options import ReaderOptions
from tools.reader.show import ApduLines
from tools.shell.app import Shell
from tools.shell.session import Session

FIRST = "A0000005591010FFFFFFFF8900001000"
MNO_KEY = "404142434445464748494A4B4C4D4E4F"
IMSI = Imsi("001010000000001")
KEYS = f"--key-enc {MNO_KEY} --key-mac {MNO_KEY} --key-dek {MNO_KEY}"
NEW = "11223344556677889900AABBCCDDEEFF"

TOUR = """\
# codes and files of the second profile, which is installed and enabled first
info
list_profiles
install_profile {package}    # into the first free ISD-P
enable_profile 0011
select isd-r
establish_scp03
get_status
store_data 3A05124F10{first}  # the first profile gets the Fall-Back Attribute
release_scp
get_data 66
get_eid
select mno-sd
establish_scp03 --key-ver 30 {keys}
put_key --key-version-nr 31 --key-data {new} --key-data {new} --key-data {new}
delete_key --key-ver 31
select MF
pwd
dir
ls
tree
enable_chv 0000
change_chv 1234 0000
verify_chv 1234
unblock_chv 11111111 0000
disable_chv 0000
verify_adm 55555555
select ADF.USIM
status
authenticate {challenge}
select EF.SPN
fcp
deactivate_file
activate_file
read_binary --length 4
read_binary_decoded
update_binary --offset 1 4D59
select EF.MSISDN
read_record 1
read_records
read_record_decoded 1
read_records_decoded
update_record 1 4D59
search_record 4D59
select 6F39
increase 000001
select EF.XCAPCONFIGDATA
retrieve_tags
retrieve_data 80
set_data 81 01
del_data 81
apdu 00A40004023F0000 --expect-sw 9000
open_channel 3
switch_channel 3
switch_channel 0
close_channel 3
reset
reconnect
set apdu_trace false
history
help select
run_script {nested}
disable_profile 0011
delete_profile 0011
install_profile {package} --aid 0012 --trust {trust}
select isd-r
establish_scp03
delete_card_content {nothing}
"""


@contextmanager
def shell_on(path: Path) -> Iterator[Shell]:
    options, trace = ReaderOptions(name=f"virtual:{path}"), ApduLines(bytes(16), shown=False)
    with open_card(options, trace) as card:
        yield Shell(Session(card, options), options, trace)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cards") / "my.card"
    flow_bench(path)
    return path


@pytest.fixture(scope="module")
def commands(card: Path) -> list[str]:
    with shell_on(card) as shell:
        return shell.get_visible_commands()


# --- right


def _challenge() -> str:
    """From a network that knows the keys of the project's own profile: zeros."""
    auc = AuC(SeededEntropy(b"network"))
    auc.add(NetworkSubscriber(IMSI, AlgorithmParameters(AlgorithmId.MILENAGE, bytes(16), bytes(16))))
    vector = auc.vector(IMSI)
    return f"{vector.rand.hex()} {vector.autn.hex()}"


def test_a_script_with_every_command(tmp_path: Path, commands: list[str]) -> None:
    demo = run_demo("--bearer", "reader", "--card", tmp_path / "demo.card")
    found = re.search(r"(?:[0-9A-F]{32}:){2}[0-9A-F]{32}", demo.output)
    assert found is not None, demo.output
    package, nested, script = tmp_path / "rich.der", tmp_path / "nested", tmp_path / "tour"
    package.write_bytes(encode_package(build_package(rich_description())))
    nested.write_text("# in another file\nselect MF\n")
    files = {"package": package, "nested": nested, "trust": tmp_path / "demo.card.pem"}
    places = {**files, "first": FIRST, "keys": KEYS, "new": NEW}
    text = TOUR.format(**places, challenge=_challenge(), nothing=FIRST.replace("1000", "1200"))
    used = {line.split()[0] for line in text.splitlines() if not line.startswith("#")}
    assert used | {"exit", "quit"} == set(commands)
    script.write_text(text)
    arguments = ["shell", "-r", f"virtual:{tmp_path / 'demo.card'}", "-k", found[0], "--script", str(script)]
    result = CliRunner().invoke(main, arguments, prog_name="euicc")
    assert (result.exit_code, result.stderr) == (0, ""), result.output[-500:]
    shown = result.stdout.splitlines()
    assert f"{FIRST}  ENABLED" in result.stdout
    assert "A0000005591010FFFFFFFF8900001100 enabled, now ENABLED" in shown
    assert "A0000005591010FFFFFFFF8900001100 disabled, now DISABLED" in shown
    assert "000006 (added 000001)" in shown
    left = CliRunner().invoke(main, ["profile", "list", *arguments[1:5]], prog_name="euicc").output
    assert re.fullmatch(rf"{FIRST}  ENABLED  \d{{19,20}}  fall-back\n", left)


@pytest.mark.parametrize("end", ["quit", "exit"])
def test_the_ends(card: Path, end: str) -> None:
    result = CliRunner().invoke(main, ["shell", "-r", f"virtual:{card}"], input=f"pwd\n{end}\npwd\n", prog_name="euicc")
    assert (result.exit_code, result.output) == (0, "MF\n")


def test_a_card_without_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "new.card"
    assert CliRunner().invoke(main, ["card", "new", str(path)]).exit_code == 0
    text = "pwd\nlist_profiles\ndir\n"
    result = CliRunner().invoke(main, ["shell", "-r", f"virtual:{path}"], input=text, prog_name="euicc")
    assert result.exit_code == 1
    assert result.stdout == "?\n"  # no profile, no file system
    assert "keys of the ISD-R" in result.stderr
    assert "no directory is selected" in result.stderr


# --- help


def test_every_command_has_help_that_ends_with_an_example_which_parses(card: Path, commands: list[str]) -> None:
    text = "".join(f"help {name}\n" for name in commands)
    result = CliRunner().invoke(main, ["shell", "-r", f"virtual:{card}"], input=text, prog_name="euicc")
    assert result.exit_code == 0, result.output
    parts = result.stdout.split("Usage: ")[1:]
    assert len(parts) == len(commands)
    with shell_on(card) as shell:
        for name, part in zip(commands, parts, strict=True):
            example = " ".join(part.partition("Example: ")[2].split())
            assert example.split(" ")[0] == name, part
            shell.parser(name).parse_args(shlex.split(example)[1:])
            description = part.split("\n\n")[1]
            assert re.match(r"[A-Z].*[.:)]", description, re.DOTALL), part


# --- wrong

WRONG = {
    "activate_file": ("select isd-r", "activate_file", "no file is selected"),
    "apdu": ("", "apdu 00A", "no command"),
    "authenticate": ("select ADF.USIM", "authenticate 00", "16 bytes"),
    "change_chv": ("", "change_chv 123456789 1234", "1 to 8 bytes"),
    "close_channel": ("", "close_channel 3", "was not open"),
    "deactivate_file": ("", "deactivate_file", "is a directory"),
    "del_data": ("select EF.ICCID", "del_data 80", "not BER-TLV"),
    "delete_card_content": ("select isd-r", f"delete_card_content {FIRST}", "6982"),
    "delete_key": ("select isd-r", "delete_key", "--key-ver"),
    "delete_profile": ("", "delete_profile 0010", "keys of the ISD-R"),
    "dir": ("select isd-r", "dir", "no directory"),
    "disable_chv": ("", "disable_chv 1234", "disabled"),
    "disable_profile": ("", "disable_profile 0010", "keys of the ISD-R"),
    "enable_chv": ("", "enable_chv 1111", "wrong code"),
    "enable_profile": ("", "enable_profile 0010", "keys of the ISD-R"),
    "establish_scp03": ("select isd-r", "establish_scp03", "give the keys"),
    "exit": ("", "exit now", "too many arguments"),
    "fcp": ("select isd-r", "fcp", "no file is selected"),
    "get_data": ("select isd-r", "get_data 1234", "6A88"),
    "get_eid": ("", "get_eid 1", "too many arguments"),
    "get_status": ("", "get_status", "no security domain is selected"),
    "help": ("", "help nothing", "No help on nothing"),
    "history": ("", "history --nothing", "too many arguments"),
    "increase": ("select EF.ICCID", "increase 01", "not cyclic"),
    "info": ("", "info 1", "too many arguments"),
    "install_profile": ("", "install_profile /nothing.der", "keys of the ISD-R"),
    "list_profiles": ("", "list_profiles", "keys of the ISD-R"),
    "ls": ("select isd-r", "ls", "no directory"),
    "open_channel": ("", "open_channel 20", "no number from 1 to 19"),
    "put_key": ("select isd-r", "put_key --key-version-nr 31 --key-data 00", "needs a session"),
    "pwd": ("", "pwd /", "too many arguments"),
    "quit": ("", "quit now", "too many arguments"),
    "read_binary": ("select EF.ICCID", "read_binary --offset 9 --length 2", "10 bytes: 2 from 9 on are not there"),
    "read_binary_decoded": ("select EF.UMPC", "read_binary_decoded", "no decoder"),
    "read_record": ("select EF.ARR", "read_record 14 --count 2", "records 1 to 14, not 15"),
    "read_record_decoded": ("select EF.ICCID", "read_record_decoded 1", "not linear or cyclic"),
    "read_records": ("", "read_records", "is a directory"),
    "read_records_decoded": ("select EF.ICCID", "read_records_decoded", "not linear or cyclic"),
    "reconnect": ("", "reconnect 1", "too many arguments"),
    "release_scp": ("select isd-r", "release_scp", "no session"),
    "reset": ("", "reset 1", "too many arguments"),
    "retrieve_data": ("select EF.ICCID", "retrieve_data 01020304", "no tag"),
    "retrieve_tags": ("select EF.ICCID", "retrieve_tags", "not BER-TLV"),
    "run_script": ("", "run_script /nothing", "cannot be read: no such file"),
    "search_record": ("select EF.ARR", "search_record xyz", "no pairs of hexadecimal digits"),
    "select": ("", "select EF.NOPE", "neither a file identifier"),
    "set": ("", "set apdu_trace perhaps", "apdu_trace"),
    "set_data": ("select EF.ICCID", "set_data 80 01", "not BER-TLV"),
    "status": ("select isd-r", "status", "no file is selected"),
    "store_data": ("select isd-r", "store_data --data-structure dgi 3A0300", "6982"),
    "switch_channel": ("", "switch_channel 7", "is not open"),
    "tree": ("select isd-r", "tree", "no directory"),
    "unblock_chv": ("", "unblock_chv 00000000 1234", "wrong code"),
    "update_binary": ("select EF.ICCID", "update_binary 00", "6982"),
    "update_record": ("select EF.DIR", "update_record 9 00", "records 1 to 1"),
    "verify_adm": ("", "verify_adm --adm-type ADM3 1", "has no such code"),
    "verify_chv": ("", "verify_chv", "only at a terminal"),
}


def test_wrong_use_is_one_line_and_the_shell_goes_on(tmp_path: Path, card: Path, commands: list[str]) -> None:
    assert set(WRONG) == set(commands)
    bench = Bench(tmp_path / "my.card", "")
    shutil.copy(card, bench.path)
    lines = [line for setup, wrong, _ in WRONG.values() for line in ("select MF", *([setup] if setup else []), wrong)]
    wrong = {each[1]: each[2] for each in WRONG.values()}
    turns = bench.talk(*lines, "nonsense", "pwd")
    for turn in turns:
        if turn.line in wrong:
            assert re.fullmatch(r"Error: [^\n]+\n", turn.output), turn
            assert wrong[turn.line] in turn.output, turn
    assert turns[-2].output.startswith("Error: there is no command nonsense: help lists them")
    assert turns[-1].output.endswith("\n")


@pytest.mark.parametrize("argument", ["--nonsense", "--help"])
def test_usage(card: Path, commands: list[str], argument: str) -> None:
    text = "".join(f"{name} {argument}\n" for name in commands)
    result = CliRunner().invoke(main, ["shell", "-r", f"virtual:{card}"], input=text, prog_name="euicc")
    if argument == "--help":
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.count("Usage: ") == len(commands)
    else:
        lines = result.stderr.splitlines()
        assert (result.exit_code, len(lines)) == (1, len(commands))
        assert all(f"`help {name}` shows how it is used" in line for name, line in zip(commands, lines, strict=True))
