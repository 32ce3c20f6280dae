# SPDX-License-Identifier: Apache-2.0
"""`euicc script show`: the scripts of SM-SR and SM-DP as lines that `euicc script run -k` sends.

A script is stepped with empty answers as far as that goes. Where it needs to know what the card said, a comment
ends it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import M2mError
from apdu.gp.describe import describe
from apdu.gp.install import InstallForPersonalization
from apdu.gp.store_data import MAX_BLOCK_SCP03, StoreDataMode, Structure, store_data
from apdu.ids import Aid
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.secret import KeySet, SecretKey
from apdu.script import ApduScript, Batch, ProfileScript
from smdp.scripts.download import Download, download_profile
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.scripts.audit import audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from tools.entropy import Source
from tools.reader.apdutext import format_command
from tools.reader.desk import isd_p_aid
from tools.reader.trust import read_trust

__all__ = ["show_audit", "show_create", "show_download", "show_establish", "show_isd_p"]

T = TypeVar("T")

_TLV: Final = StoreDataMode(Structure.BER_TLV, response=True)
_GOES_ON: Final = "# what follows depends on what the card answers"
_SWITCHES: Final = {"enable-profile": enable_profile, "disable-profile": disable_profile}
_EMPTY: Final = ResponseApdu(b"", SW.OK)


def show_create(aid: str, memory: int) -> None:
    """ES5.CreateISDP."""
    _print("ES5.CreateISDP", create_isdp(isd_p_aid(aid), memory))


def show_isd_p(function: str, aid: str) -> None:
    """ES5 functions that name an ISD-P and nothing more. A switch may be answered with 91xx, so nothing is checked."""
    target = isd_p_aid(aid)
    switch = _SWITCHES.get(function)
    if switch is not None:
        click.echo("# the card may answer 91xx: it asks for a reset, with which the switch takes effect")
        _print(f"ES5.{_camel(function)}", switch(target), expected=None)
    else:
        _print(f"ES5.{_camel(function)}", delete_profile(target))


def show_audit(aid: str | None) -> None:
    """ES5.eUICCCapabilityAudit, or the state of one ISD-P."""
    if aid is None:
        _print("ES5.eUICCCapabilityAudit", audit())
    else:
        _print("ES5.GetStatus", isd_p_states(isd_p_aid(aid)))


def show_establish(aid: str, trust: Path) -> None:
    """ES8.EstablishISDPKeySet as far as the card's challenge."""
    source = Source()
    entropy = source.entropy("SM-DP")
    sm_dp = read_trust(trust).make_sm_dp(entropy, source.clock())
    nobody = PrivateKey.from_entropy(entropy, Curve.P256).public_key  # the card's key is used after its challenge only
    request = KeyEstablishment(isd_p=isd_p_aid(aid), certificate=sm_dp.certificate, signer=sm_dp.key, card_key=nobody)
    _print("ES8.EstablishISDPKeySet", establish_isdp_keyset(request, entropy=entropy), ends=False)


def show_download(aid: str, package: Path) -> None:
    """ES8.DownloadAndInstallation as far as the card's answer to the INITIALIZE UPDATE of SCP03t."""
    from tools.subscription import read_file

    entropy = Source().entropy("SM-DP")
    keys = KeySet(0x30, *(SecretKey(entropy.draw(16)) for _ in range(3)))  # used after the card's answer only
    target = isd_p_aid(aid)
    script = download_profile(Download(isd_p=target, keys=keys, package=read_file(package).package), entropy=entropy)
    _print("ES8.DownloadAndInstallation", script, ends=False)


def _camel(function: str) -> str:
    return "".join(word.capitalize() for word in function.split("-"))


def _print(
    name: str, script: ApduScript[T] | ProfileScript[T], *, expected: int | None = SW.OK, ends: bool = True
) -> None:
    click.echo(f"# {name}")
    for command in _commands(script):
        click.echo(format_command(command, expected, describe(command)))
    if not ends:
        click.echo(_GOES_ON)


def _commands(script: Generator[Batch[Any], Sequence[Any], object]) -> Iterator[CommandApdu]:
    """Every command that does not depend on an answer."""
    try:
        batch = next(script)
        while True:
            answers: list[ResponseApdu] = []
            for command in batch.commands:
                yield from _carried(batch.target, command)
                answers.append(_EMPTY)
            batch = script.send(answers)
    except (StopIteration, M2mError):  # the end, or an answer that it cannot go on without
        return
    finally:
        script.close()


def _carried(target: Aid, command: CommandApdu | bytes) -> Iterator[CommandApdu]:
    """A command as it is; an SCP03t TLV as a reader carries it."""
    if isinstance(command, CommandApdu):
        yield command
    else:
        yield InstallForPersonalization(application=target).command()
        yield from store_data(command, _TLV, size=MAX_BLOCK_SCP03)
