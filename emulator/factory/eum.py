# SPDX-License-Identifier: Apache-2.0
"""Manufacture of cards by an EUM (SGP.02 v4.2 3.1.1): identity, ECASD key and certificate, the ISD-R's first keys.

The keys that the SM-SR will use are diversified from a master secret and the EID (NIST SP 800-56C Rev. 2, one step),
so the EUM keeps one secret and not one per card. What the SM-SR must know leaves as a `ManufacturedCard`; the EUM's
signature over it (the EIS) is made where that message is defined.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from apdu.gp.codes import KVN_SCP03, LifeCycle
from apdu.ids import Aid, Eid
from apdu.keys.certificate import Certificate, Subject, serial_number
from apdu.keys.ec import PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from apdu.keys.kdf import diversify
from apdu.keys.secret import KeySet, KeyType, SecretKey
from emulator.memory.store import Memory
from emulator.sd.keyring import KeyRing, scp03_record
from emulator.sd.records import CardRecord, EcasdRecord, IsdPRecord, IsdRRecord, KeyRecord, KeySetRecord
from emulator.sd.registry import isd_p_prefix

__all__ = ["Bootstrap", "CardOrder", "CertificateIssuer", "Eum", "ManufacturedCard"]

_MEMORY: Final = 512 * 1024
_VOLATILE: Final = 16 * 1024
_KEY_LENGTH: Final = 16
_SCP80_KVN, _SCP81_KVN, _LAB_KVN = 0x01, 0x40, KVN_SCP03.start
_FIRST_ISD_P: Final = Aid.isd_p(0x0010)


@dataclass(frozen=True, slots=True)
class CertificateIssuer:
    """The CI root as a card knows it."""

    identifier: bytes
    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A profile that is on the card when it leaves the factory, enabled and with the Fall-Back Attribute."""

    package: bytes = field(repr=False)
    aid: Aid = _FIRST_ISD_P


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """What a card is to be."""

    eid: Eid
    lab: bool = True
    memory: int = _MEMORY
    volatile: int = _VOLATILE
    bootstrap: Bootstrap | None = None
    addressing: tuple[bytes, ...] = ()
    """Where the first SM-SR is reached: whole objects A3 and A5 (`apdu.ota.addressing`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManufacturedCard:
    """What others need to know of a card: the SM-SR all of it, a bench engineer the lab keys."""

    eid: Eid
    certificate: bytes
    """CERT.ECASD.ECKA, the whole 7F21 object."""
    memory: int
    scp80: KeySet
    """KIc, KID and KIK."""
    scp81: tuple[int, SecretKey, SecretKey]
    """Key version number, PSK, DEK."""
    lab: KeySet | None
    sin: bytes
    sdin: bytes
    isd_ps: tuple[Aid, ...]
    """ISD-Ps with a profile from the factory."""


class Eum:
    """An eUICC manufacturer: its signing key, its master secret, the CI that its cards trust."""

    def __init__(
        self, *, identifier: bytes, key: PrivateKey, ci: CertificateIssuer, master: SecretKey, expiration: date
    ) -> None:
        self._identifier = identifier
        self._key = key
        self._ci = ci
        self._master = master
        self._expiration = expiration

    def manufacture(self, order: CardOrder, memory: Memory, entropy: Entropy) -> ManufacturedCard:
        """Write a new card into an empty memory, in one batch."""
        eid = order.eid
        sin, sdin = self._identifier[:16], bytes(eid)[-9:]
        ecka = PrivateKey.from_entropy(entropy, self._key.curve)
        certificate = Certificate.issue(
            Subject(identifier=bytes(eid), public_key=ecka.public_key, expiration=self._expiration),
            serial_number(entropy),
            self._key,
            self._identifier,
        )
        scp80 = KeySet(_SCP80_KVN, *(self._derive(eid, label) for label in ("scp80 KIc", "scp80 KID", "scp80 KIK")))
        psk, dek = self._derive(eid, "scp81 PSK", KeyType.TLS_PSK), self._derive(eid, "scp81 DEK")
        lab = _lab_keys(entropy) if order.lab else None
        memory.put("card", CardRecord(memory=order.memory, volatile=order.volatile, lab=order.lab).value())
        memory.put("ecasd", self._ecasd(eid, certificate, ecka, sin, sdin).value())
        _write_isd_r_keys(KeyRing(memory, "isdr"), scp80, psk, dek, lab)
        fallback = order.bootstrap.aid if order.bootstrap is not None else None
        isd_r = IsdRRecord(sin=sin, sdin=sdin, fallback=fallback, addressing=order.addressing, sequence=0)
        memory.put("isdr", isd_r.value())
        if order.bootstrap is not None:
            _install_bootstrap(memory, order.bootstrap, lab=order.lab)
        memory.commit()
        return ManufacturedCard(
            eid=eid,
            certificate=certificate.encoded,
            memory=order.memory,
            scp80=scp80,
            scp81=(_SCP81_KVN, psk, dek),
            lab=lab,
            sin=sin,
            sdin=sdin,
            isd_ps=(fallback,) if fallback is not None else (),
        )

    def _derive(self, eid: Eid, label: str, kind: KeyType = KeyType.AES) -> SecretKey:
        return diversify(self._master, eid, label, _KEY_LENGTH, kind)

    def _ecasd(self, eid: Eid, certificate: Certificate, key: PrivateKey, sin: bytes, sdin: bytes) -> EcasdRecord:
        return EcasdRecord(
            eid=eid,
            certificate=certificate.encoded,
            curve=key.curve,
            private_key=key.to_bytes(),
            ca_identifier=self._ci.identifier,
            ca_key_identifier=self._ci.public_key.subject_key_identifier,
            ca_public_key=self._ci.public_key.to_point(),
            sin=sin,
            sdin=sdin,
        )


def _lab_keys(entropy: Entropy) -> KeySet:
    """A lab card's own SCP03 set on the ISD-R: random for each card, never a published test key."""
    enc, mac, dek = (SecretKey(entropy.draw(_KEY_LENGTH)) for _ in range(3))
    return KeySet(_LAB_KVN, enc, mac, dek)


def _write_isd_r_keys(ring: KeyRing, scp80: KeySet, psk: SecretKey, dek: SecretKey, lab: KeySet | None) -> None:
    ring.put(scp03_record(scp80))
    keys = (
        KeyRecord(kid=1, type=psk.type, secret=psk.reveal(), usage=b"\x3c", access=0),
        KeyRecord(kid=2, type=dek.type, secret=dek.reveal(), usage=b"\xc8", access=0),
    )
    ring.put(KeySetRecord(kvn=_SCP81_KVN, keys=keys))
    if lab is not None:
        ring.put(scp03_record(lab, lab=True))


def _install_bootstrap(memory: Memory, bootstrap: Bootstrap, *, lab: bool) -> None:
    """What a download would have left, without one: the factory writes the profile and its registry entry."""
    from emulator.profile.loader import base_of  # with the interpreter, which only a bootstrap profile needs

    base = base_of(bootstrap.package, lab=lab)
    record = IsdPRecord(aid=bootstrap.aid, state=LifeCycle.ENABLED, granted=0, used=base.footprint, pol1=base.pol1)
    memory.put(f"{isd_p_prefix(bootstrap.aid)}/pkg", bootstrap.package)
    memory.put(isd_p_prefix(bootstrap.aid), record.value())
