# SPDX-License-Identifier: Apache-2.0
"""Who is addressed by a TAR, with which keys and how well protected (TS 102 225 4, SGP.02 v4.2 2.4.3).

ISD-R and ISD-Ps are there whatever profile is enabled, and both use the keys of the ISD-R: an ISD-P does nothing but
what needs its own SCP03 or SCP03t session on top. Security domains of a profile are there while the terminal sees that
profile. DES keys secure nothing but packets to an operator's domains on lab cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from apdu.errors import DecodeError
from apdu.ids import ISD_R, Tar
from apdu.keys.secret import KeySet, KeyType
from apdu.ota.security import Check, CounterMode, Spi, suits
from emulator.channels import Authority
from emulator.sd.domain import SecurityDomain
from emulator.sd.isdp import IsdP
from emulator.sd.isdr import IsdR
from emulator.sd.keyring import KeyRing

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["ISD_R_LEVEL", "Addressed", "RemoteTarget", "find_target"]

ISD_R_LEVEL: Final = Spi(check=Check.CC, ciphered=True, counter=CounterMode.HIGHER)
"""What SGP.02 demands of packets to the ISD-R and to ISD-Ps: SPI1 16."""
_DOMAIN_LEVEL: Final = Spi(check=Check.CC, counter=CounterMode.HIGHER)
"""For security domains of a profile that name no level of their own (D)."""
_ISSUER: Final = Tar.from_string("000000")
"""The issuer's domain, which in a profile is its MNO-SD (TS 101 220 annex D)."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A target with the authority of the keys that a packet or a connection was secured with."""

    application: SecurityDomain
    authority: Authority | None


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """A security domain that packets reach."""

    application: SecurityDomain
    keys: KeyRing
    minimum: Spi
    takes_des: bool = False

    def key_set(self, kic: int, kid: int) -> KeySet | None:
        """The keys that KIc and KID name; None when they name none, or no algorithm that the target takes."""
        kvn = kic >> 4
        found = self.keys.scp80(kvn) if kvn == kid >> 4 else None
        if found is None or not suits(kic, found.enc) or (found.enc.type is KeyType.DES and not self.takes_des):
            return None
        return found

    def addressed(self, keys: KeySet) -> Addressed:
        """The target in the name of a key set; commands of an ISD-P need a session of its own."""
        authority = None if isinstance(self.application, IsdP) else Authority(keys.kvn, keys.dek)
        return Addressed(self.application, authority)


def find_target(card: Card, tar: Tar) -> RemoteTarget | None:
    """Who has a TAR now; None when nobody has."""
    isd_r = IsdR(card)
    if tar == ISD_R.tar:
        return RemoteTarget(isd_r, isd_r.keys, ISD_R_LEVEL)
    for record in card.registry.isd_ps():
        if record.aid.tar == tar:
            return RemoteTarget(IsdP(card, record.aid), isd_r.keys, ISD_R_LEVEL)
    return _in_profile(card, tar)


def _in_profile(card: Card, tar: Tar) -> RemoteTarget | None:
    profile = card.profile
    for domain in profile.selectable_domains(card) if profile is not None else ():
        assert profile is not None
        spec = profile.spec(domain.aid)
        tars = spec.tars if spec is not None else ()
        if not tars:
            try:
                tars = (domain.aid.tar,)
            except DecodeError:  # an AID that holds none
                tars = ()
        if tar in tars or (tar == _ISSUER and profile.is_mno_sd(domain.aid)):
            level = spec.minimum_security_level if spec is not None else 0
            minimum = Spi.from_bytes(bytes((level, 0))) if level else _DOMAIN_LEVEL
            return RemoteTarget(domain, domain.keys, minimum, takes_des=card.registry.card.lab)
    return None
