# SPDX-License-Identifier: Apache-2.0
"""What a server that runs consists of besides its functions: who it is, its database, its threads, its listeners.

host = Host(config, partners, folder, soap=…)      who it is, whom it knows; the database, up to date
engine = host.engine(functions=…, does=…, …)       its calls as transactions
host.start(site)                                   threads, listeners
host.stop()                                        within ten seconds, nothing lost
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Delete, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from apdu.errors import M2mError, SecurityError
from apdu.keys.ec import PrivateKey
from apdu.keys.entropy import Entropy
from smsr.api.functions import Function
from smsr.api.messages import Response
from smsr.api.notifications import Notification
from smsr.api.soap import SoapBinding
from smsr.kit.folder import PkiFolder, read_certificate
from smsr.kit.keys import FileKeys
from smsr.kit.oid import Oid
from smsr.kit.sealer import Sealer, derive_master_key, read_master_key
from smsr.kit.tls import LiveTrust, client_context, server_context
from smsr.kit.x509 import registered_id, roles
from smsr.serving.client import Client, NoAddress
from smsr.serving.config import (
    ConfigError,
    PartnerConfig,
    ServerConfig,
    environment,
    parse_listen,
    parse_loopback,
    parties_of,
    passphrase_of,
)
from smsr.serving.connections import Connections
from smsr.serving.database import Database
from smsr.serving.engine import Engine, EngineSettings, Listener
from smsr.serving.housekeeping import Housekeeping
from smsr.serving.http.app import App
from smsr.serving.http.limits import Limits
from smsr.serving.http.metrics import Gauges
from smsr.serving.http.server import HttpServer, Tls
from smsr.serving.http.site import Site
from smsr.serving.outbox import Entry, SqlOutbox
from smsr.serving.parties import Party
from smsr.serving.procedure import Functions, Performer
from smsr.serving.threads import Threads

if TYPE_CHECKING:
    from smsr.kit.token import TokenKeys

__all__ = ["Host"]

_DAY: Final = 86_400.0
_BURST: Final = 4
"""Seconds of a caller's rate that may come at once."""


