# SPDX-License-Identifier: Apache-2.0
"""Profiles made by hand, and the least card that the dispatcher can serve: what tests of the file system stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Final, cast

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Iccid, Imsi
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from emulator.channels import Application, Channel
from emulator.dispatch import dispatch
from emulator.fs.filesystem import FileSystem
from emulator.iso.toolkit import Toolkit
from emulator.memory.journal import Flash, Hook, JournalBackend
from emulator.memory.store import Memory
from emulator.profile.base import (
    Directory,
    DirectoryKind,
    FileKind,
    FileNode,
    NaaSpec,
    PinSpec,
    ProfileBase,
    PukSpec,
)
from emulator.sd.records import CardRecord, IsdPRecord

if TYPE_CHECKING:
    from emulator.card import Card

USIM: Final = Aid.from_string("A0000000871002FF49FF0589")
USIM2: Final = Aid.from_string("A0000000871002FF49FF0590")
ISIM: Final = Aid.from_string("A0000000871004FF49FF0589")
CSIM: Final = Aid.from_string("A0000003431002FF49FF0589")
PREFIX: Final = "isdp/000010"

RULES: Final = (
    "8001019000 800102A406830101950108 800158A40683010A950108",
    "800101A406830101950108 80015AA40683010A950108",
    "80015BA40683010A950108",
    "8001019000 80011A9700 800140A40683010A950108",
    "800103A406830101950108 800158A40683010A950108",
    "800111A406830101950108 80014AA40683010A950108",
    "800103A406830101950108 800158A40683010A950108 840132A406830101950108",
    "800101A406830101950108 800102A406830181950108 800158A40683010A950108",
    "8001019000 80011AA406830101950108 800140A40683010A950108",
    "8001019000 80015AA40683010A950108",
)
"""Records 1 to 10 of the EF_ARR of the templates (SAIP 9)."""
ALWAYS_PIN1: Final = 1
PIN1_ADM: Final = 2
ADM_ONLY: Final = 3
ALWAYS_NEVER: Final = 4
PIN1: Final = 5
PIN1_INCREASE: Final = 7
PIN1_PIN2: Final = 8
ALWAYS_ADM: Final = 10

_serial = count()


def arr(*rules: str, size: int = 60) -> bytes:
    """The body of an EF_ARR."""
    return b"".join(bytes.fromhex(rule).ljust(size, b"\xff") for rule in rules)


def pin(digits: str) -> bytes:
    """A PIN as it is coded: digits padded with FF."""
    return digits.encode("ascii").ljust(8, b"\xff")


class ProfileBuilder:
    """Nodes, PINs and keys, put together step by step."""

    def __init__(self) -> None:
        self._ids = count(1)
        self.mf = Directory(0, 0x3F00, DirectoryKind.MF, None)
        self.mf.pin_references = (0x01, 0x0A)
        self.mf.arr = (0x2F06, ALWAYS_ADM)
        self.adfs: list[Directory] = []
        self.pins: dict[tuple[int, int], PinSpec] = {}
        self.puks: dict[int, PukSpec] = {}
        self.naas: list[NaaSpec] = []

    def df(self, parent: Directory, fid: int, *references: int) -> Directory:
        """A DF with the PIN context and, unless told otherwise, the key references of what it lies in."""
        made = Directory(next(self._ids), fid, DirectoryKind.DF, parent)
        made.pin_references = references or parent.pin_references
        made.context = parent.context
        made.arr = (0x2F06, ALWAYS_ADM)
        parent.children[fid] = made
        return made

    def adf(self, aid: Aid, fid: int, *references: int) -> Directory:
        """An ADF with a PIN context of its own; it also stands among the children of the MF, as paths need it."""
        made = Directory(next(self._ids), fid, DirectoryKind.ADF, self.mf)
        made.aid = aid
        made.pin_references = references or (0x81, 0x01, 0x0A)
        made.context = made.id
        made.arr = (0x2F06, ALWAYS_ADM)
        self.mf.children[fid] = made
        self.adfs.append(made)
        return made

    def file(
        self,
        parent: Directory,
        fid: int,
        content: bytes,
        rule: int = ALWAYS_PIN1,
        *,
        kind: FileKind = FileKind.TRANSPARENT,
        length: int = 0,
        sfi: int | None = None,
        special: int = 0,
        lcs: int = 5,
    ) -> FileNode:
        """An elementary file; with a record length it is linear fixed unless it is said to be cyclic."""
        if length and kind is FileKind.TRANSPARENT:
            kind = FileKind.LINEAR
        made = FileNode(next(self._ids), fid, kind, parent)
        made.content, made.size, made.record_length = content, len(content), length
        made.arr = (0x2F06 if parent.adf is None else 0x6F06, rule)
        made.sfi, made.special, made.lcs = sfi, special, lcs
        parent.children[fid] = made
        if sfi:
            parent.by_sfi[sfi] = made
        return made

    def link(self, parent: Directory, fid: int, target: FileNode, rule: int = ALWAYS_PIN1) -> FileNode:
        """A link to another file."""
        made = self.file(parent, fid, b"", rule)
        made.kind, made.link, made.special = target.kind, target, target.special
        made.size, made.record_length = target.size, target.record_length
        return made

    def secret(
        self, context: int, reference: int, digits: str, *, puk: int | None = None, attributes: int = 7, tries: int = 3
    ) -> None:
        """A PIN."""
        self.pins[context, reference] = PinSpec(reference, pin(digits), puk, attributes, tries, tries)

    def puk(self, reference: int, digits: str, tries: int = 10) -> None:
        """An unblocking key."""
        self.puks[reference] = PukSpec(reference, pin(digits), tries, tries)

    def naa(self, adf: Directory, algorithm: int, key: str, opc: str = "", *, options: int = 0, **more: object) -> None:
        """Authentication parameters, with the defaults of SAIP for what is not given."""
        values: dict[str, object] = {
            "rotation": bytes.fromhex("4000204060"),
            "xoring": b"".join(c.to_bytes(16, "big") for c in (0, 1, 2, 4, 8)),
            "counter_max": None,
            "keccak_rounds": 1,
            "sqn_options": 2,
            "sqn_delta": 1 << 28,
            "sqn_age_limit": 1 << 28,
            "sqn_init": (0,) * 32,
            **more,
        }
        make = cast("Callable[..., NaaSpec]", NaaSpec)
        secret = SecretKey(bytes.fromhex(key))
        self.naas.append(make(adf, algorithm, options, secret, bytes.fromhex(opc), **values))

    def build(self) -> ProfileBase:
        """The finished base; every one has a digest of its own."""
        return ProfileBase(
            digest=sha256(next(_serial).to_bytes(4, "big")).digest(),
            iccid=Iccid.from_string("89000123456789012341"),
            profile_type="test",
            pol1=0,
            connectivity=b"",
            services=frozenset(),
            mf=self.mf,
            adfs=tuple(self.adfs),
            pins=self.pins,
            puks=self.puks,
            naas=tuple(self.naas),
            cdma=(),
            domains=(),
            applications=(),
            rfms=(),
            footprint=0,
        )


ICCID: Final = Iccid.from_string("89000123456789012341").swapped
IMSI: Final = Imsi("001010123456789")


def standard() -> ProfileBuilder:
    """A small profile: PIN1 1234 enabled, PIN2 5678 of the USIM, ADM1, universal PIN, PUK; files of all structures."""
    b = ProfileBuilder()
    b.mf.pin_references = (0x01, 0x0A, 0x11)
    b.file(b.mf, 0x2F06, arr(*RULES), ALWAYS_NEVER, length=60, sfi=6)
    b.file(b.mf, 0x2FE2, ICCID, ALWAYS_NEVER, sfi=2, special=0x40)
    dir_record = bytes.fromhex("61184F0C") + USIM + bytes.fromhex("50045553494D")
    b.file(b.mf, 0x2F00, dir_record.ljust(38, b"\xff") + b"\xff" * 38, ALWAYS_ADM, length=38, sfi=30)
    b.file(b.mf, 0x2F05, bytes.fromhex("656EFFFFFFFF"), ALWAYS_PIN1, sfi=5)
    telecom = b.df(b.mf, 0x7F10, 0x01, 0x81, 0x0A)
    adn = b.file(telecom, 0x6F3A, b"".join(bytes((n,)) * 20 for n in range(1, 6)), PIN1, length=20)
    b.file(telecom, 0x6F42, bytes(28), PIN1_PIN2, length=28)
    b.df(b.mf, 0x7F20)
    b.df(telecom, 0x5F3A)
    usim = b.adf(USIM, 0x7FD0, 0x81, 0x01, 0x0A, 0x11)
    b.file(usim, 0x6F06, arr(*RULES), ALWAYS_NEVER, length=60, sfi=0x17)
    b.file(usim, 0x6F07, IMSI.ef_imsi, PIN1_ADM, sfi=7)
    b.file(usim, 0x6F38, service_table(27, 38, 124, 125), PIN1_ADM, sfi=4)
    b.file(usim, 0x6FAD, bytes.fromhex("80000002"), ALWAYS_ADM, sfi=3)
    b.file(usim, 0x6F7E, bytes(11), PIN1, sfi=0x0B, special=0x80)
    b.file(
        usim,
        0x6F39,
        b"".join(n.to_bytes(3, "big") for n in (30, 20, 10)),
        PIN1_INCREASE,
        kind=FileKind.CYCLIC,
        length=3,
    )
    b.file(usim, 0x6F3B, bytes(30), PIN1_PIN2, length=10, sfi=9)
    b.file(usim, 0x6F56, b"\x01", ADM_ONLY)
    b.file(usim, 0x6FC4, bytes.fromhex("80020102"), ALWAYS_ADM, kind=FileKind.BER_TLV)
    b.link(usim, 0x6F3A, adn, PIN1_ADM)
    b.file(usim, 0x6F60, bytes(600), ALWAYS_PIN1)
    fiveg = b.df(usim, 0x5FC0)
    b.file(fiveg, 0x4F0A, bytes.fromhex("F0FFFFFF"), PIN1_ADM)
    saip = b.df(usim, 0x5FD0)
    b.file(saip, 0x4F01, bytes.fromhex("A0020000").ljust(40, b"\xff"), PIN1_ADM)
    isim = b.adf(ISIM, 0x7FB0)
    b.file(isim, 0x6F06, arr(*RULES), ALWAYS_NEVER, length=60)
    b.file(isim, 0x6F02, b"\x80\x05hello", PIN1_PIN2)
    b.adf(CSIM, 0x7FC0)
    b.secret(0, 0x01, "1234", puk=0x01)
    b.secret(0, 0x0A, "99999999", attributes=3)
    b.secret(0, 0x11, "0000", puk=0x02)
    b.secret(usim.context, 0x81, "5678", puk=0x81, attributes=3)
    b.secret(isim.context, 0x81, "8765", puk=0x81, attributes=3)
    b.puk(0x01, "11111111")
    b.puk(0x02, "22222222")
    b.puk(0x81, "33333333", tries=3)
    return b


def service_table(*services: int, size: int = 17) -> bytes:
    """The body of EF.UST with these services available."""
    table = bytearray(size)
    for service in services:
        table[(service - 1) // 8] |= 1 << (service - 1) % 8
    return bytes(table)


ISD_P: Final = Aid.from_string("A0000005591010FFFFFFFF8900001000")


def register(card: SmallCard, *, granted: int = 0, used: int = 0, memory: int = 100_000) -> None:
    """Write what the registry says about the profile's ISD-P and its memory."""
    record = IsdPRecord(aid=ISD_P, state=LifeCycle.ENABLED, granted=granted, used=used, pol1=0)
    card.memory.put(PREFIX, record.value())
    card.memory.put("card", CardRecord(memory=memory, volatile=1000).value())
    card.memory.commit()


