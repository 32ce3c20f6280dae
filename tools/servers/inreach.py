# SPDX-License-Identifier: Apache-2.0
"""Cards of a lab in reach of the SM-SR's own process, over the reader bearer: for the demo, benchmarks and tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from apdu.gp.codes import KVN_SCP03
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet, SecretKey
from emulator.card import Card
from emulator.device.link import VirtualLink
from emulator.device.modem import Modem
from emulator.memory.image import ImageBackend
from emulator.memory.store import Backend, Memory
from smsr.bearers.reader import ReaderBearer

__all__ = ["CardInReach", "read_lab_keys"]


def read_lab_keys(path: Path) -> KeySet:
    """The key set that lies beside a card's image."""
    keys = path.with_suffix(".keys").read_text("ascii").strip().split(":")
    return KeySet(KVN_SCP03.start, *(SecretKey(bytes.fromhex(key)) for key in keys))


class CardInReach:
    """A card, powered, in a modem, with a bearer to it."""

    def __init__(
        self, backend: Backend, keys: KeySet, entropy: Entropy, clock: Callable[[], float] = time.time
    ) -> None:
        self.backend = backend
        self.card = Card(Memory(backend), entropy=entropy, clock=clock)
        self.modem = Modem(VirtualLink(self.card))
        self.modem.start()
        self.bearer = ReaderBearer(self.modem, keys, entropy=entropy, clock=clock, reset=self.modem.refresh)

    @classmethod
    def from_image(cls, path: Path, entropy: Entropy) -> CardInReach:
        """The card of an image."""
        return cls(ImageBackend(path), read_lab_keys(path), entropy)

    def close(self) -> None:
        """Close the image."""
        if isinstance(self.backend, ImageBackend):
            self.backend.close()
