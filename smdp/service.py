# SPDX-License-Identifier: Apache-2.0
"""The SM-DP as a server: its functions behind calls, transactions and bindings; it calls SM-SRs on ES3.

service = SmDpService(load_config(path, SmDpConfig), path.parent)
service.start()
service.stop()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from apdu.keys.certificate import Role
from apdu.keys.entropy import Entropy
from smdp.api.functions import FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smdp.config import SmDpConfig, operators_of, sm_srs_of
from smdp.db.profiles import SqlProfileStore
from smdp.db.stores import OLD, SqlInbox, SqlKeyStore
from smdp.desk import Desk
from smdp.handlers import Handlers
from smdp.installer import Installer
from smdp.performer import Es3Performer
from smdp.profiles.store import ProfileStore
from smdp.relay import Relay
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Function, Interface
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.api.soap import SoapBinding
from smsr.kit.folder import read_card_format, read_certificate
from smsr.kit.oid import ROLE_SM_DP, Oid
from smsr.kit.pki import Server
from smsr.serving.answers import Answers
from smsr.serving.client import Client
from smsr.serving.host import Host
from smsr.serving.http.site import Site
from smsr.serving.parties import Party
from smsr.serving.service import Binding, Operation

__all__ = ["MIGRATIONS", "SmDpService", "open_stock"]

MIGRATIONS: Final = Path(__file__).parent / "db" / "migrations"
"""Of the tables that are an SM-DP's own."""
_ES3: Final = tuple(each for each in SM_SR_FUNCTIONS if each.interface is Interface.ES3)
_SOAP: Final = SoapBinding((*FUNCTIONS, *SM_SR_FUNCTIONS), BY_TYPE, BY_ELEMENT)


class SmDpService:
    """One SM-DP that runs."""

    def __init__(self, config: SmDpConfig, base: Path, entropy: Entropy) -> None:
        """Everything but listening: OSError, M2mError. `base`: where the paths of the configuration begin."""
        host = self.host = Host(
            config.server,
            config.partner,
            base,
            role=ROLE_SM_DP,
            soap=_SOAP,
            entropy=entropy,
            migrations=(MIGRATIONS,),
            old=(OLD,),
        )
        sealer = host.sealer()
        self.profiles = SqlProfileStore(host.database, sealer)
        sm_srs = sm_srs_of(config.partner)
        desk = Desk(
            installer=Installer(
                _own_server(host),
                roots=host.trust.current().roots,
                keys=SqlKeyStore(host.database, sealer),
                entropy=entropy,
                clock=host.clock,
            ),
            profiles=self.profiles,
            outbox=host.outbox(FUNCTIONS),
            inbox=SqlInbox(host.database, host.clock),
            operators=operators_of(config.partner),
            sm_srs=sm_srs,
        )
        peers = {oid: _HttpPeer(host.client, party) for oid in sm_srs if (party := host.parties.find(oid)) is not None}
        self.performer = Es3Performer(peers, answers=Answers(host.database, host.clock))
        self._relay = Relay(desk)
        self.engine = host.engine(FUNCTIONS, Handlers(desk), self.performer, self)

    def start(self) -> None:
        """Work, and listen; OSError when an address is taken."""
        self.host.start(self.site())

    def site(self) -> Site:
        """What its bindings are made from."""
        return Site(
            title="SM-DP",
            service=self.engine,
            soap=_SOAP,
            url=self.host.url,
            told=_ES3,
            parties=self.host.parties,
            limits=self.host.limits(),
            ready=self.host.ready,
            embedded=self.host.database.is_sqlite,
            gauges={**self.host.gauges(), "es3_calls_waiting": lambda: float(self.performer.waiting)},
        )

    def stop(self) -> None:
        """End what runs, within ten seconds, or leave it to the next process."""
        self.host.stop()
        self.performer.close()

    # --- Listener

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """A notification of an SM-SR: its operator is told."""
        self._relay.notified(function, notification, sender)

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """A callback of an SM-SR: the step that waits for it goes on when it is kept."""
        self.host.database.after(lambda: self.performer.answered(function, response, sender, relates_to))


@contextmanager
def open_stock(config: SmDpConfig, base: Path, entropy: Entropy) -> Iterator[ProfileStore]:
    """The stock of a configured SM-DP, as one change: kept when this ends, and not when it raises."""
    host = Host(
        config.server, config.partner, base, role=ROLE_SM_DP, soap=_SOAP, entropy=entropy, migrations=(MIGRATIONS,)
    )
    try:
        with host.database.unit():
            yield SqlProfileStore(host.database, host.sealer())
    finally:
        host.stop()


class _HttpPeer:
    """An SM-SR behind its bindings (Peer)."""

    def __init__(self, client: Client, party: Party) -> None:
        self._client = client
        self._party = party

    def call(self, function: Function, request: Request) -> Response | Operation:
        """Call a function."""
        return self._client.call(self._party, function, request)

    def look(self, operation: Operation) -> Operation:
        """How far an operation is."""
        assert self._party.binding is Binding.JSON
        return self._client.operation(self._party, operation)


def _own_server(host: Host) -> Server:
    """The certificates of this SM-DP: for TLS, and what it shows to cards with the key that signs."""
    name = host.config.name
    generation = host.pki.newest(name, "tls", host.clock())
    return Server(
        host.oid,
        Role.SM_DP,
        read_certificate(generation / "tls.pem"),
        host.signing_key(f"{name}/{generation.name}/tls"),
        read_card_format(generation / "card.cert"),
        host.signing_key(f"{name}/{generation.name}/card"),
    )
