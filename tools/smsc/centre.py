# SPDX-License-Identifier: Apache-2.0
"""`euicc smsc serve`: a service centre for SMPP 3.4 that stores and forwards between whoever is bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import smpp34

from apdu.sms.transport import Trouble
from smsr.bearers.smpp import QUIET, Fields, copied
from tools.smsc.mailboxes import MAX_KEPT, Kept, Mailboxes, Routes

__all__ = ["Centre"]

_QUEUE_FULL, _NO_DESTINATION = 0x14, 0x0B
_RECEIPT_WANTED, _RECEIPT_MASK = 0x01, 0x03
_RECEIPT: Final = 0x04
_RECEIPTED_MESSAGE_ID, _MESSAGE_STATE, _DELIVERED = 0x001E, 0x0427, b"\x02"
_AGAIN: Final = 1.0
"""Seconds after which a message is tried again that its receiver did not take."""
_LATE: Final = 1.5
"""Seconds by which a message is late that others overtake."""


class Centre:
    """Takes messages, keeps them until their receiver is bound, and hands them on as they came."""

    def __init__(self, trouble: Trouble, chance: Callable[[], float], told: Callable[[str], None]) -> None:
        self._trouble = trouble
        self._chance = chance
        self._told = told
        self._sessions: dict[str, smpp34.Esme] = {}
        self._routes = Routes()
        self._kept = Mailboxes()
        self._working: dict[str, asyncio.Task[None]] = {}
        """Deliveries under way, by number."""
        self._late = 0
        """Messages that are held back."""
        self._last = 0
        self._delivered = 0

    def figures(self) -> dict[str, object]:
        """How it is, from any thread."""
        return {
            "bound": sorted(session.system_id for session in list(self._sessions.values())),
            "taken": self._last,
            "delivered": self._delivered,
            "waiting": len(self._kept) + self._late,
        }

    async def serve(self, host: str, port: int, *, ready: Callable[[], None]) -> None:
        """Until it is cancelled. SmppError or ValueError: there cannot be listened."""
        server = smpp34.Server(host, port, system_id="lab")
        await server.start()
        try:
            ready()
            while True:
                await self._happened(await server.next())
        finally:
            for task in list(self._working.values()):
                task.cancel()
            await server.stop()
            for session in self._sessions.values():
                await _unbind(session)
            await asyncio.sleep(QUIET)

    async def _happened(self, event: smpp34.Esme | smpp34.SubmitSmEvent | smpp34.Unbound) -> None:
        if isinstance(event, smpp34.SubmitSmEvent):
            self._take(event)
        elif isinstance(event, smpp34.Esme):
            self._sessions[event.session_id] = event
            if event.can_receive:
                self._routes.bound(event.system_id, event.session_id)
            self._told(f"bound       {event.system_id}")
        else:
            gone = self._sessions.pop(event.session_id, None)
            self._routes.ended(event.session_id)
            self._told(f"unbound     {gone.system_id if gone is not None else event.session_id}")
        self._deliver()

    # --- taking

    def _take(self, event: smpp34.SubmitSmEvent) -> None:
        if not event.destination_addr:
            event.reject(_NO_DESTINATION)
            return
        if len(self._kept) + self._late >= MAX_KEPT:
            event.reject(_QUEUE_FULL)
            return
        sender = self._sessions.get(event.session_id)
        if sender is not None:
            self._routes.sent(sender.system_id, event.source_addr)
        self._last += 1
        number = f"{self._last:08X}"
        event.accept(number)
        wants = event.registered_delivery & _RECEIPT_MASK == _RECEIPT_WANTED
        self._keep(Kept(number, copied(event), wants))

    def _keep(self, message: Kept) -> None:
        """Keep it once; or never, twice, or later, as it happens."""
        if self._chance() < self._trouble.lost:
            self._told(f"lost        {_line(message)}")
            return
        copies = 2 if self._chance() < self._trouble.duplicated else 1
        for _ in range(copies):
            if self._chance() < self._trouble.reordered:
                self._late += 1
                asyncio.get_running_loop().call_later(_LATE, self._overtaken, message)
            else:
                self._kept.put(message)
        self._told(f"taken       {_line(message)}{', doubled' if copies > 1 else ''}")

    def _overtaken(self, message: Kept) -> None:
        self._late -= 1
        self._kept.put(message)
        self._deliver()

    # --- delivering

    def _deliver(self) -> None:
        """Start with every number for which something waits and somebody is bound."""
        for number in self._kept.numbers():
            if number not in self._working and self._routes.session(number) is not None:
                task = asyncio.create_task(self._empty(number))
                self._working[number] = task
                task.add_done_callback(lambda task, number=number: self._emptied(number, task))  # type: ignore[misc]

    def _emptied(self, number: str, task: asyncio.Task[None]) -> None:
        """A delivery ended; what came since its last look is the next one's."""
        del self._working[number]
        if not task.cancelled():
            self._deliver()

    async def _empty(self, number: str) -> None:
        """Deliver what waits for a number, in its order, as long as somebody is there."""
        while (message := self._kept.first(number)) is not None:
            session = self._sessions.get(self._routes.session(number) or "")
            if session is None:
                return
            if not await self._hand_over(session, message.fields):
                await asyncio.sleep(_AGAIN)
                continue
            self._kept.drop_first(number)
            self._delivered += 1
            self._told(f"delivered   {_line(message)}")
            if message.receipt:
                self._kept.put(_receipt(message))
                self._deliver()

    async def _hand_over(self, session: smpp34.Esme, fields: Fields) -> bool:
        try:
            return (await session.deliver_sm(**fields)).is_success
        except smpp34.SmppError as error:
            self._told(f"not taken   by {session.system_id}: {error}")
            return False


async def _unbind(session: smpp34.Esme) -> None:
    try:
        async with asyncio.timeout(1):
            await session.unbind()
    except (TimeoutError, smpp34.SmppError):
        return


def _receipt(message: Kept) -> Kept:
    """The delivery receipt for a message: numbers exchanged, what became of it as TLVs and as the usual text."""
    fields = message.fields
    return Kept(
        message.number,
        Fields(
            source_addr_ton=fields["dest_addr_ton"],
            source_addr_npi=fields["dest_addr_npi"],
            source_addr=fields["destination_addr"],
            dest_addr_ton=fields["source_addr_ton"],
            dest_addr_npi=fields["source_addr_npi"],
            destination_addr=fields["source_addr"],
            service_type="",
            esm_class=_RECEIPT,
            protocol_id=0,
            registered_delivery=0,
            data_coding=0,
            short_message=f"id:{message.number} sub:001 dlvrd:001 stat:DELIVRD err:000".encode("ascii"),
            tlvs=[
                smpp34.Tlv(_RECEIPTED_MESSAGE_ID, message.number.encode("ascii") + b"\0"),
                smpp34.Tlv(_MESSAGE_STATE, _DELIVERED),
            ],
        ),
    )


def _line(message: Kept) -> str:
    fields = message.fields
    return (
        f"{message.number}  {fields['source_addr']} to {fields['destination_addr']}, "
        f"{len(fields['short_message'])} bytes"
    )
