# SPDX-License-Identifier: Apache-2.0
"""Our card in our device against `openssl s_server -psk`, over a real socket; what it says is written by hand here."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from apdu.ids import Aid
from apdu.sms.tpdu import Deliver
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.device.channels import Channels
from emulator.device.device import Device, Surroundings
from emulator.device.link import VirtualLink
from emulator.device.settings import Settings
from emulator.device.waiting import Waiting
from emulator.factory.eum import Bootstrap
from emulator.network.network import Network
from tests.interop.test_tls_psk import SUITES, free_port
from tests.protocol.https_bench import CREATE, IDENTITY, ISD_P, no_content, ok, trigger
from tests.protocol.sms_bench import SM_SR, TIME
from tests.require import require
from tests.support.fixtures import MakeLab, make_lab
from tests.support.lab import Lab
from tests.support.profile import PIN1, subscriber
from tests.unit.ota import model

require("openssl")

__all__ = ["make_lab"]
PATIENCE = 10.0


@contextmanager
def s_server(suite: str, key: bytes, said: list[bytes], answers: list[bytes]) -> Iterator[int]:
    """s_server behind its pipes: what clients say goes to `said`, after each request it says the next answer."""
    port = free_port()
    command = (
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-tls1_2", "-psk_identity", IDENTITY,
        "-psk", key.hex(), "-cipher", f"{suite}:@SECLEVEL=0", "-quiet",
    )  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def talk() -> None:
            heard = b""
            while data := stdout.read(4096):
                heard += data
                # a request without a body, or one whose last chunk has come
                whole = heard.endswith(b"0\r\n\r\n") or (heard.endswith(b"\r\n\r\n") and b"chunked" not in heard)
                if whole and answers:
                    said.append(heard)
                    heard = b""
                    stdin.write(answers.pop(0))

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        try:
            wait_until_it_listens(port)
            yield port
        finally:
            process.kill()
            thread.join(PATIENCE)


def wait_until_it_listens(port: int) -> None:
    """By the table of sockets: a connection would be served."""
    end = time.monotonic() + PATIENCE
    wanted = f":{port:04X} 00000000:0000 0A"
    while time.monotonic() < end:
        with open("/proc/net/tcp", encoding="ascii") as table:
            if wanted in table.read():
                return
        time.sleep(0.02)
    raise AssertionError("s_server does not listen")


def triggered(lab: Lab, port: int, done: Callable[[], object]) -> None:
    """The project's own device gets the trigger, and does what the card asks for, over a socket."""
    waiting = Waiting()
    network = Network()
    channels = Channels(time.time, waiting)
    device = Device(
        VirtualLink(lab.card),
        clock=time.time,
        settings=Settings(pin=PIN1),
        surroundings=Surroundings(network=network, bip=channels),
    )
    connection = bytes.fromhex(f"350103 39020578 3C0302{port:04X} 3E05217F000001")
    keys = (lab.made.scp80.enc.reveal(), lab.made.scp80.mac.reveal())
    data = trigger(connection=connection).encode()
    packet = model.command(b"\x16\x01", 0x12, 0x12, bytes.fromhex("000001"), 1, data, keys, "aes")
    message = UserData(packet, (Element(ElementId.COMMAND_PACKET),))
    end = time.monotonic() + PATIENCE
    try:
        device.power_up()
        device.settle()
        report = device.deliver(Deliver(originator=SM_SR, time=TIME, data=message).encode())
        assert report.failure is None
        while (not done() or lab.card.ota.administering) and time.monotonic() < end:
            device.settle()
            waiting.turn(0.02)
    finally:
        channels.reset()
        waiting.close()
    assert not lab.card.ota.administering


@pytest.mark.parametrize("suite", SUITES)
def test_cc_81_01_the_card_is_administered_through_openssl(make_lab: MakeLab, suite: str) -> None:
    lab = make_lab(bootstrap=Bootstrap(subscriber().package, Aid.isd_p(0x20)))
    said: list[bytes] = []
    with s_server(suite, lab.made.scp81[1].reveal(), said, [ok(CREATE, "/1"), no_content()]) as port:
        triggered(lab, port, lambda: len(said) == 2)
    assert [request.split(b"\r\n")[0] for request in said] == [b"POST /admin HTTP/1.1", b"POST /1 HTTP/1.1"]
    assert said[1].endswith(b"\r\n\r\n9\r\n" + bytes.fromhex("AF8023030090000000") + b"\r\n0\r\n\r\n")
    assert lab.state_of(ISD_P) is not None


def test_cc_81_05_openssl_with_another_key_gets_no_request(make_lab: MakeLab) -> None:
    lab = make_lab(bootstrap=Bootstrap(subscriber().package, Aid.isd_p(0x20)))
    said: list[bytes] = []
    with s_server(SUITES[0], bytes(16), said, [ok(CREATE, "/1")]) as port:
        triggered(lab, port, lambda: not lab.card.ota.administering)
    assert said == []
    assert lab.state_of(ISD_P) is None
