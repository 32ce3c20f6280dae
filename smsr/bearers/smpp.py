# SPDX-License-Identifier: Apache-2.0
"""SMPP 3.4 on the wire: an ESME that stays bound to an SMSC, and an SM-SR's `SmsTransport` by way of it.

smpp34 does the protocol in threads of its own and is asyncio to its users, who here are not: an `Esme` has a thread
with an event loop, takes messages from any thread, and calls back in its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Final, Protocol, Self, TypedDict

import smpp34

from apdu.errors import LocalProtocolError, M2mError
from apdu.sms.address import Address
from apdu.sms.smpp import ShortMessage, address_of, failure_of, npi_of, ton_of
from apdu.sms.transport import SmsReceiver

__all__ = ["QUIET", "Account", "Esme", "Fields", "NotBound", "SmppTransport", "copied", "fields_of", "message_of"]

QUIET: Final = 0.1
"""Seconds between the last use of smpp34 and the end of a process: its threads hand results over until then, and end
the process with a fault when Python is already going (PyO3/pyo3-async-runtimes issue 40)."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_PATIENCE: Final = 10.0
_MAX_WAITING: Final = 1000
_MESSAGE_PAYLOAD, _USER_MESSAGE_REFERENCE, _NETWORK_ERROR_CODE = 0x0424, 0x0204, 0x0423
_OK: Final = 0
_TEMPORARY: Final = (0x08, 0x14, 0x58)
"""ESME_RSYSERR, ESME_RMSGQFUL, ESME_RTHROTTLED: the same message may be taken later."""


class NotBound(M2mError):
    """There is no session with the SMSC now."""


class Fields(TypedDict):
    """The fields of submit_sm and deliver_sm, as smpp34 takes them."""

    source_addr_ton: int
    source_addr_npi: int
    source_addr: str
    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: str
    service_type: str
    esm_class: int
    protocol_id: int
    registered_delivery: int
    data_coding: int
    short_message: bytes
    tlvs: list[smpp34.Tlv]


def fields_of(message: ShortMessage) -> Fields:
    """A message for smpp34."""
    tlvs: list[smpp34.Tlv] = []
    if message.reference is not None:
        tlvs.append(smpp34.Tlv(_USER_MESSAGE_REFERENCE, message.reference.to_bytes(2, "big")))
    if message.network_error is not None:
        tlvs.append(smpp34.Tlv(_NETWORK_ERROR_CODE, message.network_error))
    source, destination = message.source, message.destination
    return Fields(
        source_addr_ton=ton_of(source),
        source_addr_npi=npi_of(source),
        source_addr=source.number,
        dest_addr_ton=ton_of(destination),
        dest_addr_npi=npi_of(destination),
        destination_addr=destination.number,
        service_type="",
        esm_class=message.esm_class,
        protocol_id=message.protocol_id,
        registered_delivery=message.registered_delivery,
        data_coding=message.data_coding,
        short_message=message.body,
        tlvs=tlvs,
    )


def copied(event: smpp34.SubmitSmEvent) -> Fields:
    """What came, to be sent on as it is."""
    return Fields(
        source_addr_ton=event.source_addr_ton,
        source_addr_npi=event.source_addr_npi,
        source_addr=event.source_addr,
        dest_addr_ton=event.dest_addr_ton,
        dest_addr_npi=event.dest_addr_npi,
        destination_addr=event.destination_addr,
        service_type=event.service_type,
        esm_class=event.esm_class,
        protocol_id=event.protocol_id,
        registered_delivery=event.registered_delivery,
        data_coding=event.data_coding,
        short_message=event.short_message,
        tlvs=event.tlvs,
    )


