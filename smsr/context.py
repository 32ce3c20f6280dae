# SPDX-License-Identifier: Apache-2.0
"""What all functions of an SM-SR share: who it is, what it keeps, the cards, and who may do what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from apdu.errors import M2mError
from apdu.ids import Iccid
from apdu.keys.secret import SecretKey
from smsr.access import Access
from smsr.api.eis import Eis
from smsr.api.eis_parts import AuditRecord, Operation
from smsr.api.messages import Call
from smsr.api.status import SUCCESS, ExecutionStatus
from smsr.cards import Cards
from smsr.errors import status_of
from smsr.kit.oid import Oid
from smsr.notices import Notices
from smsr.registration import VerifyEum
from smsr.stores import Stores
from smsr.upkeep import with_record
from smsr.views import PartnerRole

__all__ = ["Context", "Ended", "Identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which SM-SR this is, whom it knows, and whom it believes."""

    oid: Oid
    partners: Mapping[Oid, PartnerRole]
    verify_eum: VerifyEum
    transport_keys: Mapping[Oid, SecretKey] = field(default_factory=dict)
    """Agreed with EUMs for the keys in an EIS."""


@dataclass(slots=True)
class Ended:
    """How a step of a procedure has ended, where that is no error."""

    status: ExecutionStatus = SUCCESS


class Context:
    """An SM-SR without its functions."""

    def __init__(self, identity: Identity, stores: Stores, clock: Callable[[], float]) -> None:
        self.identity = identity
        self.stores = stores
        self.clock = clock
        self.cards = Cards(stores.eis, clock)
        self.access = Access(stores.eis, stores.grants, identity.partners, self.cards.known)
        self.notices = Notices(stores.outbox, stores.grants, identity.partners, clock)

    @contextmanager
    def operation(
        self, call: Call, eis: Eis, operation: Operation, iccid: Iccid | None, *, goes_on: bool = False
    ) -> Iterator[Ended]:
        """A step of a procedure that goes into the card's audit trail, however it ends."""
        with self.stores.procedures.step(eis.eid, call.requester, iccid, goes_on=goes_on):
            isd_p = eis.find(iccid) if iccid else None
            record = AuditRecord(
                eid=eis.eid,
                smsr_id=self.identity.oid,
                date=datetime.fromtimestamp(self.clock(), UTC),
                operation=operation,
                requester=call.requester,
                iccid=iccid,
                isd_p_aid=isd_p.isd_p_aid if isd_p else None,
            )
            ended = Ended()
            try:
                yield ended
            except M2mError as error:
                self._record(replace(record, status=status_of(error)))
                raise
            self._record(replace(record, status=ended.status))

    def _record(self, record: AuditRecord) -> None:
        eis = self.cards.known(record.eid)
        created = eis.find(record.iccid) if record.iccid and record.isd_p_aid is None else None
        if created is not None:
            record = replace(record, isd_p_aid=created.isd_p_aid)
        self.stores.eis.put(with_record(eis, record))
