# SPDX-License-Identifier: Apache-2.0
"""The SM-DP as an object in one process: it installs a profile through an SM-SR that answers at once.

No network and no database: the SM-SR is an `Es3`, keys go into a `KeyStore`, entropy and time are passed in. A server
that one would run does the same procedures (smdp.handlers) behind calls, transactions and bindings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from cryptography import x509

from apdu.ids import Aid, Eid, Iccid
from apdu.keys.ec import PublicKey
from apdu.keys.entropy import Entropy
from apdu.trace.observer import IGNORE, Observer
from smdp.es3 import Es3Call, Es3Calls
from smdp.installation import InstallationProcedure, Order
from smdp.installer import Installer
from smdp.keystore import KeyStore
from smdp.scripts.download import Installed, Progress, silent
from smsr.api.eis import Eis
from smsr.api.messages import CardResponse, Es3, ProfileRequest
from smsr.kit.oid import Oid
from smsr.kit.pki import Server
from smsr.serving.procedure import Procedure, Step, drive

__all__ = ["Installation", "Order", "SmDp"]

T = TypeVar("T")

_METHODS: Final = {
    "GetEIS": "get_eis",
    "AuditEIS": "audit_eis",
    "CreateISDP": "create_isdp",
    "SendData": "send_data",
    "ProfileDownloadCompleted": "profile_download_completed",
    "EnableProfile": "enable_profile",
    "DisableProfile": "disable_profile",
    "DeleteISDP": "delete_isdp",
}
_NOBODY: Final = Oid("0.0")
"""The one SM-SR needs no name."""


class SmDp:
    """One SM-DP."""

    def __init__(
        self,
        server: Server,
        smsr: Es3,
        *,
        roots: Sequence[x509.Certificate],
        keys: KeyStore,
        entropy: Entropy,
        clock: Callable[[], float],
        observer: Observer = IGNORE,
    ) -> None:
        self.server = server
        self.smsr = smsr
        self._installer = Installer(
            server, roots=roots, keys=keys, entropy=entropy, clock=clock, observer=observer
        )  # fmt: skip
        self._operations = 0

    def begin(self, order: Order) -> Installation:
        """Check the card and get ready, step by step; the card knows nothing of it yet."""
        procedure = InstallationProcedure(self._installer, order, self._calls())
        procedure.demand_room(self.run(procedure.check()))
        return Installation(self, order, procedure)

    def install(self, order: Order, progress: Progress = silent) -> Installed:
        """All steps, and the ISD-P removed again when one fails."""
        installation = self.begin(order)
        installation.create_isdp()
        installation.establish_keyset()
        installed = installation.download(progress)
        installation.complete()
        return installed

    def enable(self, eid: Eid, iccid: Iccid) -> None:
        """ES3.EnableProfile."""
        calls = self._calls()
        request = ProfileRequest(call=calls.head("enable"), eid=eid, iccid=iccid)
        self.run(calls.ask("EnableProfile", request, CardResponse)).check("ES3.EnableProfile")

    def card_key(self, eis: Eis) -> PublicKey:
        """PK.ECASD.ECKA, after the whole chain was verified."""
        return self._installer.card_key(eis)

    def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure to its end."""
        return drive(procedure, self._perform)

    def _perform(self, step: Step) -> Any:
        """Do a step; a pause is over at once, since nothing else happens meanwhile."""
        if isinstance(step, Es3Call):
            return getattr(self.smsr, _METHODS[step.name])(step.request)
        return None

    def _calls(self) -> Es3Calls:
        self._operations += 1
        return Es3Calls(
            requester=self.server.oid, receiver=_NOBODY, operation=f"{self.server.oid}-{self._operations}"
        )  # fmt: skip


class Installation:
    """One profile on its way to one card: four steps, in their order. A step that fails removes the ISD-P."""

    def __init__(self, smdp: SmDp, order: Order, procedure: InstallationProcedure) -> None:
        self._smdp = smdp
        self._order = order
        self._procedure = procedure

    @property
    def eid(self) -> Eid:
        """The card that the profile goes to."""
        return self._order.eid

    @property
    def isd_p(self) -> Aid:
        """The ISD-P that the profile goes into."""
        return self._procedure.isd_p

    def create_isdp(self) -> Aid:
        """ES3.CreateISDP."""
        return self._smdp.run(self._procedure.create_isdp())

    def establish_keyset(self) -> None:
        """ES8.EstablishISDPKeySet, over ES3.SendData."""
        self._smdp.run(self._procedure.establish_keyset())

    def download(self, progress: Progress = silent) -> Installed:
        """ES8.DownloadAndInstallation, over ES3.SendData."""
        return self._smdp.run(self._procedure.download(progress))

    def complete(self) -> None:
        """ES3.ProfileDownloadCompleted."""
        self._smdp.run(self._procedure.complete())

    def abandon(self) -> bool:
        """Remove the ISD-P and its keys; False when the SM-SR or the card refuses that."""
        return self._smdp.run(self._procedure.abandon())
