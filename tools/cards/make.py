# SPDX-License-Identifier: Apache-2.0
"""A new card in an image, and beside it what is needed to have it trust servers.

FILE.card        the card
FILE.card.pem    CI and EUM: certificates and private keys. With them an SM-DP that the card trusts is made, and
                 the EIS is signed by which an SM-SR comes to know it
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from apdu.ids import Eid
from apdu.keys.secret import KeySet
from emulator.factory.eum import CardOrder, ManufacturedCard
from emulator.memory.image import ImageBackend
from emulator.memory.store import Memory
from tools.entropy import Source
from tools.errors import ToolError, reason
from tools.pki import Parties, make_eid, make_eum, make_parties

__all__ = ["CardFiles", "key_text", "new_card", "new_files"]


@dataclass(frozen=True, slots=True)
class CardFiles:
    """An image that is open and empty, and where its CI and EUM will be written."""

    image: ImageBackend
    trust: Path

    def write_trust(self, parties: Parties) -> None:
        """Write the CI and the EUM, readable by the owner only."""
        parts = [
            part
            for authority in (parties.ci, parties.eum)
            for part in (
                authority.certificate.public_bytes(Encoding.PEM),
                authority.key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            )
        ]
        try:
            descriptor = os.open(self.trust, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"".join(parts))
        except OSError as error:
            raise ToolError(f"{self.trust} cannot be written: {reason(error)}; name another card") from None


@contextmanager
def new_files(path: Path) -> Iterator[CardFiles]:
    """Make both files; neither is left when the work inside fails, and none that exists is touched."""
    trust = path.with_name(path.name + ".pem")
    if trust.exists():
        raise ToolError(f"{trust} exists: name another card, or delete it first")
    with ImageBackend.create(path) as image:
        try:
            yield CardFiles(image, trust)
        except BaseException:
            image.close()
            path.unlink()
            trust.unlink(missing_ok=True)
            raise


def new_card(path: Path, *, eid: Eid | None, lab: bool, seed: int | None) -> ManufacturedCard:
    """Manufacture a card without a profile; with a seed always the same one."""
    source = Source(seed)
    with new_files(path) as files:
        parties = make_parties(source.entropy("PKI"), source.clock())
        factory = source.entropy("factory")
        drawn = make_eid(factory)
        order = CardOrder(eid=eid or drawn, lab=lab)
        made = make_eum(parties, source.entropy("EUM")).manufacture(order, Memory(files.image), factory)
        files.write_trust(parties)
    return made


def key_text(keys: KeySet) -> str:
    """A key set as `-k` takes it: the only place where keys are shown."""
    return ":".join(key.reveal().hex().upper() for key in (keys.enc, keys.mac, keys.dek))
