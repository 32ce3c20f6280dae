# SPDX-License-Identifier: Apache-2.0
"""The SM-SR as an object in one process: its functions as methods that return when they are done.

No network and no database: requests and responses are values (smsr.api), what is kept is kept in memory, time is passed
in. A server that one would run has the same functions behind calls, transactions and bindings (smsr.service).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from cryptography import x509

from apdu.ids import Eid
from apdu.keys.secret import SecretKey
from smsr.api import messages as m
from smsr.api.functions import FUNCTIONS, Function, Interface
from smsr.bearers.bearer import Bearer
from smsr.cardsteps import Reach
from smsr.context import Context, Identity
from smsr.handlers import Handlers
from smsr.kit.oid import Oid
from smsr.kit.x509 import verify_eum
from smsr.serving.procedure import drive
from smsr.store import EisStore
from smsr.stores import Stores
from smsr.views import PartnerRole

__all__ = ["SmSr"]

R = TypeVar("R", bound=m.Response)
_ROWS: Final = {(each.interface, each.name): each for each in FUNCTIONS}
_INTERFACES: Final = {PartnerRole.EUM: Interface.ES1, PartnerRole.SM_DP: Interface.ES3}


class SmSr:
    """One SM-SR. Which interface a method is of shows from who calls: an SM-DP ES3, an operator ES4 or ES4A."""

    def __init__(
        self,
        oid: Oid,
        *,
        roots: Sequence[x509.Certificate],
        partners: Mapping[Oid, PartnerRole],
        store: EisStore,
        clock: Callable[[], float],
        transport_keys: Mapping[Oid, SecretKey] = MappingProxyType({}),
    ) -> None:
        self.oid = oid
        self.stores = Stores.in_memory(clock, store)
        self._partners = partners
        identity = Identity(
            oid=oid,
            partners=partners,
            verify_eum=lambda der, at: verify_eum(der, tuple(roots), at),
            transport_keys=transport_keys,
        )
        self._context = Context(identity, self.stores, clock)
        self._handlers = Handlers(self._context)
        self._reach = Reach()

    # --- cards

    def attach(self, eid: Eid, bearer: Bearer) -> None:
        """A card can be reached."""
        self._reach.attach(eid, bearer)
        self.stores.procedures.break_off(eid)

    def detach(self, eid: Eid) -> None:
        """A card cannot be reached any more."""
        self._reach.detach(eid)

    # --- functions

    def register_eis(self, request: m.RegisterEisRequest) -> m.Response:
        """ES1.RegisterEIS: take a card on."""
        return self._call(m.Response, "RegisterEIS", request)

    def get_eis(self, request: m.GetEisRequest) -> m.EisResponse:
        """ES3 and ES4.GetEIS: the EIS as the requester may see it."""
        return self._call(m.EisResponse, "GetEIS", request)

    def profile_download_completed(self, request: m.ProfileDownloadCompletedRequest) -> m.Response:
        """ES3.ProfileDownloadCompleted: the profile is there, disabled."""
        return self._call(m.Response, "ProfileDownloadCompleted", request)

    def create_isdp(self, request: m.CreateIsdpRequest) -> m.CreateIsdpResponse:
        """ES3.CreateISDP: an empty ISD-P for a profile to come."""
        return self._call(m.CreateIsdpResponse, "CreateISDP", request)

    def send_data(self, request: m.SendDataRequest) -> m.CardResponse:
        """ES3.SendData: hand on what an SM-DP and its ISD-P have to say to each other."""
        return self._call(m.CardResponse, "SendData", request)

    def enable_profile(self, request: m.ProfileRequest) -> m.CardResponse:
        """ES3 and ES4.EnableProfile."""
        return self._call(m.CardResponse, "EnableProfile", request)

    def disable_profile(self, request: m.ProfileRequest) -> m.CardResponse:
        """ES3 and ES4.DisableProfile: the fall-back profile takes its place."""
        return self._call(m.CardResponse, "DisableProfile", request)

    def delete_isdp(self, request: m.ProfileRequest) -> m.CardResponse:
        """ES3.DeleteISDP: also the clean-up of a download that failed."""
        return self._call(m.CardResponse, "DeleteISDP", request)

    def delete_profile(self, request: m.ProfileRequest) -> m.CardResponse:
        """ES4.DeleteProfile."""
        return self._call(m.CardResponse, "DeleteProfile", request)

    def audit_eis(self, request: m.AuditEisRequest) -> m.EisResponse:
        """ES3 and ES4.AuditEIS: ask the card, and answer what it says about the requester's profiles."""
        return self._call(m.EisResponse, "AuditEIS", request)

    def call(self, function: Function, request: m.Request) -> m.Response:
        """Any function, by its row."""
        return drive(self._handlers.run(function, request), self._reach.perform)

    def _call(self, kind: type[R], name: str, request: Any) -> R:
        interface = _INTERFACES.get(self._partners.get(request.call.requester, PartnerRole.MNO), Interface.ES4)
        row = _ROWS.get((interface, name)) or next(each for each in FUNCTIONS if each.name == name)
        response = self.call(row, request)
        assert isinstance(response, kind)
        return response