def message_of(event: smpp34.DeliverSmEvent) -> ShortMessage:
    """What came, as a message; M2mError when it cannot be one."""
    tlvs = {tlv.tag: tlv.value for tlv in event.tlvs}
    reference = tlvs.get(_USER_MESSAGE_REFERENCE)
    return ShortMessage(
        source=address_of(event.source_addr_ton, event.source_addr_npi, event.source_addr),
        destination=address_of(event.dest_addr_ton, event.dest_addr_npi, event.destination_addr),
        esm_class=event.esm_class,
        protocol_id=event.protocol_id,
        data_coding=event.data_coding,
        registered_delivery=event.registered_delivery,
        body=event.short_message or tlvs.get(_MESSAGE_PAYLOAD, b""),
        reference=None if reference is None else int.from_bytes(reference[:2], "big"),
        failure=failure_of(tlvs.get(_NETWORK_ERROR_CODE)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where an SMSC is, and who binds there."""

    host: str
    port: int
    system_id: str
    password: str = field(default="", repr=False)


class Told(Protocol):
    """Whom an ESME tells of its session."""

    def __call__(self, bound: bool, text: str) -> None:
        """It is bound, or not and why; or bound and a message was not taken."""
        ...


def _nobody(bound: bool, text: str) -> None:
    return


class Esme:
    """A transceiver that binds again whenever it has to, with growing pauses. Messages wait for that, a bounded number.

    `receive` and `told` are called in the thread of the session.
    """

    def __init__(self, account: Account, receive: Callable[[ShortMessage], None], told: Told = _nobody) -> None:
        self._account = account
        self._receive = receive
        self._told = told
        self._outbox: deque[ShortMessage] = deque()
        self._loop = asyncio.new_event_loop()
        self._bound: smpp34.Smsc | None = None
        self._work: asyncio.Task[None] | None = None
        self._something = asyncio.Event()
        """Something waits to be sent, or the session began."""
        self._thread = threading.Thread(target=self._run, name="SMPP", daemon=True)

    def __enter__(self) -> Self:
        self._work = self._loop.create_task(self._stay_bound())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(self, message: ShortMessage) -> None:
        """Send as soon as it is possible; LocalProtocolError when too much waits already."""
        if len(self._outbox) >= _MAX_WAITING:
            raise LocalProtocolError(f"{_MAX_WAITING} messages wait for the SMSC: no more is taken")
        self._outbox.append(message)
        self._loop.call_soon_threadsafe(self._something.set)

    def submit(self, message: ShortMessage) -> int:
        """Send now and wait for the answer: its command_status. NotBound where there is none."""
        sending = asyncio.run_coroutine_threadsafe(self._send(message), self._loop)
        try:
            return sending.result(_PATIENCE)
        except (TimeoutError, CancelledError, smpp34.SmppError):
            sending.cancel()
            raise NotBound("the SMSC does not answer") from None

    def close(self) -> None:
        """Unbind."""
        work = self._work
        if work is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(work.cancel)
        self._thread.join()

    # --- in the session's thread

    def _run(self) -> None:
        work = self._work
        assert work is not None
        try:
            self._loop.run_until_complete(work)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _stay_bound(self) -> None:
        account, wait = self._account, _FIRST_WAIT
        sending = asyncio.create_task(self._send_waiting())
        client = None
        try:
            while True:
                client = _client(account)  # each serves for one session
                try:
                    smsc = await client.connect()
                except smpp34.SmppError as error:
                    self._told(False, f"{error}; again in {wait:g} s")
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
                    continue
                self._bound, wait = smsc, _FIRST_WAIT
                self._something.set()
                self._told(True, f"bound to {account.host}:{account.port} as {account.system_id}")
                await self._listen(smsc)
                self._bound = None
                self._told(False, f"the SMSC ended the session; again in {_FIRST_WAIT:g} s")
                await asyncio.sleep(_FIRST_WAIT)
        finally:
            sending.cancel()
            if client is not None:
                await self._unbind(client)
            await asyncio.sleep(QUIET)

    async def _unbind(self, client: smpp34.Client) -> None:
        smsc, self._bound = self._bound, None
        try:
            async with asyncio.timeout(1):
                if smsc is not None:
                    await smsc.unbind()
                await client.stop()
        except (TimeoutError, smpp34.SmppError):
            return

    async def _listen(self, smsc: smpp34.Smsc) -> None:
        while not isinstance(event := await smsc.next(), smpp34.Disconnected):
            try:
                message = message_of(event)
            except M2mError as error:
                self._told(True, f"a message from {event.source_addr} cannot be read: {error}")
                continue
            self._receive(message)

    async def _send(self, message: ShortMessage) -> int:
        if self._bound is None:
            raise NotBound("there is no session with the SMSC")
        return (await self._bound.submit_sm(**fields_of(message))).command_status

    async def _send_waiting(self) -> None:
        """Send what waits, in its order; what is refused for good is told and forgotten."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._outbox and self._bound is not None:
                message = self._outbox[0]
                try:
                    status = await self._send(message)
                except (NotBound, smpp34.SmppError):
                    await asyncio.sleep(_FIRST_WAIT)
                    continue
                if status in _TEMPORARY:
                    await asyncio.sleep(_FIRST_WAIT)
                    continue
                self._outbox.popleft()
                if status != _OK:
                    self._told(True, f"the SMSC refuses a message to {message.destination}: {status:08X}")


def _client(account: Account) -> smpp34.Client:
    return smpp34.Client(account.host, account.port, account.system_id, account.password, bind_type="TRX")


class SmppTransport:
    """An SM-SR's way to devices (`apdu.sms.transport.SmsTransport`). The receiver is called in the session's thread."""

    def __init__(self, account: Account, receiver: SmsReceiver, told: Told = _nobody) -> None:
        self._receiver = receiver
        self._esme = Esme(account, self._came, told)
        self._reference = 0
        self._told = told

    def __enter__(self) -> Self:
        self._esme.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._esme.close()

    def send(self, to: Address, deliver: bytes) -> None:
        """A message for a device."""
        self._reference = (self._reference + 1) & 0xFFFF
        self._esme.post(ShortMessage.of_deliver(to, deliver, self._reference))

    def _came(self, message: ShortMessage) -> None:
        try:
            if message.is_report:
                report = message.report()
                self._receiver.reported(message.source, report.encode(), report.failure is not None)
            elif message.is_message:
                self._receiver.submitted(message.source, message.submit())
        except M2mError as error:
            self._told(True, f"a message from {message.source} cannot be read: {error}")
