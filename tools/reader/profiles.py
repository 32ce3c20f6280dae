# SPDX-License-Identifier: Apache-2.0
"""`euicc profile`: what SM-SR and SM-DP do from afar, done at a reader with the keys of a lab card's ISD-R."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from apdu.errors import DecodeError, M2mError, SecurityError
from apdu.gp.codes import LifeCycle
from apdu.gp.recognition import get_data
from apdu.ids import ECASD, Aid, Eid, Iccid
from apdu.keys.ec import PublicKey
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.package import decode_package
from apdu.tlv.scan import split
from emulator.device.modem import Modem
from smdp.scripts.download import Download, Installed, download_profile
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.bearers.reader import ReaderBearer
from smsr.scripts.audit import IsdP, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from tools.errors import ToolError
from tools.reader.connection import OpenCard, open_card
from tools.reader.domain import SecurityDomain
from tools.reader.files import Files
from tools.reader.options import ReaderOptions
from tools.reader.sources import VIRTUAL
from tools.reader.trust import Trust, read_trust
from tools.subscription import read_file

__all__ = ["InstallOptions", "change_profile", "install_profile", "isd_p_aid", "list_profiles"]

_FIRST, _LAST = 0x0010, 0xFFFF
_SCRIPTS: Final = {"enable": enable_profile, "disable": disable_profile, "delete": delete_profile}
_DONE: Final = {"enable": "enabled", "disable": "disabled", "delete": "deleted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """What is installed where."""

    package: Path
    trust: Path | None = None
    aid: str | None = None
    memory: int = 0


class _Desk:
    """A lab card and the way to its ISD-R."""

    def __init__(self, card: OpenCard) -> None:
        self.card = card
        self.modem = Modem(card)
        keys = card.require_keys()
        self.bearer = ReaderBearer(
            self.modem,
            keys,
            entropy=card.source.entropy("reader"),
            clock=card.source.clock,
            reset=self._reset,
            observer=card,
        )

    def _reset(self) -> None:
        """Let the card have the reset that it asks for; reset it anyway where it asks for none."""
        before = self.modem.resets
        self.modem.settle()
        if self.modem.resets == before:
            self.modem.start()

    def states(self) -> tuple[IsdP, ...]:
        """Every ISD-P."""
        return self.bearer.run(isd_p_states())

    def find(self, text: str) -> IsdP:
        """An ISD-P that is on the card."""
        aid = isd_p_aid(text)
        present = self.states()
        found = next((each for each in present if each.aid == aid), None)
        if found is None:
            listed = ", ".join(str(each.aid) for each in present) or "none"
            raise ToolError(f"the card has no ISD-P {aid}; there are: {listed}")
        return found

    def iccid(self) -> Iccid | None:
        """EF.ICCID of the enabled profile."""
        files = Files(self.card)
        try:
            return Iccid.from_ef(files.read(files.go("MF/EF.ICCID").fcp))
        except M2mError:  # no profile is enabled
            return None


@contextmanager
def _desk(options: ReaderOptions) -> Iterator[_Desk]:
    with open_card(options) as card:
        keys = card.require_keys()
        try:
            yield _Desk(card)
        except SecurityError as error:
            if "cryptogram" not in str(error):
                raise
            raise ToolError(f"{error}: are these the keys of version {keys.kvn:02X} (-k, --key-ver)?") from None


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


def list_profiles(options: ReaderOptions) -> None:
    """The ISD-Ps and their states."""
    with _desk(options) as desk:
        present, iccid = desk.states(), desk.iccid()
    if options.as_json:
        click.echo(json.dumps([_as_json(each, iccid) for each in present], indent=2))
        return
    for each in present:
        enabled = each.state == LifeCycle.ENABLED
        marks = "  fall-back" * each.fall_back + "  emergency" * each.emergency
        click.echo(f"{each.aid}  {LifeCycle.describe(each.state)}{f'  {iccid}' if enabled and iccid else ''}{marks}")
    if not present:
        click.echo("there is no profile on the card")


def _as_json(isd_p: IsdP, iccid: Iccid | None) -> dict[str, object]:
    enabled = isd_p.state == LifeCycle.ENABLED
    return {
        "aid": str(isd_p.aid),
        "state": LifeCycle.describe(isd_p.state),
        "iccid": str(iccid) if enabled and iccid is not None else None,
        "fall_back": isd_p.fall_back,
        "emergency": isd_p.emergency,
    }


def change_profile(options: ReaderOptions, text: str, function: str) -> None:
    """Enable, disable or delete; after a switch the card is reset, so that the other profile is there."""
    with _desk(options) as desk:
        aid = desk.find(text).aid
        desk.bearer.run(_SCRIPTS[function](aid), f"ES5.{function.capitalize()}Profile")
        if function != "delete":
            desk.bearer.reset()
        left = next((each for each in desk.states() if each.aid == aid), None)
        iccid = desk.iccid()
    if options.as_json:
        click.echo(json.dumps({"aid": str(aid), "done": _DONE[function], "iccid": str(iccid) if iccid else None}))
        return
    state = f", now {LifeCycle.describe(left.state)}" if left is not None and function != "delete" else ""
    click.echo(f"{aid} {_DONE[function]}{state}")
    if function != "delete":
        click.echo(f"the card shows ICCID {iccid}" if iccid else "the card shows no profile")


# --- install


def install_profile(options: ReaderOptions, install: InstallOptions) -> None:
    """ISD-P, key set, download; the ISD-P is deleted again when one of them fails."""
    file = read_file(install.package)
    try:
        header = decode_package(file.package)[0]
    except DecodeError as error:
        raise ToolError(f"{file.name}: {error}") from None
    if not isinstance(header, ProfileHeader):
        raise ToolError(f"{file.name}: a profile package begins with a profile header, tag A0")
    trust = read_trust(_trust_file(options, install))
    wanted = None if install.aid is None else isd_p_aid(install.aid)
    with _desk(options) as desk:
        card_key = _card_key(desk.card, trust)
        present = desk.states()
        if wanted is not None and any(each.aid == wanted for each in present):
            raise ToolError(f"there is an ISD-P {wanted} on the card: name another with --aid, or delete it first")
        aid = wanted or _free(present)
        desk.bearer.run(create_isdp(aid, install.memory), "ES5.CreateISDP")
        try:
            installed = _fill(desk, aid, (trust, card_key), file.package)
        except M2mError:
            desk.bearer.reset()
            desk.bearer.run(delete_profile(aid), "ES5.DeleteProfile")
            raise
    if options.as_json:
        warnings = [str(each) for each in installed.warnings]
        click.echo(json.dumps({"aid": str(aid), "iccid": str(Iccid(header.iccid)), "warnings": warnings}))
        return
    click.echo(f"{aid} installed, ICCID {Iccid(header.iccid)}")
    for each in installed.warnings:
        click.echo(f"warning: {each}")
    click.echo(f"euicc profile enable {aid} makes it the active one")


def _fill(desk: _Desk, aid: Aid, trusted: tuple[Trust, PublicKey], package: bytes) -> Installed:
    """ES8: the key set, and the package."""
    source = desk.card.source
    trust, card_key = trusted
    sm_dp = trust.make_sm_dp(source.entropy("SM-DP"), source.clock())
    request = KeyEstablishment(isd_p=aid, certificate=sm_dp.certificate, signer=sm_dp.key, card_key=card_key)
    entropy = source.entropy("SM-DP")
    keys = desk.bearer.run(establish_isdp_keyset(request, entropy=entropy), "ES8.EstablishISDPKeySet")
    desk.card.keep_secret(*(key.reveal() for key in (keys.enc, keys.mac, keys.dek)))
    download = Download(isd_p=aid, keys=keys, package=package)
    return desk.bearer.run_profile(download_profile(download, entropy=entropy), "ES8.DownloadAndInstallation")


def _trust_file(options: ReaderOptions, install: InstallOptions) -> Path:
    """What is named, or what lies beside a card image."""
    if install.trust is not None:
        return install.trust
    if options.name is not None and options.name.startswith(VIRTUAL):
        return Path(f"{options.name.removeprefix(VIRTUAL)}.pem")
    raise ToolError(
        "--trust names the file with the certificates of CI and EUM and the CI's key, which this card needs"
    )


def _card_key(card: OpenCard, trust: Trust) -> PublicKey:
    """Ask the ECASD who the card is, and verify that."""
    ecasd = SecurityDomain(card, ECASD)
    (eid,) = split(ecasd.expect(get_data(0x005A), "GET DATA of the EID"))
    certificate = ecasd.expect(get_data(0x7F21), "GET DATA of the certificate")
    try:
        return trust.card_key(certificate, Eid(eid.value), card.source.clock())
    except SecurityError as error:
        raise ToolError(f"the card is not one of this CI and EUM: {error}; --trust names others") from None


def _free(present: tuple[IsdP, ...]) -> Aid:
    """The first AID that no ISD-P has."""
    taken = {each.aid for each in present}
    free = next((aid for number in range(_FIRST, _LAST + 1) if (aid := Aid.isd_p(number)) not in taken), None)
    if free is None:
        raise ToolError("the card has no AID left for an ISD-P")
    return free