class Observer:
    """Turns an internal error of the card into a failure of the test."""

    def event(self, event: object) -> None:
        """Nobody listens."""

    def internal_error(self, error: BaseException) -> None:
        """Let it through."""
        raise error


class SmallCard:
    """Channels, memory and a profile: what handlers and the dispatcher use of a card, without security domains."""

    def __init__(
        self,
        base: ProfileBase | None,
        flash: Flash | None = None,
        hook: Hook | None = None,
        applications: Sequence[Application] = (),
    ) -> None:
        self.base = base
        self.flash = flash if flash is not None else Flash()
        self.backend = JournalBackend(self.flash, hook)
        self.memory = Memory(self.backend)
        self.entropy = SeededEntropy(b"small card")
        self.observer = Observer()
        self.tracing = False
        self.applications = applications
        self.access_epoch = 0
        self.reset()

    def reset(self) -> None:
        """A new card session."""
        self.memory.rollback()
        self.access_epoch += 1
        self.verified: set[tuple[int, int]] = set()
        self.toolkit = Toolkit()
        self.files = FileSystem(self.base, self.memory, PREFIX) if self.base is not None else None
        self.channels: dict[int, Channel] = {0: Channel(cast("Card", self), 0)}
        self.channels[0].directory = self.base.mf if self.base is not None else None

    def introduced(self) -> None:
        """Nobody is told of anything."""

    def selectable(self) -> list[tuple[Aid, Directory | Application]]:
        """The ADFs, then the other applications."""
        adfs = self.files.base.adfs if self.files is not None else ()
        found: list[tuple[Aid, Directory | Application]] = [(adf.aid, adf) for adf in adfs if adf.aid is not None]
        return found + [(application.aid, application) for application in self.applications]

    def transmit(self, command: bytes) -> bytes:
        """One command, one response."""
        return dispatch(cast("Card", self), command)

    def __call__(self, text: str, *more: bytes) -> str:
        """The same in hexadecimal; further byte strings are appended to the command."""
        return self.transmit(bytes.fromhex(text) + b"".join(more)).hex().upper()

    def select(self, *fids: int) -> None:
        """Select files one after the other."""
        for fid in fids:
            assert self(f"00A4000C02{fid:04X}") == "9000", f"{fid:04X}"

    def usim(self, aid: Aid = USIM) -> None:
        """Select an application."""
        assert self(f"00A4040C{len(aid):02X}{aid}") == "9000"

    def verify(self, reference: int, digits: str) -> str:
        """VERIFY on channel 0."""
        return self(f"002000{reference:02X}08", pin(digits))