class Host:
    """One server of a configuration file."""

    def __init__(
        self,
        config: ServerConfig,
        partners: tuple[PartnerConfig, ...],
        base: Path,
        *,
        role: Oid,
        soap: SoapBinding,
        entropy: Entropy,
        migrations: Sequence[Path] = (),
        old: Sequence[Delete] = (),
    ) -> None:
        """Reads certificates and brings the database up to date; OSError, M2mError.

        `base`: where paths begin. `old`: deletions of rows that are too old, as of smsr.serving.housekeeping.
        """
        self._old = old
        self.config = config
        self.base = base
        self.soap = soap
        self.clock: Callable[[], float] = time.time
        self.pki = PkiFolder(base / config.pki)
        self._passphrase = passphrase_of(config)
        self._entropy = entropy
        self._token = _open_token(config)
        self.oid = _own_oid(self.pki, config.name, role)
        self.parties = parties_of(config, partners)
        self.listen = parse_listen(config.listen, "server.listen")
        self._client_context = client_context(self.pki, config.name, self.clock(), self._passphrase)
        self._server_context = server_context(self.pki, config.name, self.clock(), self._passphrase)
        self.trust = LiveTrust(self.pki, self._client_context, self._server_context)
        self._connections = Connections(self._client_context, self.trust.current)
        own = Party(oid=self.oid, role=role, url=self.url, name=config.name)
        self.client = Client(own, self.parties, self._connections, soap)
        self.database = Database(_database_url(config.database, base), migrations)
        self.database.migrate()
        self._outbox: SqlOutbox | None = None
        self._engine: Engine | None = None
        self._threads: Threads | None = None
        self._listeners: list[HttpServer] = []

    @property
    def url(self) -> str:
        """Where others reach it."""
        host = f"[{self.listen.host}]" if ":" in self.listen.host else self.listen.host
        return self.config.url or f"https://{host}:{self.listen.port}"

    def signing_key(self, name: str) -> PrivateKey:
        """A key such as `sm-dp/1/card`: from its file, or from the token where there is no file."""
        if self._token is not None and not (self.pki.path / f"{name}.key").exists():
            return self._token.open(name)
        return FileKeys(self.pki.path, self._entropy, self._passphrase).open(name)

    def sealer(self) -> Sealer:
        """What secrets in the database are sealed with."""
        kind, _, name = self.config.master_key.partition("token:")
        if kind or not name:
            return Sealer(read_master_key(self.base / self.config.master_key), self._entropy)
        if self._token is None:
            raise ConfigError("master_key names a key in a token, and server.token names no module")
        return Sealer(derive_master_key(self._token.open(name)), self._entropy)

    def outbox(self, functions: Iterable[Function]) -> SqlOutbox:
        """What it tells others: the callbacks of its functions, and its notifications."""
        self._outbox = SqlOutbox(self.database, functions, self.clock)
        return self._outbox

    def engine(
        self, functions: Sequence[Function], does: Functions, performer: Performer, listener: Listener | None = None
    ) -> Engine:
        """Its calls."""
        assert self._outbox is not None
        config = self.config
        engine = self._engine = Engine(
            self.oid,
            functions=functions,
            does=does,
            performer=performer,
            database=self.database,
            clock=self.clock,
            outbox=self._outbox,
            settings=EngineSettings(max_queue=config.max_queue, lease=config.lease),
            listener=listener,
        )
        self._threads = Threads(
            engine.worker,
            self._outbox,
            _ClientSender(self.client),
            lease=config.lease,
            workers=config.workers,
            sweep=Housekeeping(self.database, self.clock, config.keep_days * _DAY, self._old).sweep,
        )
        return engine

    def gauges(self) -> Gauges:
        """Figures for /metrics."""
        assert self._outbox is not None
        assert self._engine is not None
        engine, outbox = self._engine, self._outbox
        return {
            "calls_open": lambda: float(engine.open_calls),
            "calls_running": lambda: float(engine.worker.running),
            "outbox_waiting": lambda: float(outbox.waiting()),
        }

    def ready(self) -> str:
        """Why it cannot work now; empty: it can."""
        try:
            self.trust.current()
            with self.database.reading() as connection:
                connection.execute(text("SELECT 1"))
        except (OSError, M2mError, SQLAlchemyError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def limits(self) -> Limits:
        """Of the listeners."""
        return replace(Limits(), rate=float(self.config.rate), burst=_BURST * self.config.rate)

    def start(self, site: Site) -> None:
        """Work, and listen; OSError when an address is taken."""
        assert self._threads is not None
        tls = Tls(self._server_context, self.trust)
        self._listen(HttpServer(App(site), *self.listen, site.limits, tls, self.clock))
        if self.config.plain:
            plain = parse_loopback(self.config.plain, "server.plain")
            self._listen(HttpServer(App(site, observed=True), *plain, site.limits, None, self.clock))
        self._threads.start()

    def stop(self) -> None:
        """Take nothing new, let what runs end or others take it up."""
        for listener in self._listeners:
            listener.close()
        if self._threads is not None:
            self._threads.stop()
        self._connections.close()
        self.database.close()
        if self._token is not None:
            self._token.close()

    def _listen(self, server: HttpServer) -> None:
        server.start()
        self._listeners.append(server)


class _ClientSender:
    """Delivers what is in the outbox (Sender). Who has no address looks for its answers itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def deliver(self, entry: Entry) -> None:
        """M2mError: try again later."""
        try:
            if isinstance(entry.message, Notification):
                self._client.notify(entry.receiver, entry.function, entry.message)
            else:
                assert isinstance(entry.message, Response)
                assert entry.reply is not None
                self._client.answer(entry.receiver, entry.function, entry.message, entry.reply)
        except NoAddress:
            return


def _own_oid(pki: PkiFolder, name: str, role: Oid) -> Oid:
    generation = pki.newest(name, "tls", time.time())
    certificate = read_certificate(generation / "tls.pem")
    oid = registered_id(certificate)
    if oid is None or role not in roles(certificate):
        raise SecurityError(f"{generation / 'tls.pem'} is no certificate of such a server")
    return oid


def _open_token(config: ServerConfig) -> TokenKeys | None:
    if not config.token:
        return None
    from smsr.kit.token import TokenKeys  # with python-pkcs11, which few need

    return TokenKeys(Path(config.token), config.token_label, environment(config.token_pin_env, "token_pin_env"))


def _database_url(text: str, base: Path) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError("server.database is no URL: give sqlite:///FILE or postgresql://HOST/NAME") from None
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(base / url.database))
    return url.render_as_string(hide_password=False)
