# SPDX-License-Identifier: Apache-2.0
"""One pcscd for all tests of a process, and cards for it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.card import Card
from emulator.memory.image import ImageBackend
from emulator.readers.vpcd import SlotState, VpcdReader
from tests.pcsc.insert import Inserted, present
from tests.pcsc.service import READER, Server, wait_for
from tests.require import require
from tests.support.fixtures import make_lab
from tests.support.flow import flow_lab
from tools.pcscd import SOCKET_VARIABLE, PrivatePcscd

__all__ = ["make_lab"]

Insert = Callable[..., Inserted]


@pytest.fixture(scope="session")
def pcscd() -> Iterator[PrivatePcscd]:
    """It runs; its socket is where `tests/conftest.py` has told the clients of this process to look."""
    require("pcsc")
    folder = Path(os.environ[SOCKET_VARIABLE]).parent.parent
    shutil.rmtree(folder, ignore_errors=True)
    made = PrivatePcscd(folder, READER)
    try:
        made.start()
        yield made
    finally:
        gc.collect()  # pyscard's connections complain when the service has gone before them
        made.stop()
        shutil.rmtree(folder)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A lab card with the first subscriber's profile, in an image."""
    path = tmp_path / "one.card"
    with ImageBackend.create(path) as backend:
        backend.commit(flow_lab().snapshot())
    return path


@pytest.fixture
def server(image: Path, pcscd: PrivatePcscd) -> Iterator[Server]:
    """`euicc card serve` with it in the first slot."""
    started = Server(image, pcscd.port).inserted()
    wait_for(lambda: present(0), "seen by pcscd")
    yield started
    started.end(signal.SIGTERM)
    wait_for(lambda: not present(0), "noticed")


@pytest.fixture
def insert(pcscd: PrivatePcscd) -> Iterator[Insert]:
    """Puts a card of this process into a slot."""
    inserted: list[Inserted] = []

    def put(card: Card, slot: int = 0) -> Inserted:
        states: list[SlotState] = []
        inserted.append(Inserted(VpcdReader(card, "127.0.0.1", pcscd.port + slot, states.append), states, slot))
        inserted[-1].start()
        return inserted[-1]

    yield put
    for each in inserted:
        each.release()
