# SPDX-License-Identifier: Apache-2.0
"""What programs that nobody here wrote say to our card, read from pcscd's own log and recorded from inside them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.trace.events import LinkEvent, LinkKind, Masked, Withheld
from emulator.atr import ATR
from emulator.memory.image import ImageBackend
from tests.pcsc.service import READER, Server, client
from tests.require import require
from tests.support.domains import MNO_SD_KEY, lab_with
from tools.pcscd import PrivatePcscd
from tools.trace.open import Damage, read_trace

_EUICC = (sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')")
NEW_KEYS = bytes(range(48)).hex()
YKMAN = f"""
import sys
from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys
from yubikit.securitydomain import SecurityDomainSession
connection = readers()[0].createConnection()
connection.connect()
print(bytes(connection.transmit([0x00, 0x20, 0x00, 0x01, 0x08, *b"1234\\xff\\xff\\xff\\xff"])[0]).hex())
session = SecurityDomainSession(ScardSmartCardConnection(connection))
given = bytes.fromhex("{MNO_SD_KEY.hex()}")
session.authenticate(Scp03KeyParams(ref=KeyRef(ScpKid.SCP03, 0x30), keys=StaticKeys(given, given, given)))
new = bytes.fromhex("{NEW_KEYS}")
session.put_key(KeyRef(ScpKid.SCP03, 0x31), StaticKeys(new[:16], new[16:32], new[32:]))
print(len(session.get_key_information()), len(readers()))
"""


@pytest.fixture(params=["", "--debug --color"], ids=lambda given: given or "plain")
def watched(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePcscd]:
    """Programs that are started find it; this process has its own, and keeps it."""
    require("pcsc")
    folder = tmp_path / "service"
    service = PrivatePcscd(folder, READER, "--apdu", *str(request.param).split())
    path = tmp_path / "domains.card"
    with ImageBackend.create(path) as backend:
        backend.commit(lab_with().snapshot())
    server = None
    try:
        service.start()
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        server = Server(path, service.port).inserted()
        yield service
    finally:
        if server is not None:
            server.end(15)
        service.stop()
        shutil.rmtree(folder)


def _commands(events: list[LinkEvent], instruction: int) -> list[LinkEvent]:
    return [event for event in events if event.kind == LinkKind.COMMAND and _bytes(event)[1] == instruction]


def _bytes(event: LinkEvent) -> bytes:
    assert not isinstance(event.data, Withheld)
    return event.data.data if isinstance(event.data, Masked) else event.data


def test_the_log_of_pcscd(watched: PrivatePcscd, tmp_path: Path) -> None:
    """opensc-tool and yubikey-manager: each command and response is there, in pairs, and no key or PIN."""
    require("ykman")
    sent = "00A4040C07A0000001510000"
    shown = client("opensc-tool", "-w", "-r", "0", "-c", "default", "-s", sent, "-s", "80CA00660000")
    assert shown.stdout.count("Received (SW1=0x90, SW2=0x00)") >= 1, shown.stdout + shown.stderr
    talked = client(sys.executable, "-c", YKMAN)
    assert talked.returncode == 0, talked.stderr
    items = list(read_trace(watched.log))
    assert not [str(item) for item in items if isinstance(item, Damage)]
    events = [item for item in items if isinstance(item, LinkEvent)]
    told = [event for event in events if event.kind in (LinkKind.COMMAND, LinkKind.RESPONSE)]
    assert [event.kind for event in told] == [LinkKind.COMMAND, LinkKind.RESPONSE] * (len(told) // 2)
    raw = watched.log.read_text("utf-8")
    assert len(told) == raw.count("APDU: ") + raw.count(" SW: ") + raw.count("mSW: ")
    assert _bytes(_commands(events, 0xA4)[0]) == bytes.fromhex(sent)
    assert [len(_commands(events, instruction)) for instruction in (0x20, 0x50, 0x82)] == [1, 1, 1]
    if "--debug" in watched.arguments:
        assert {event.reader for event in told} == {f"{READER} 00 00"}
        assert ATR in [_bytes(event) for event in events if event.kind == LinkKind.ATR]
    output = tmp_path / "log.jsonl"
    assert client(*_EUICC, "trace", "convert", watched.log, "-o", output).returncode == 0
    text = output.read_text("ascii").upper()
    assert "31323334" not in text
    assert "0020000108XXXXXXXXXXXXXXXX" in text
    assert NEW_KEYS[:32] not in text


@pytest.mark.parametrize("watched", [""], indirect=True)
def test_a_program_is_recorded_unchanged(watched: PrivatePcscd, tmp_path: Path) -> None:
    """The recorder sees what pcscd sees, and the program sees only the reader that was named."""
    require("ykman")
    output = tmp_path / "trace.jsonl"
    done = client(*_EUICC, "trace", "record", "-r", "00 00", "-o", output, "--", sys.executable, "-c", YKMAN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "1"  # one of the two slots
    recorded = [item for item in read_trace(output) if isinstance(item, LinkEvent)]
    logged = [item for item in read_trace(watched.log) if isinstance(item, LinkEvent)]
    assert recorded[0].data == ATR
    kinds = (LinkKind.COMMAND, LinkKind.RESPONSE)
    assert [event.kind for event in recorded if event.kind in kinds] == [event.kind for event in logged]
    assert [len(event.data) for event in recorded if event.kind in kinds] == [len(event.data) for event in logged]
    assert {event.reader for event in recorded} == {f"{READER} 00 00"}
    (verify,) = _commands(recorded, 0x20)
    assert verify.data == Masked(bytes.fromhex("0020000108") + bytes(8), ((5, 8),))
