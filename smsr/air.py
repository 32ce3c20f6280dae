# SPDX-License-Identifier: Apache-2.0
"""The over-the-air side of an SM-SR that runs: a session with the SMSC, the server for cards, and time.

The server has a thread with an event loop; it lets time pass for all that waits (`tick`), four times a second.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Final

from apdu.keys.entropy import Entropy
from apdu.sms.address import Address
from apdu.trace.observer import Clock
from smsr.bearers.smpp import Account, SmppTransport
from smsr.config import OtaConfig
from smsr.ota.ota import Keeper, OtaSettings, OverTheAir
from smsr.ota.server import AdminServer
from smsr.serving.config import environment
from smsr.store import EisStore

__all__ = ["Air"]

_log: Final = logging.getLogger("smsr.air")
_BACKLOG: Final = 512


class Air:
    """Reaches cards by SMPP and HTTPS; a context manager."""

    def __init__(self, config: OtaConfig, store: EisStore, keeper: Keeper, *, entropy: Entropy, clock: Clock) -> None:
        """Binds the port that cards come to; OSError, ConfigError."""
        where, centre = config.where(), config.centre()
        self._listener = socket.create_server(where, backlog=_BACKLOG)
        self.port = int(self._listener.getsockname()[1])
        password = environment(config.password_env, "ota.password_env") if config.password_env else ""
        account = Account(host=centre.host, port=centre.port, system_id=config.system_id, password=password)
        self._transport = SmppTransport(account, self, self._told)
        settings = OtaSettings(sms=config.sms(), push=config.push(self.port), notification=config.notification)
        self.ota = OverTheAir(store, self._transport, settings, keeper=keeper, entropy=entropy, clock=clock)
        assert self.ota.https is not None
        self._server = AdminServer(self.ota.https, entropy=entropy, clock=clock, tick=self._tick)
        self.ticked: Callable[[], None] = lambda: None
        """Called with every tick."""
        self.bound = False
        """Whether the SMSC has a session with this SM-SR."""
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="air", daemon=True)
        self._ready: Future[None] = Future()

    def start(self) -> None:
        """Begin."""
        self._transport.__enter__()
        self._thread.start()
        self._ready.result()

    def close(self) -> None:
        """End all sessions."""
        self._transport.__exit__()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    # --- SmsReceiver

    def submitted(self, sender: Address, tpdu: bytes) -> None:
        """A message of a card."""
        self.ota.sms.submitted(sender, tpdu)

    def reported(self, to: Address, report: bytes, error: bool) -> None:
        """What a device answered to a message."""
        self.ota.sms.reported(to, report, error)

    # ---

    def _tick(self) -> None:
        self.ota.dispatcher.tick()
        self.ticked()

    def _told(self, bound: bool, text: str) -> None:
        self.bound = bound
        _log.info("SMSC: %s", text)

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._server.start(listener=self._listener))
        self._ready.set_result(None)
        loop.run_forever()
        loop.run_until_complete(self._server.stop())
        loop.close()
