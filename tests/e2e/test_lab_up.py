# SPDX-License-Identifier: Apache-2.0
"""`euicc lab up` and `euicc status`: the whole lab as processes, from nothing to a profile that is enabled."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apdu.ids import Eid
from smsr.api.json_codec import decode
from smsr.api.messages import RegisterEisRequest
from smsr.api.transport_keys import unwrap_keys
from smsr.config import SmSrConfig, transport_keys
from smsr.serving.config import load_config
from tests.support.labcaller import lab_operator
from tests.support.program import Program
from tests.support.smsc import wait_for
from tools.cli import main
from tools.lab.create import create
from tools.lab.layout import HOST, Lab, open_lab
from tools.lab.ports import taken
from tools.lab.state import read_state
from tools.subscription import read_file, read_profile

_UP = 120
_PARTS = {"smsc", "operator", "sm-sr", "sm-dp", "devices"}


def euicc(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*map(str, arguments)], prog_name="euicc")
    return result.exit_code, result.output


def start(lab: Path, *options: str) -> Program:
    """`lab up`, and everything there."""
    running = Program(lab.parent, "lab", "up", str(lab), *options)

    def ready() -> bool:
        assert running.process.poll() is None, running.text
        return "Ctrl-C ends everything." in running.text

    try:
        wait_for(ready, _UP)
    except BaseException:
        running.__exit__()
        raise
    return running


def pids(lab: Lab) -> dict[str, int]:
    state = read_state(lab.run("up"))
    assert state is not None
    return {name: each["pid"] for name, each in state["parts"].items()}


def alive(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    return False


def check_gone(lab: Lab, processes: dict[str, int]) -> None:
    """Nothing runs, nobody listens."""
    assert not [name for name, pid in processes.items() if alive(pid)]
    assert not [name for name in lab.ports.__struct_fields__ if taken(getattr(lab.ports, name))]


def status(lab: Lab) -> dict[str, Any]:
    _, text = euicc("status", lab.path, "--json")
    found: dict[str, Any] = json.loads(text)
    return found


def ready(lab: Lab) -> bool:
    return bool(status(lab)["ready"])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Program]]:
    """A lab of two cards that runs."""
    path = tmp_path_factory.mktemp("up") / "lab"
    with start(path, "--cards", "2", "--profiles", "3") as running:
        yield open_lab(path), running


def devices(lab: Lab) -> list[dict[str, Any]]:
    return list(status(lab)["parts"]["devices"]["figures"]["each"])


def told(lab: Lab) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (lab.path / "operator.jsonl").read_text().splitlines()]


def test_everything_is_there_and_says_so(up: tuple[Lab, Program]) -> None:
    lab, running = up
    assert set(pids(lab)) == _PARTS
    wait_for(lambda: status(lab)["parts"]["devices"]["figures"]["bound"] == 2, 30)
    found = status(lab)
    assert found["ready"] is True
    assert set(found["parts"]) == _PARTS
    for name, part in found["parts"].items():
        assert (part["ready"], part["reason"], part["process"]["restarts"]) == (True, "", 0), name
        assert lab.log(name).is_file()
        assert str(lab.log(name)) in running.text
    code, text = euicc("status", lab.path)
    assert code == 0, text
    for card in lab.file.cards:
        assert card.eid in running.text
        assert f"{card.eid}  ICCID {card.iccid}, +{card.msisdn}, normal, bound" in text


def printed(running: Program, function: str) -> list[str]:
    """The command with which the lab says that one begins."""
    (line,) = [line for line in running.text.splitlines() if line.startswith(f"  euicc es2 {function} ")]
    return shlex.split(line)[1:]


def test_the_printed_commands_bring_a_profile_into_a_card_and_the_operator_hears_of_it(
    up: tuple[Lab, Program],
) -> None:
    lab, running = up
    card = lab.file.cards[0]
    code, text = euicc(*printed(running, "DownloadProfile"), "--json")
    assert code == 0, text
    iccid = json.loads(text)["response"]["iccid"]
    assert iccid in {each.iccid for each in lab.file.profiles}
    code, text = euicc(*printed(running, "GetEIS"), "--json")
    assert code == 0, text
    states = {each["iccid"]: each["state"] for each in json.loads(text)["eis"]["profiles"]}
    assert states == {card.iccid: "Disabled", iccid: "Enabled"}
    wait_for(lambda: [each for each in told(lab) if each["kind"] == "callback"], 20)
    (callback,) = [each for each in told(lab) if each["kind"] == "callback"]
    assert (callback["function"], callback["message"]["iccid"]) == ("ES2.DownloadProfile", iccid)
    wait_for(lambda: iccid in {each["iccid"] for each in devices(lab)}, 20)


def test_parts_that_are_killed_in_a_download_are_started_again_and_it_comes_to_its_end(
    up: tuple[Lab, Program],
) -> None:
    lab, running = up
    before = pids(lab)
    killed = _PARTS - {"operator"}
    eid = Eid.from_string(lab.file.cards[1].eid)
    with lab_operator(lab) as operator:
        accepted = operator.order(eid, enable=True)
        wait_for(lambda: lab.log("sm-sr").read_text().count("ES3.SendData"), 60)
        for name in killed:
            os.kill(before[name], signal.SIGKILL)
        wait_for(lambda: all(pids(lab)[name] not in (None, before[name]) for name in killed), 60)
        wait_for(lambda: ready(lab) and all(each["bound"] for each in devices(lab)), 60)
        assert "sm-sr was killed by signal 9; again in 1 s" in running.text
        assert status(lab)["parts"]["sm-sr"]["process"]["restarts"] == 1
        iccid = operator.end_of(accepted)
        assert operator.states(eid) == {lab.file.cards[1].iccid: "Disabled", str(iccid): "Enabled"}
        wait_for(lambda: str(iccid) in {each["iccid"] for each in devices(lab)}, 20)


def secrets(lab: Lab) -> set[bytes]:
    """Keys of cards and subscribers, codes, master and transport keys."""
    found = {each for package in lab.packages() for each in read_profile(read_file(package)).secrets}
    (transport,) = transport_keys(load_config(lab.sm_sr, SmSrConfig).partner, lab.path).values()
    found.add(transport.reveal())
    for card in lab.file.cards:
        eis = unwrap_keys(decode(RegisterEisRequest, lab.registration(card.eid).read_bytes()).eis, transport)
        values = [key.value for keyset in eis.isd_r.keysets for key in keyset.keys]
        found |= {value.reveal() for value in values if value is not None}
        keys = lab.image(card.eid).with_suffix(".keys").read_text("ascii").strip().split(":")
        found |= set(map(bytes.fromhex, keys))
    found |= {bytes.fromhex((lab.path / name).read_text("ascii")) for name in ("smsr.master", "smdp.master")}
    return {each for each in found if len(set(each)) > 3}


def shows(data: bytes, secret: bytes) -> bool:
    """Whether it is there as it is; eight digits of a code also come up in long hexadecimal numbers, by chance."""
    if secret.isdigit():
        return re.search(rb"(?<![0-9A-Fa-f])%b(?![0-9A-Fa-f])" % secret, data) is not None
    return secret in data


def test_no_secret_is_in_logs_states_or_databases(up: tuple[Lab, Program]) -> None:
    """After the tests before: not raw, not in hexadecimal, not in base64."""
    lab, running = up
    hidden = secrets(lab)
    assert len(hidden) > 80
    files = [path for pattern in ("log/*.log", "run/*.json", "*.jsonl", "*.db*") for path in lab.path.glob(pattern)]
    assert len(files) > 10
    texts = [path.read_bytes() for path in files] + [running.text.encode()]
    for data in texts:
        lower = data.lower()
        for secret in hidden:
            assert not shows(data, secret)
            assert secret.hex().encode() not in lower
            assert b64encode(secret)[: len(secret) // 3 * 4] not in data
    (path,) = [path for path in files if path.name == "sm-dp.log"]
    assert b"ES2.DownloadProfile" in path.read_bytes()  # what is looked through is what was written


def test_a_lab_that_is_up_is_not_started_twice(up: tuple[Lab, Program]) -> None:
    lab, _ = up
    before = pids(lab)
    code, text = euicc("lab", "up", lab.path)
    assert (code, len(text.splitlines())) == (1, 1)
    assert "is up already" in text
    assert pids(lab) == before


def test_ctrl_c_ends_all_and_the_next_up_takes_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "lab"
    with start(path, "--cards", "1", "--profiles", "1") as running:
        lab = open_lab(path)
        eid = Eid.from_string(lab.file.cards[0].eid)
        with lab_operator(lab) as operator:
            iccid = operator.end_of(operator.order(eid, enable=False))
        first = pids(lab)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 0, running.text
        assert running.text.endswith("stopped\n")
        check_gone(lab, first)
        assert euicc("status", path)[0] == 1
    with start(path) as running:
        assert "made" not in running.text
        assert open_lab(path).file == lab.file
        with lab_operator(lab) as operator:
            assert operator.states(eid)[str(iccid)] == "Disabled"
        second = pids(lab)
        running.process.kill()
        running.process.wait()
    wait_for(lambda: not any(map(alive, second.values())), 20)
    check_gone(lab, second)


def test_a_port_that_somebody_has_stops_it_before_anything_starts(tmp_path: Path) -> None:
    create(tmp_path / "lab", 1, 0)
    lab = open_lab(tmp_path / "lab")
    with socket.create_server((HOST, lab.ports.cards)):
        code, text = euicc("lab", "up", lab.path)
    assert (code, len(text.splitlines())) == (1, 1)
    assert f"{HOST}:{lab.ports.cards}, which is for cards" in text
    assert not list((lab.path / "log").iterdir())


def test_a_server_that_cannot_start_ends_the_rest(tmp_path: Path) -> None:
    create(tmp_path / "lab", 1, 0)
    lab = open_lab(tmp_path / "lab")
    lab.sm_sr.write_text("[server]\nnonsense = 1\n")
    with Program(tmp_path, "lab", "up", str(lab.path)) as running:
        assert running.process.wait(_UP) == 1
        assert "sm-sr" in running.text.splitlines()[-1]
        assert "nonsense" in running.text.splitlines()[-1]
        assert "Traceback" not in running.text
    assert not [name for name in lab.ports.__struct_fields__ if taken(getattr(lab.ports, name))]


@pytest.mark.parametrize("options", [("--cards", "2"), ("--profiles", "7")])
def test_a_lab_that_is_there_is_not_made_another(options: tuple[str, str], tmp_path: Path) -> None:
    create(tmp_path / "lab", 1, 1)
    code, text = euicc("lab", "up", tmp_path / "lab", *options)
    assert (code, len(text.splitlines())) == (1, 1)
    assert f"{tmp_path / 'lab'} is there and has 1" in text


@pytest.mark.parametrize("command", [("lab", "devices"), ("lab", "operator"), ("status",)])
def test_folders_that_are_no_labs(command: tuple[str, ...], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        code, text = euicc(*command, path)
        assert (code, len(text.splitlines())) == (1, 1), text
        assert "is no lab" in text
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_lab_that_is_not_up(tmp_path: Path) -> None:
    create(tmp_path / "lab", 1, 0)
    lab = open_lab(tmp_path / "lab")
    found = status(lab)
    assert found["ready"] is False
    assert {each["ready"] for each in found["parts"].values()} == {False}
    lab.run("devices").write_text('{"pid": 1, "devices": []}')
    os.utime(lab.run("devices"), (0, 0))  # of a process that was killed
    assert status(lab)["parts"]["devices"]["reason"] == "says nothing"
    for option in ("--cards", "--profiles"):
        assert euicc("lab", "up", tmp_path / "new", option, "-1")[0] == 2
