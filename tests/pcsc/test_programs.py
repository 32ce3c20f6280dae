# SPDX-License-Identifier: Apache-2.0
"""`euicc card serve` as programs see it that nobody here wrote; and how it begins, waits and ends."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from emulator.atr import ATR
from emulator.memory.image import ImageBackend
from tests.pcsc.insert import connect
from tests.pcsc.service import READER, Server, client, wait_for
from tests.require import require
from tests.support.domains import MNO_SD_KEY, lab_with
from tests.support.lab import EID
from tools.pcscd import PrivatePcscd


def test_opensc_tool(server: Server) -> None:
    assert f"{READER} 00 00" in client("opensc-tool", "-l").stdout
    shown = client("opensc-tool", "-r", "0", "-a")
    assert shown.stdout.strip() == ATR.hex(":")
    for commands in (["00A4000C023F00"], ["00A4040C10A0000005591010FFFFFFFF8900000200", "80CA005A00"]):
        sent = [argument for command in commands for argument in ("-s", command)]
        shown = client("opensc-tool", "-r", "0", "-c", "default", *sent)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.count("Received (SW1=0x90, SW2=0x00)") == len(commands)
    assert f"5A 10 {EID[:14].hex(' ').upper()} " in shown.stdout  # a line has sixteen bytes


def test_opensc_tool_probes_and_four_bytes(server: Server) -> None:
    """Without `-c default` it asks for many applications first; unknown ones must be unknown (6A82)."""
    shown = client("opensc-tool", "-r", "0", "-s", "00200001")
    assert "Received (SW1=0x63, SW2=0xC3)" in shown.stdout, shown.stdout + shown.stderr


def test_pcsc_scan(server: Server) -> None:
    shown = client("timeout", "1", "pcsc_scan", "-n")
    assert f"Reader 0: {READER} 00 00" in shown.stdout
    assert "Card inserted" in shown.stdout
    assert ATR.hex(" ").upper() in shown.stdout


def test_pyscard_and_a_session_that_ends_with_the_power(server: Server) -> None:
    connection = connect()
    assert bytes(connection.getATR()) == ATR
    select = list(bytes.fromhex("00A4040C10A0000005591010FFFFFFFF8900000200"))
    get_eid = list(bytes.fromhex("80CA005A00"))
    assert connection.transmit(select) == ([], 0x90, 0x00)
    assert bytes(connection.transmit(get_eid)[0]) == b"\x5a\x10" + EID
    connection.reconnect()
    assert connection.transmit(get_eid)[1:] == (0x6D, 0x00)
    connection.disconnect()


def test_yubikey_manager_over_pc_sc(tmp_path: Path, pcscd: PrivatePcscd) -> None:
    """Its own PC/SC connection, its own SCP03, against the MNO-SD: a key set goes in and is used."""
    require("ykman")
    from ykman.pcsc import ScardSmartCardConnection
    from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys
    from yubikit.securitydomain import SecurityDomainSession

    path = tmp_path / "domains.card"
    with ImageBackend.create(path) as backend:
        backend.commit(lab_with().snapshot())
    new, keys = KeyRef(ScpKid.SCP03, 0x31), StaticKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
    given = StaticKeys(MNO_SD_KEY, MNO_SD_KEY, MNO_SD_KEY)
    for number, (ref, used) in enumerate([(KeyRef(ScpKid.SCP03, 0x30), given), (new, keys)]):
        server = Server(path, pcscd.port).inserted()  # the second time what was written is read from the image
        try:
            raw = connect()
            raw.disconnect()
            connection = ScardSmartCardConnection(raw)  # type: ignore[no-untyped-call]
            session = SecurityDomainSession(connection)
            session.authenticate(Scp03KeyParams(ref=ref, keys=used))
            assert (new in session.get_key_information()) is bool(number)
            if not number:
                session.put_key(new, keys)
            connection.close()  # type: ignore[no-untyped-call]
        finally:
            assert server.end(signal.SIGINT) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(image: Path, pcscd: PrivatePcscd, number: int) -> None:
    server = Server(image, pcscd.port).inserted()
    assert "in use" in client_serve(image, pcscd)
    assert server.end(number) == 0
    assert [line.split()[0] for line in server.lines()] == ["card", "in"]
    assert sorted(each.name for each in image.parent.iterdir()) == ["one.card", "one.card.out"]
    waiting = Server(image, pcscd.port + 2).until("waiting for pcscd")  # nobody listens there
    assert waiting.end(number) == 0


def client_serve(image: Path, pcscd: PrivatePcscd) -> str:
    """The one line of a second `card serve` on the same image."""
    code = "from tools.cli import main; main(prog_name='euicc')"
    done = client(sys.executable, "-c", code, "card", "serve", image, "--vpcd", f":{pcscd.port + 1}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_a_second_card_waits_until_the_slot_is_free(tmp_path: Path, image: Path, pcscd: PrivatePcscd) -> None:
    other = tmp_path / "other.card"
    other.write_bytes(image.read_bytes())
    first = Server(image, pcscd.port).inserted()
    second = Server(other, pcscd.port).until("waiting: another card")
    first.end(signal.SIGTERM)
    second.inserted()
    assert second.end(signal.SIGTERM) == 0


def test_pcscd_restarts(server: Server, pcscd: PrivatePcscd) -> None:
    pcscd.stop()
    server.until("waiting for pcscd")
    pcscd.start()
    server.inserted()
    wait_for(lambda: ATR.hex(":") in client("opensc-tool", "-r", "0", "-a").stdout, "the card answers again")
