# SPDX-License-Identifier: Apache-2.0
"""The SM-SR as a server: its functions behind calls, transactions and bindings, its cards over the air.

    service = SmSrService(load_config(path, SmSrConfig), path.parent)
    service.start()
    service.stop()

Cards that are in reach of this process (`service.reach`) are used where they are; all others over the air.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from apdu.keys.entropy import Entropy
from smsr.air import Air
from smsr.api.functions import FUNCTIONS
from smsr.api.soap import SoapBinding
from smsr.cardsteps import Reach
from smsr.config import SmSrConfig, partner_roles, transport_keys
from smsr.context import Context, Identity
from smsr.db.eis import SqlEisStore
from smsr.db.grants import SqlGrantStore, SqlProcedureStore
from smsr.db.journal import SqlJournal
from smsr.handlers import Handlers
from smsr.kit.oid import ROLE_SM_SR
from smsr.kit.x509 import EumCertificate
from smsr.performer import CardPerformer
from smsr.procedures import Procedures
from smsr.serving.host import Host
from smsr.serving.http.site import Site
from smsr.stores import Stores

__all__ = ["MIGRATIONS", "SmSrService"]

MIGRATIONS: Final = Path(__file__).parent / "db" / "migrations"
"""Of the tables that are an SM-SR's own."""
_SOAP: Final = SoapBinding(FUNCTIONS)


class SmSrService:
    """One SM-SR that runs."""

    def __init__(self, config: SmSrConfig, base: Path, entropy: Entropy) -> None:
        """Everything but listening: OSError, M2mError. `base`: where the paths of the configuration begin."""
        host = self.host = Host(
            config.server, config.partner, base, role=ROLE_SM_SR, soap=_SOAP, entropy=entropy, migrations=(MIGRATIONS,)
        )
        sealer = host.sealer()
        self.stores = Stores(
            eis=SqlEisStore(host.database, sealer),
            grants=SqlGrantStore(host.database),
            procedures=Procedures(host.clock, SqlProcedureStore(host.database)),
            outbox=host.outbox(FUNCTIONS),
        )
        identity = Identity(
            oid=host.oid,
            partners=partner_roles(config.partner),
            verify_eum=self._verify_eum,
            transport_keys=transport_keys(config.partner, base),
        )
        self.reach = Reach()
        self.air: Air | None = None
        if config.ota is not None:
            keeper = SqlJournal(host.database, sealer)
            self.air = Air(config.ota, self.stores.eis, keeper, entropy=entropy, clock=host.clock)
            self.air.ota.notifications.unit = host.database.unit
        performer = CardPerformer(self.reach, self.air.ota if self.air is not None else None, host.clock)
        if self.air is not None:
            self.air.ticked = performer.tick
        self.engine = host.engine(FUNCTIONS, Handlers(Context(identity, self.stores, host.clock)), performer)

    def start(self) -> None:
        """Work, and listen; OSError when an address is taken."""
        if self.air is not None:
            self.air.start()
        self.host.start(self.site())

    def site(self) -> Site:
        """What its bindings are made from."""
        return Site(
            title="SM-SR",
            service=self.engine,
            soap=_SOAP,
            url=self.host.url,
            parties=self.host.parties,
            limits=self.host.limits(),
            ready=self._ready,
            embedded=self.host.database.is_sqlite,
            gauges=self.host.gauges(),
        )

    def stop(self) -> None:
        """End what runs, within ten seconds, or leave it to the next process."""
        self.host.stop()
        if self.air is not None:
            self.air.close()

    def _verify_eum(self, der: bytes, at: float) -> EumCertificate:
        return self.host.trust.current().verify_eum(der, at)

    def _ready(self) -> str:
        if self.air is not None and not self.air.bound:
            return "no session with the SMSC"
        return self.host.ready()
