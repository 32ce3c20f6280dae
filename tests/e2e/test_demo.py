# SPDX-License-Identifier: Apache-2.0
"""`euicc demo` as people run it: what it prints and what it writes."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
from pathlib import Path
from typing import Final

import pytest

from apdu.trace.decode import Severity, decode
from apdu.trace.events import BearerEvent, ChannelEvent, FunctionEvent, LinkEvent
from apdu.trace.jsonl import read_lines
from apdu.trace.unwrap import unwrap
from tests.e2e.runner import COMMAND, STEPS, check_report, process, run, run_json, without_seconds
from tests.require import ROOT
from tools.entropy import Source
from tools.subscription import draw_profile
from tools.tracefile import TraceFile

OPERATIONS: Final = {"key generation", "ECDSA sign", "ECDSA verify", "ECDH", "KDF", "CMAC", "CBC"}
ESCAPE: Final = "\x1b"


# --- the whole flow


BEARERS: Final = ("reader", "sms", "https")


@pytest.mark.parametrize("bearer", BEARERS)
def test_default_profile(bearer: str) -> None:
    report = run_json("--bearer", bearer)
    check_report(report, bearer)
    assert report["status"]["network"]["algorithm"] == "Milenage"


def test_every_bearer_ends_in_the_same_state() -> None:
    found = [run_json("--bearer", bearer, "--seed", 11) for bearer in BEARERS]
    for report in found:
        isd_p = report["status"]["card"]["isd_ps"][-1]
        assert (isd_p["state"], isd_p["iccid"]) == ("ENABLED", found[0]["status"]["sm_dp"]["iccid"])
        assert {name: report["status"][name] for name in ("sm_dp", "network")} == {
            name: found[0]["status"][name] for name in ("sm_dp", "network")
        }
        assert report["status"]["sm_sr"]["imsi"] == found[0]["status"]["sm_sr"]["imsi"]


@pytest.mark.parametrize("seed", range(4))
def test_with_messages_lost_doubled_and_out_of_order_it_ends_well_or_says_why(seed: int) -> None:
    result = run("--bearer", "sms", "--loss", 0.1, "--seed", seed, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == (0 if report["ok"] else 1)
    if report["ok"]:
        assert report["status"]["card"]["isd_ps"][-1]["state"] == "ENABLED"
    else:
        # an answer was lost once too often, or the one that said that the profile is installed already
        assert re.search(r"may have run|no answer from card|SCP03t command 84 refused", report["error"])


def test_runs_differ_without_a_seed() -> None:
    assert run_json()["eid"] != run_json()["eid"]


def test_timings() -> None:
    report = run_json("--timings", "--seed", 5, "--bearer", "reader")
    used = {step["name"]: {each["name"]: each["count"] for each in step["operations"]} for step in report["steps"]}
    assert set().union(*used.values()) == OPERATIONS
    # six certificates, one of them its own issuer's, with a key each
    assert used["pki"] == {"key generation": 6, "ECDSA sign": 6}
    # the host's ephemeral key and signature; the card verifies certificate and signature; both compute ECKA
    agreed = used["establish-keyset"]
    assert (agreed["key generation"], agreed["ECDSA sign"], agreed["ECDSA verify"], agreed["ECDH"]) == (1, 1, 2, 2)
    for step in report["steps"]:
        for each in step["operations"]:
            assert 0 < each["seconds"] < step["seconds"]
    assert without_seconds(report) == without_seconds(run_json("--timings", "--seed", 5, "--bearer", "reader"))


# --- a seed


@pytest.mark.parametrize("bearer", ["reader", "sms"])
def test_a_seed_repeats_every_byte(tmp_path: Path, bearer: str) -> None:
    """In two processes, because hashes of texts differ between these."""
    outputs = []
    for number in ("1", "2"):
        trace = tmp_path / f"trace{number}.jsonl"
        done = process("--json", "--seed", 42, "--bearer", bearer, "--trace", trace, PYTHONHASHSEED=number)
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append((without_seconds(json.loads(done.stdout)), trace.read_bytes()))
    assert outputs[0] == outputs[1]


def test_over_https_a_seed_repeats_every_command_and_response(tmp_path: Path) -> None:
    """TLS draws its own randomness: what is inside is the same."""
    runs = []
    for number in ("1", "2"):
        trace = tmp_path / f"trace{number}.jsonl"
        done = process("--json", "--seed", 42, "--trace", trace, PYTHONHASHSEED=number)
        assert (done.returncode, done.stderr) == (0, "")
        events = list(read_lines(trace.read_text("ascii").splitlines()))
        inside = [event for event in events if isinstance(event, ChannelEvent)]
        said = [(event.layer, event.target, event.plain, event.response_plain, event.protected) for event in inside]
        assert {event.layer for event in inside} == {"scp80", "scp81", "scp03t"}
        runs.append((without_seconds(json.loads(done.stdout)), said))
    assert runs[0] == runs[1]


def test_seeds_differ(tmp_path: Path) -> None:
    one, other = (run_json("--seed", seed) for seed in (1, -1))
    assert one["eid"] != other["eid"]


# --- the trace


def test_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    report = run_json("--seed", 7, "--bearer", "reader", "--trace", trace)
    events = list(read_lines(trace.read_text("ascii").splitlines()))
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600
    commands = [event for event in events if isinstance(event, LinkEvent) and event.kind == "command"]
    assert len(commands) == sum(step["apdus"] for step in report["steps"])
    assert {event.layer for event in events} >= {"apdu", "scp03", "es5", "es8"}
    assert {event.side for event in events if isinstance(event, ChannelEvent)} == {"reader", "card"}
    functions = [event.name for event in events if isinstance(event, FunctionEvent) and event.outcome == "ok"]
    for name in ("ES5.CreateISDP", "ES8.EstablishISDPKeySet", "ES8.DownloadAndInstallation", "ES5.EnableProfile"):
        assert name in functions
    times = [event.time for event in events]
    assert times == sorted(times)


def test_a_trace_over_https_holds_every_layer(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    run_json("--trace", trace)
    events = list(read_lines(trace.read_text("ascii").splitlines()))
    layers = {"apdu", "sms", "scp80", "bip", "tls", "http", "scp81", "scp03t", "es5", "es8", "trace"}
    assert {event.layer for event in events} == layers
    http = [event for event in events if isinstance(event, BearerEvent) and event.layer == "http"]
    assert {event.extra["verified"] for event in http} == {True}
    entries = list(decode(unwrap(events)))
    remote = [entry.summary for entry in entries if entry.layer == "scp81"]
    for name in ("ES5.CreateISDP", "ES8.EstablishISDPKeySet", "ES5.EnableProfile"):
        assert any(name in summary for summary in remote)
    serious = [found for entry in entries for found in entry.examine() if found.severity is not Severity.NOTE]
    assert not serious


def known_secrets(seed: int) -> list[bytes]:
    """Every value of a run that nobody may learn from its outputs, found by running its parts again."""
    secrets = list(draw_profile(Source(seed).entropy("subscription")).secrets)
    assert len(secrets) >= 10
    return secrets


def searchable(secret: bytes) -> list[str]:
    text = secret.hex()
    digits = secret.rstrip(b"\xff")
    return [text, text.upper(), *([digits.decode("ascii")] if digits.isalnum() and len(digits) >= 8 else [])]


@pytest.mark.parametrize("arguments", [[], ["--timings"], ["--json"]])
def test_no_secret_is_shown(tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = known_secrets(9)
    register = TraceFile.register

    def remember(self: TraceFile, *values: bytes) -> None:
        secrets.extend(values)
        register(self, *values)

    monkeypatch.setattr(TraceFile, "register", remember)
    trace = tmp_path / "trace.jsonl"
    result = run("--seed", 9, "--trace", trace, *arguments)
    assert result.exit_code == 0
    assert len(secrets) > 30  # CI, EUM, servers, card, ISD-P, subscription
    shown = result.output + trace.read_text("ascii")
    for secret in secrets:
        for text in searchable(secret):
            assert text not in shown


# --- what people see


def test_lines_fit_a_page() -> None:
    for arguments in ([], ["--timings"]):
        result = run(*arguments)
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert all(line == line.rstrip() for line in lines)
        assert ESCAPE not in result.stdout
        for name in STEPS["https"]:
            assert any(line.startswith(f"✓ {name} ") for line in lines)


def test_details_fit_their_column() -> None:
    result = run()
    for line in result.stdout.splitlines()[1 : 1 + len(STEPS["https"])]:
        assert re.fullmatch(r". [a-z-]+ +.* ms +[0-9]+", line)
        assert len(line) == 80 - 1


@pytest.mark.parametrize("name, value", [("PYTHONIOENCODING", "ascii"), ("COLUMNS", "80"), ("NO_COLOR", "1")])
def test_other_environments(name: str, value: str) -> None:
    done = process(**{name: value})
    assert (done.returncode, done.stderr) == (0, "")
    assert ESCAPE not in done.stdout
    assert "attached" in done.stdout


def test_in_a_terminal(tmp_path: Path) -> None:
    """Colour, and a progress bar on the download; the terminal gets its cursor back."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    child = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=slave, stderr=slave)
    os.close(slave)
    shown = bytearray()
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert child.wait(30) == 0
    text = shown.decode("utf-8")
    assert f"{ESCAPE}[32m✓" in text
    assert "━" in text
    assert re.search(r"of \d[\d ]* bytes", text)
    assert text.rfind(f"{ESCAPE}[?25h") > text.rfind(f"{ESCAPE}[?25l")
