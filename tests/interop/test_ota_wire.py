# SPDX-License-Identifier: Apache-2.0
"""What somebody sees who listens while a profile travels over HTTPS, and what Wireshark makes of a trace of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from apdu.trace.events import ChannelEvent
from apdu.trace.jsonl import read_lines
from tests.e2e.runner import process
from tests.interop.test_tshark import WRONG, tshark
from tests.require import require
from tools.cli import main

SUITES = {"0x00a8", "0x00ae"}
PATIENCE = 20.0


@contextmanager
def listening(path: Path) -> Iterator[None]:
    """Everything on the loopback interface goes to a file."""
    command = ["tshark", "-q", "-n", "-i", "lo", "-f", "tcp", "-w", str(path)]
    listener = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert listener.stderr is not None
    end = time.monotonic() + PATIENCE
    for line in listener.stderr:
        if "Capturing on" in line:
            break
        assert time.monotonic() < end
    else:
        pytest.fail("tshark does not capture")
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)  # it says so a moment before it is true
    try:
        yield
        time.sleep(0.5)  # and hands packets on in pieces
    finally:
        listener.terminate()
        listener.wait(PATIENCE)
        listener.stderr.close()


def commands(trace: Path) -> list[bytes]:
    """The plain commands and long responses that were inside TLS."""
    events = read_lines(trace.read_text("ascii").splitlines())
    inside = [event for event in events if isinstance(event, ChannelEvent) and event.layer == "scp81"]
    said = [octets for event in inside for octets in (event.plain, event.response_plain)]
    return [octets for octets in said if isinstance(octets, bytes) and len(octets) > 7]


def test_on_the_wire_there_is_tls_and_no_command(tmp_path: Path) -> None:
    require("tshark")
    if os.geteuid():
        pytest.skip("listening on an interface takes root")
    capture, trace = tmp_path / "lo.pcapng", tmp_path / "trace.jsonl"
    with listening(capture):
        done = process("--bearer", "https", "--json", "--trace", trace)
        assert done.returncode == 0, done.stderr
    plain = commands(trace)
    assert len(plain) > 5
    seen = "tls.handshake.type == 2 && tls.handshake.ciphersuite"
    decode = [option for port in ports(capture) for option in ("-d", f"tcp.port=={port},tls")]
    suites = tshark(capture, *decode, "-Y", seen, "-T", "fields", "-e", "tls.handshake.ciphersuite")
    assert suites
    assert set(suites) <= SUITES
    payloads = bytes.fromhex("".join(tshark(capture, "-Y", "tcp.len > 0", "-T", "fields", "-e", "tcp.payload")))
    assert len(payloads) > 5_000
    for octets in (*plain, b"X-Admin-Protocol", b"HTTP/1.1"):
        assert octets not in payloads
    assert json.loads(done.stdout)["eid"].encode().hex().encode() not in payloads


def ports(capture: Path) -> set[str]:
    """Where clients connected to."""
    first = "tcp.flags.syn == 1 && tcp.flags.ack == 0"
    return set(tshark(capture, "-Y", first, "-T", "fields", "-e", "tcp.dstport"))


@pytest.mark.parametrize("bearer", ["sms", "https"])
def test_wireshark_takes_the_trace_of_a_provisioning_apart(tmp_path: Path, bearer: str) -> None:
    require("tshark")
    trace, capture = tmp_path / "trace.jsonl", tmp_path / "trace.pcapng"
    done = process("--bearer", bearer, "--json", "--trace", trace)
    assert done.returncode == 0, done.stderr
    converted = CliRunner().invoke(main, ["trace", "convert", str(trace), "-o", str(capture)])
    assert converted.exit_code == 0, converted.output
    assert tshark(capture, "-Y", WRONG) == []
    assert len(tshark(capture, "-Y", "gsm_sim")) > 40
