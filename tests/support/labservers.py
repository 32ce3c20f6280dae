# SPDX-License-Identifier: Apache-2.0
"""An SM-SR and an SM-DP in the test's process, made from the files of a lab: certificates, keys, addresses.

The SM-SR reaches cards by the lab's SMSC and on the lab's port, as one that runs by itself does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from msgspec import structs

from apdu.ids import Eid, Iccid, Imsi
from apdu.keys.certificate import Role
from apdu.keys.secret import SecretKey
from smdp.keystore import MemoryKeyStore
from smdp.server import Order, SmDp
from smsr.air import Air
from smsr.api.eis import Eis
from smsr.api.eis_parts import SubscriptionAddress
from smsr.api.json_codec import decode
from smsr.api.messages import AuditEisRequest, Call, RegisterEisRequest
from smsr.config import SmSrConfig, partner_roles, transport_keys
from smsr.kit.folder import PkiFolder, read_card_format, read_certificate
from smsr.kit.keys import FileKeys
from smsr.kit.pki import Server
from smsr.kit.sealer import Sealer
from smsr.ota.journal import SqliteJournal
from smsr.server import SmSr
from smsr.serving.config import load_config
from smsr.store import MemoryEisStore
from tools.entropy import SystemEntropy
from tools.lab.layout import Lab, LabProfile

__all__ = ["LabServers"]


def _server(lab: Lab, name: str, role: Role) -> Server:
    folder = PkiFolder(lab.pki).generations(name)[-1]
    keys = FileKeys(folder, SystemEntropy())
    certificate = read_card_format(folder / "card.cert")
    tls = read_certificate(folder / "tls.pem")
    return Server(lab.oid(name), role, tls, keys.open("tls"), certificate, keys.open("card"))


class LabServers:
    """Both servers; the database is the memory, but for the journal."""

    def __init__(self, lab: Lab, journal: Path, **times: float) -> None:
        """`times`: settings of [ota] that are to be others."""
        self.lab = lab
        self.store = MemoryEisStore()
        entropy = SystemEntropy()
        config = load_config(lab.sm_sr, SmSrConfig)
        assert config.ota is not None
        sealer = Sealer(SecretKey(bytes(16)), entropy)
        ota = structs.replace(config.ota, **times)
        self.air = Air(ota, self.store, SqliteJournal(journal, sealer), entropy=entropy, clock=time.time)
        roots = tuple(map(read_certificate, PkiFolder(lab.pki).authorities()))
        self.sm_sr = SmSr(
            lab.oid("sm-sr"),
            roots=roots,
            partners=partner_roles(config.partner),
            store=self.store,
            clock=time.time,
            transport_keys=transport_keys(config.partner, lab.path),
        )
        self.sm_dp = SmDp(
            _server(lab, "sm-dp", Role.SM_DP),
            self.sm_sr,
            roots=roots,
            keys=MemoryKeyStore(),
            entropy=entropy,
            clock=time.time,
        )

    def __enter__(self) -> Self:
        self.air.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.air.close()

    def register(self) -> None:
        """ES1.RegisterEIS of each card, from the files."""
        for card in self.lab.file.cards:
            request = decode(RegisterEisRequest, self.lab.registration(card.eid).read_bytes())
            self.sm_sr.register_eis(request).check("ES1.RegisterEIS")
            eid = Eid.from_string(card.eid)
            self.sm_sr.attach(eid, self.air.ota.bearer(eid))

    def order(self, eid: Eid, profile: LabProfile) -> Order:
        """A profile of the stock for a card."""
        return Order(
            eid=eid,
            iccid=Iccid.from_string(profile.iccid),
            mno_id=self.lab.oid("operator"),
            package=self.lab.stock(profile.iccid).read_bytes(),
            subscription=SubscriptionAddress(Imsi(profile.imsi), profile.msisdn),
        )

    def eis(self, eid: Eid) -> Eis:
        """What the SM-SR believes."""
        found = self.store.get(eid)
        assert found is not None
        return found

    def audit(self, eid: Eid) -> None:
        """ES3.AuditEIS."""
        call = Call(self.lab.oid("sm-dp"), "audit")
        self.sm_sr.audit_eis(AuditEisRequest(call=call, eid=eid)).check("ES3.AuditEIS")
