# SPDX-License-Identifier: Apache-2.0
"""A lab card and the way to its ISD-R: profiles listed, switched, installed with the scripts of SM-SR and SM-DP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apdu.command.status import SW
from apdu.errors import DecodeError, M2mError, SecurityError, StatusError
from apdu.gp.codes import LifeCycle
from apdu.gp.recognition import get_data
from apdu.ids import ECASD, Aid, Eid, Iccid
from apdu.keys.ec import PublicKey
from apdu.keys.secret import KeySet
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.package import decode_package
from apdu.tlv.scan import split
from apdu.trace.events import Json
from emulator.device.modem import Modem
from smdp.scripts.download import Download, Installed, download_profile
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.bearers.reader import ReaderBearer
from smsr.scripts.audit import IsdP, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from tools.errors import ToolError
from tools.reader.connection import OpenCard
from tools.reader.domain import SecurityDomain
from tools.reader.files import Files
from tools.reader.trust import Trust, read_trust
from tools.subscription import read_file

__all__ = ["Changed", "Desk", "InstallOptions", "InstalledProfile", "Profiles", "isd_p_aid", "open_desk"]

_FIRST, _LAST = 0x0010, 0xFFFF
_SCRIPTS: Final = {"enable": enable_profile, "disable": disable_profile, "delete": delete_profile}
_DONE: Final = {"enable": "enabled", "disable": "disabled", "delete": "deleted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """What is installed where."""

    package: Path
    trust: Path
    aid: str | None = None
    memory: int = 0


def isd_p_aid(text: str) -> Aid:
    """A whole AID, or the four digits of an ISD-P's number."""
    compact = text.replace(" ", "")
    try:
        aid = Aid.isd_p(int(compact, 16)) if len(compact) <= 4 else Aid.from_string(compact)
    except (ValueError, DecodeError):
        raise ToolError(f"{text!r} is no AID of an ISD-P, nor its number (0010 to FFFF)") from None
    if not aid.is_isd_p:
        raise ToolError(f"{aid} is not the AID of an ISD-P (SGP.02 annex H)")
    return aid


# --- what is shown


@dataclass(frozen=True, slots=True)
class Profiles:
    """The ISD-Ps of a card, and EF.ICCID of the enabled profile."""

    present: tuple[IsdP, ...]
    iccid: Iccid | None

    def lines(self) -> Iterator[str]:
        """A row for each."""
        for each in self.present:
            iccid = self._iccid(each)
            marks = "  fall-back" * each.fall_back + "  emergency" * each.emergency
            yield f"{each.aid}  {LifeCycle.describe(each.state)}{f'  {iccid}' if iccid else ''}{marks}"
        if not self.present:
            yield "there is no profile on the card"

    def json(self) -> Json:
        """An object for each."""
        return [
            {
                "aid": str(each.aid),
                "state": LifeCycle.describe(each.state),
                "iccid": self._iccid(each),
                "fall_back": each.fall_back,
                "emergency": each.emergency,
            }
            for each in self.present
        ]

    def _iccid(self, isd_p: IsdP) -> str | None:
        return str(self.iccid) if isd_p.state == LifeCycle.ENABLED and self.iccid is not None else None


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of one ISD-P, and which profile the card shows."""

    aid: Aid
    function: str
    state: int | None
    iccid: Iccid | None

    def lines(self) -> Iterator[str]:
        """It in words."""
        switched = self.function != "delete"
        state = f", now {LifeCycle.describe(self.state)}" if self.state is not None and switched else ""
        yield f"{self.aid} {_DONE[self.function]}{state}"
        if switched:
            yield f"the card shows ICCID {self.iccid}" if self.iccid else "the card shows no profile"

    def json(self) -> Json:
        """The same as an object."""
        return {"aid": str(self.aid), "done": _DONE[self.function], "iccid": str(self.iccid) if self.iccid else None}


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A profile that is on the card now."""

    aid: Aid
    iccid: Iccid
    warnings: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """It in words."""
        yield f"{self.aid} installed, ICCID {self.iccid}"
        for each in self.warnings:
            yield f"warning: {each}"

    def json(self) -> Json:
        """The same as an object."""
        return {"aid": str(self.aid), "iccid": str(self.iccid), "warnings": [*self.warnings]}


# --- the work


