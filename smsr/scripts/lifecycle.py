# SPDX-License-Identifier: Apache-2.0
"""ES5 functions that create, switch and delete profiles (SGP.02 v4.2 4.1.1.1 to 4.1.1.4).

Success means that the card accepted the function; that a switch worked shows at the next reset (3.2, audit).
"""

from __future__ import annotations

from apdu.command.apdu import CommandApdu
from apdu.gp.delete import DeleteObject
from apdu.gp.install import InstallForPersonalization
from apdu.gp.sgp02 import CreateIsdp, DisableProfile, EnableProfile, ProfileCommand
from apdu.gp.store_data import StoreDataMode, store_data
from apdu.ids import ISD_P_LOAD_FILE, ISD_P_MODULE, ISD_R, Aid
from apdu.script import ApduScript
from smsr.kit.steps import confirm, send

__all__ = ["create_isdp", "delete_profile", "disable_profile", "enable_profile", "personalize"]


def create_isdp(
    aid: Aid, memory: int = 0, *, load_file: Aid = ISD_P_LOAD_FILE, module: Aid = ISD_P_MODULE
) -> ApduScript[None]:
    """ES5.CreateISDP: an empty ISD-P, SELECTABLE; `memory` bytes are granted to it, 0 for no quota."""
    create = CreateIsdp(aid=aid, memory=memory, load_file=load_file, module=module)
    yield from _single(create.install().command(), "ES5.CreateISDP")


def enable_profile(aid: Aid) -> ApduScript[None]:
    """ES5.EnableProfile: this ISD-P becomes ENABLED, the enabled one DISABLED."""
    yield from _switch(EnableProfile(aid=aid), "ES5.EnableProfile")


def disable_profile(aid: Aid) -> ApduScript[None]:
    """ES5.DisableProfile: this ISD-P becomes DISABLED, the one with the Fall-Back Attribute ENABLED."""
    yield from _switch(DisableProfile(aid=aid), "ES5.DisableProfile")


def delete_profile(aid: Aid) -> ApduScript[None]:
    """ES5.DeleteProfile: this ISD-P and all that belongs to it is removed."""
    yield from _single(DeleteObject(aid=aid).command(), "ES5.DeleteProfile")


def personalize(aid: Aid) -> ApduScript[None]:
    """Make the ISD-R hand the STORE DATA that follow to this ISD-P."""
    yield from _single(InstallForPersonalization(application=aid).command(), "INSTALL [for personalization]")


def _switch(function: ProfileCommand, name: str) -> ApduScript[None]:
    (command,) = store_data(function.encode(), StoreDataMode())
    yield from _single(command, name)


def _single(command: CommandApdu, function: str) -> ApduScript[None]:
    (response,) = yield from send(ISD_R, (command,), function)
    confirm(response, function)
