# SPDX-License-Identifier: Apache-2.0
"""`euicc smsc serve` and `euicc device run --smpp` as programs, to the signal that ends them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.memory.image import ImageBackend
from tests.require import require
from tests.support.flow import flow_lab
from tests.support.program import Program
from tests.support.smsc import DEVICE, SM_SR, Hears, free_port, wait_for
from tests.unit.sms.test_smpp import TIME
from tools.cli import main


def serve(folder: Path, port: int) -> Program:
    made = Program(folder, "smsc", "serve", "--bind", f"127.0.0.1:{port}")
    made.until("listening")
    return made


@pytest.mark.parametrize("bound", [0, 2])
def test_centre_ends_cleanly_with_ctrl_c(tmp_path: Path, bound: int) -> None:
    port = free_port()
    for _ in range(3):
        with serve(tmp_path, port) as centre:
            servers = [Hears() for _ in range(bound)]
            transports = [server.transport(port).__enter__() for server in servers]
            for server in servers:
                server.bound()
            assert centre.interrupt() == 0, centre.text
            assert "Traceback" not in centre.text
            assert "Fatal" not in centre.text
            for transport in transports:
                transport.__exit__()


def test_centre_listens_on_this_computer_only(tmp_path: Path) -> None:
    port = free_port()
    with serve(tmp_path, port) as centre:
        for line in Path("/proc/net/tcp").read_text().splitlines():
            local, remote = line.split()[1:3]
            if local.endswith(f":{port:04X}") and remote.endswith(":0000"):
                assert local.startswith("0100007F")
                break
        else:
            raise AssertionError("it does not listen")
        assert centre.interrupt() == 0


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*arguments], prog_name="euicc")
    return result.exit_code, result.output


def test_places_where_nobody_can_listen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = run("smsc", "serve", "--bind", f"127.0.0.1:{port}")
        assert (code, len(text.splitlines())) == (1, 1)
        assert "Address already in use" in text
    for place in ("192.0.2.1:2775", "example.org:2775", "127.0.0.1:99999", "127.0.0.1:x"):
        code, text = run("smsc", "serve", "--bind", place)
        assert (code, len(text.splitlines())) == (1, 1), text
    for share in ("2", "-0.1", "many"):
        assert run("smsc", "serve", "--loss", share)[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [("--number", "+491720000001"), ("--smpp", "127.0.0.1", "--number", "Bob"), ("--smpp", "x", "--number", "1" * 16)],
)
def test_numbers_that_are_none(arguments: tuple[str, ...]) -> None:
    assert run("device", "run", *arguments)[0] == 2


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "one.card"
    with ImageBackend.create(path) as backend:
        backend.commit(flow_lab().snapshot())
    return path


def test_device_with_the_number_of_its_card(tmp_path: Path, image: Path) -> None:
    """Without another number it binds with the card's; the card says nothing to a stranger."""
    require("pyscard")
    port = free_port()
    server = Hears()
    with serve(tmp_path, port) as centre, server.transport(port) as transport:
        with Program(tmp_path, "device", "run", "-r", f"virtual:{image}", "--smpp", f"127.0.0.1:{port}") as device:
            device.until("bound to")
            number = device.text.split(" as ")[1].split()[0]
            assert number.isdigit()
            data = UserData(bytes(20), (Element(ElementId.COMMAND_PACKET),))
            transport.send(Address.of("+" + number), Deliver(originator=SM_SR, time=TIME, data=data).encode())
            wait_for(lambda: server.reports)
            assert DeliverReport.decode(server.reports[0][1], error=server.reports[0][2]).data is None
            start = time.monotonic()
            assert device.interrupt() == 0, device.text
            assert time.monotonic() - start < 5
            assert "Traceback" not in device.text
            assert "Fatal" not in device.text
        centre.until(f"unbound     {number}")
        assert DEVICE.number != number