class Desk:
    """A lab card and the way to its ISD-R."""

    def __init__(self, card: OpenCard, keys: KeySet) -> None:
        self.card = card
        self._modem = Modem(card)
        self._bearer = ReaderBearer(
            self._modem,
            keys,
            entropy=card.source.entropy("reader"),
            clock=card.source.clock,
            reset=self._reset,
            observer=card,
        )

    def _reset(self) -> None:
        """Let the card have the reset that it asks for; reset it anyway where it asks for none."""
        before = self._modem.resets
        self._modem.settle()
        if self._modem.resets == before:
            self._modem.start()

    def states(self) -> tuple[IsdP, ...]:
        """Every ISD-P."""
        return self._bearer.run(isd_p_states())

    def profiles(self) -> Profiles:
        """Every ISD-P, to be shown."""
        return Profiles(self.states(), self.iccid())

    def change(self, text: str, function: str) -> Changed:
        """Enable, disable or delete; after a switch the card is reset, so that the other profile is there."""
        isd_p = self._find(text)
        aid = isd_p.aid
        try:
            self._bearer.run(_SCRIPTS[function](aid), f"ES5.{function.capitalize()}Profile")
        except StatusError as error:
            why = _obstacle(function, isd_p, self.states()) if int(error.sw) == SW.CONDITIONS_OF_USE else None
            if why is None:
                raise
            raise ToolError(f"{error}: {why}") from None
        if function != "delete":
            self._bearer.reset()
        left = next((each for each in self.states() if each.aid == aid), None)
        return Changed(aid, function, None if left is None else left.state, self.iccid())

    def install(self, install: InstallOptions) -> InstalledProfile:
        """ISD-P, key set, download; the ISD-P is deleted again when one of them fails."""
        file = read_file(install.package)
        try:
            header = decode_package(file.package)[0]
        except DecodeError as error:
            raise ToolError(f"{file.name}: {error}") from None
        if not isinstance(header, ProfileHeader):
            raise ToolError(f"{file.name}: a profile package begins with a profile header, tag A0")
        trust = read_trust(install.trust)
        wanted = None if install.aid is None else isd_p_aid(install.aid)
        card_key = self._card_key(trust)
        aid = self._free(wanted)
        self._bearer.run(create_isdp(aid, install.memory), "ES5.CreateISDP")
        try:
            installed = self._fill(aid, (trust, card_key), file.package)
        except (M2mError, KeyboardInterrupt):
            self._bearer.reset()
            self._bearer.run(delete_profile(aid), "ES5.DeleteProfile")
            raise
        return InstalledProfile(aid, Iccid(header.iccid), tuple(str(each) for each in installed.warnings))

    def _find(self, text: str) -> IsdP:
        """An ISD-P that is on the card."""
        aid = isd_p_aid(text)
        present = self.states()
        found = next((each for each in present if each.aid == aid), None)
        if found is None:
            listed = ", ".join(str(each.aid) for each in present) or "none"
            raise ToolError(f"the card has no ISD-P {aid}; there are: {listed}")
        return found

    def _free(self, wanted: Aid | None) -> Aid:
        """The AID that is wanted, or the first one, if no ISD-P has it."""
        taken = {each.aid for each in self.states()}
        if wanted is not None:
            if wanted in taken:
                raise ToolError(f"there is an ISD-P {wanted} on the card: name another with --aid, or delete it first")
            return wanted
        free = next((aid for number in range(_FIRST, _LAST + 1) if (aid := Aid.isd_p(number)) not in taken), None)
        if free is None:
            raise ToolError("the card has no AID left for an ISD-P")
        return free

    def iccid(self) -> Iccid | None:
        """EF.ICCID of the enabled profile."""
        files = Files(self.card)
        try:
            return Iccid.from_ef(files.read(files.go("MF/EF.ICCID").fcp))
        except M2mError:  # no profile is enabled
            return None

    def _fill(self, aid: Aid, trusted: tuple[Trust, PublicKey], package: bytes) -> Installed:
        """ES8: the key set, and the package."""
        source = self.card.source
        trust, card_key = trusted
        sm_dp = trust.make_sm_dp(source.entropy("SM-DP"), source.clock())
        request = KeyEstablishment(isd_p=aid, certificate=sm_dp.certificate, signer=sm_dp.key, card_key=card_key)
        entropy = source.entropy("SM-DP")
        keys = self._bearer.run(establish_isdp_keyset(request, entropy=entropy), "ES8.EstablishISDPKeySet")
        self.card.keep_secret(*(key.reveal() for key in (keys.enc, keys.mac, keys.dek)))
        download = Download(isd_p=aid, keys=keys, package=package)
        return self._bearer.run_profile(download_profile(download, entropy=entropy), "ES8.DownloadAndInstallation")

    def _card_key(self, trust: Trust) -> PublicKey:
        """Ask the ECASD who the card is, and verify that."""
        ecasd = SecurityDomain(self.card, ECASD)
        (eid,) = split(ecasd.expect(get_data(0x005A), "GET DATA of the EID"))
        certificate = ecasd.expect(get_data(0x7F21), "GET DATA of the certificate")
        try:
            return trust.card_key(certificate, Eid(eid.value), self.card.source.clock())
        except SecurityError as error:
            raise ToolError(f"the card is not one of this CI and EUM: {error}; --trust names others") from None


def _obstacle(function: str, isd_p: IsdP, present: tuple[IsdP, ...]) -> str | None:
    """Which state is in the way of a function that the card refused (SGP.02 v4.2 4.1.1.2 to 4.1.1.4)."""
    enabled = isd_p.state == LifeCycle.ENABLED
    if function == "enable":
        return None if isd_p.state == LifeCycle.DISABLED else f"it is {LifeCycle.describe(isd_p.state)}, not DISABLED"
    if isd_p.fall_back:
        return "it has the Fall-Back Attribute"
    if function == "delete":
        return "it is ENABLED, so enable another one first" if enabled else None
    if not enabled:
        return f"it is {LifeCycle.describe(isd_p.state)}, not ENABLED"
    if not any(each.fall_back for each in present):
        return "no profile has the Fall-Back Attribute to take over, so enable another one instead"
    return None


@contextmanager
def open_desk(card: OpenCard, keys: KeySet) -> Iterator[Desk]:
    """Work at a desk; a session that cannot be opened is said to be one of wrong keys."""
    try:
        yield Desk(card, keys)
    except SecurityError as error:
        if "cryptogram" not in str(error):
            raise
        raise ToolError(f"{error}: are these the keys of version {keys.kvn:02X} ({card.hints.version})?") from None
