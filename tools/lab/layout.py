# SPDX-License-Identifier: Apache-2.0
"""A lab's folder: what lies where, and `lab.json`, which says what was made.

    DIR/lab.json                         ports, cards, profiles
    DIR/pki/                             as `euicc pki` makes it: CI, EUM, SM-DP, SM-SR, operator
    DIR/smsr.toml, smdp.toml             what the servers read
    DIR/smsr.master, smdp.master         the keys under which they keep secrets
    DIR/eum.transport                    the key under which keys in an EIS travel
    DIR/cards/EID.card, EID.keys         a card, and the keys of its ISD-R for work at a reader
    DIR/eis/EID.json                     its ES1.RegisterEIS
    DIR/factory/ICCID.der                the profiles that cards are made with
    DIR/stock/ICCID.der                  the profiles that the SM-DP has to give
    DIR/log/, DIR/run/                   what the parts say, and how they are

Everything secret is readable by its owner only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from smsr.kit.folder import PkiFolder, read_certificate
from smsr.kit.oid import Oid
from smsr.kit.x509 import registered_id
from tools.errors import ToolError, reason

__all__ = ["HOST", "NUMBER", "PROFILE_TYPE", "Lab", "LabCard", "LabFile", "LabProfile", "Ports", "open_lab"]

HOST: Final = "127.0.0.1"
NUMBER: Final = "+999000000001"
"""The SM-SR's."""
PROFILE_TYPE: Final = "lab"
"""Of the profiles in stock."""
_FORMAT: Final = 1
_MAX_FILE: Final = 1 << 24


class Ports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everybody listens; `_plain`: health and metrics without certificates."""

    sm_sr: int
    sm_dp: int
    operator: int
    cards: int
    """Where cards open their HTTPS sessions with the SM-SR."""
    smsc: int
    sm_sr_plain: int
    sm_dp_plain: int
    operator_plain: int


class LabCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card, and the profile that it was made with."""

    eid: str
    iccid: str
    imsi: str
    msisdn: str


class LabProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A profile in stock."""

    iccid: str
    imsi: str
    msisdn: str


class LabFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """lab.json."""

    format: int = _FORMAT
    ports: Ports
    cards: tuple[LabCard, ...]
    profiles: tuple[LabProfile, ...]


class Lab:
    """The paths of a lab, absolute."""

    def __init__(self, path: Path, file: LabFile) -> None:
        self.path = path
        self.file = file

    @property
    def ports(self) -> Ports:
        """Where everybody listens."""
        return self.file.ports

    @property
    def pki(self) -> Path:
        """The certificates."""
        return self.path / "pki"

    def oid(self, party: str) -> Oid:
        """Whom the newest certificate of a party names; ToolError."""
        newest = PkiFolder(self.pki).generations(party)[-1]
        found = registered_id(read_certificate(newest / "tls.pem"))
        if found is None:
            raise ToolError(f"{newest / 'tls.pem'} names nobody")
        return found

    @property
    def sm_sr(self) -> Path:
        """The SM-SR's configuration."""
        return self.path / "smsr.toml"

    @property
    def sm_dp(self) -> Path:
        """The SM-DP's."""
        return self.path / "smdp.toml"

    def image(self, eid: str) -> Path:
        """A card."""
        return self.path / "cards" / f"{eid}.card"

    def registration(self, eid: str) -> Path:
        """A card's ES1.RegisterEIS."""
        return self.path / "eis" / f"{eid}.json"

    def factory(self, iccid: str) -> Path:
        """The package that a card was made with."""
        return self.path / "factory" / f"{iccid}.der"

    def stock(self, iccid: str) -> Path:
        """A package that the SM-DP has to give."""
        return self.path / "stock" / f"{iccid}.der"

    def packages(self) -> Iterator[Path]:
        """The profiles of all subscribers."""
        yield from (self.factory(card.iccid) for card in self.file.cards)
        yield from (self.stock(profile.iccid) for profile in self.file.profiles)

    def log(self, name: str) -> Path:
        """What a part said."""
        return self.path / "log" / f"{name}.log"

    def run(self, name: str) -> Path:
        """How a part is."""
        return self.path / "run" / f"{name}.json"

    def parts(self) -> Iterator[Path]:
        """What has to be there."""
        yield from (self.pki, self.sm_sr, self.sm_dp)
        yield from (self.path / name for name in ("smsr.master", "smdp.master", "eum.transport", "log", "run"))
        for card in self.file.cards:
            yield from (self.image(card.eid), self.registration(card.eid))
        yield from self.packages()


def open_lab(path: Path) -> Lab:
    """A lab that is there; ToolError for anything else, and for one of which something is missing."""
    path = path.absolute()
    file = path / "lab.json"
    try:
        with file.open("rb") as text:
            found = msgspec.json.decode(text.read(_MAX_FILE), type=LabFile)
    except OSError as error:
        raise ToolError(f"{path} is no lab ({file.name}: {reason(error)}): make one with `euicc lab up DIR`") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ToolError(f"{file} is not what `euicc lab` wrote ({error}): make another lab") from None
    if found.format != _FORMAT:
        raise ToolError(f"{file} was made by a newer version of this program: update it (pip install -U m2m-euicc)")
    lab = Lab(path, found)
    for part in lab.parts():
        if not part.exists():
            raise ToolError(f"{path} is not whole: {part.relative_to(path)} is missing; make another lab")
    return lab
