# SPDX-License-Identifier: Apache-2.0
"""Who belongs to whom in a profile: INSTALL [for extradition] and [for registry update] (GPCS 9.4, 11.5.2.3.4 and 5).

A security domain moves and changes what is under it, directly or through others; the MNO-SD so reaches all of its
profile. Nothing leaves the profile, and no domain comes to lie under itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from apdu.command.status import SW
from apdu.gp.codes import LifeCycle, Privilege
from apdu.gp.install import InstallForExtradition, InstallForRegistryUpdate
from apdu.ids import Aid
from emulator.errors import CardError

if TYPE_CHECKING:
    from emulator.sd.profile_domain import AppRecord, ProfileDomain

__all__ = ["extradite", "update_registry"]

_LOCKED: Final = 0x80
_NO_PARAMETERS: Final = (b"", b"\xef\x00")


def extradite(domain: ProfileDomain, install: InstallForExtradition) -> None:
    """Associate an application with another security domain of the tree."""
    if install.token or install.parameters not in _NO_PARAMETERS:
        raise CardError(SW.WRONG_DATA)
    record = domain.require_mine(install.application)
    domain.profile.save(_moved(domain, record, install.security_domain))


def update_registry(domain: ProfileDomain, install: InstallForRegistryUpdate) -> None:
    """Give an application other privileges, another security domain, or both at once.

    Privileges are those of the domain itself at most; whether something is a security domain stays as it is. Implicit
    selection has no meaning on this card: system parameters are refused (D).
    """
    if install.application is None or install.token or install.parameters not in _NO_PARAMETERS:
        raise CardError(SW.WRONG_DATA)
    record = domain.require_mine(install.application)
    if install.security_domain is not None:
        record = _moved(domain, record, install.security_domain)
    if install.privileges is not None:
        old = Privilege.from_bytes_field(record.privileges)
        if install.privileges & ~domain.privileges or (install.privileges ^ old) & Privilege.SECURITY_DOMAIN:
            raise CardError(SW.WRONG_DATA)
        record = replace(record, privileges=install.privileges.to_field())
    domain.profile.save(record)


def _moved(domain: ProfileDomain, record: AppRecord, target: Aid) -> AppRecord:
    """The record under another domain; 6A88 for one outside of the tree, 6985 for one that cannot take it."""
    above: AppRecord | None = domain.record if target == domain.aid else domain.require_mine(target)
    assert above is not None
    if not above.is_domain or above.state == LifeCycle.INSTALLED or (above.state | record.state) & _LOCKED:
        raise CardError(SW.CONDITIONS_OF_USE)
    while above is not None and above.aid != domain.aid:
        if above.aid == record.aid:
            raise CardError(SW.CONDITIONS_OF_USE)
        above = domain.profile.application(above.parent) if above.parent is not None else None
    return replace(record, parent=target)
