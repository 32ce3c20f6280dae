# SPDX-License-Identifier: Apache-2.0
"""The SM-DP as an object: it checks a card, agrees keys with an ISD-P, installs a profile, cleans up when that fails.

SGP.02 v4.2 3.1. No network and no database: the SM-SR is an `Es3`, keys go into a `KeyStore`, entropy and time are
passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from cryptography import x509

from apdu.channel.scp03t import MAX_CLEAR
from apdu.errors import LocalProtocolError, M2mError
from apdu.gp.codes import ISD_P_KVN
from apdu.ids import Aid, Eid, Iccid
from apdu.keys.certificate import Certificate, check_ecasd
from apdu.keys.ec import PublicKey
from apdu.keys.entropy import Entropy
from apdu.trace.events import ChannelEvent, FunctionEvent, Layer, Side
from apdu.trace.observer import IGNORE, Observer
from smdp.errors import DownloadFailed, NotEligible
from smdp.es3 import SendDataBearer
from smdp.keystore import KeyStore
from smdp.scripts.download import FUNCTION as DOWNLOAD
from smdp.scripts.download import Download, Exchange, Installed, Progress, download_profile, silent
from smdp.scripts.establish import FUNCTION as ESTABLISH
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.api.eis import Eis
from smsr.api.eis_codec import verify_info
from smsr.api.eis_parts import NO_SUBSCRIPTION, Pol2Rule, SubscriptionAddress
from smsr.api.messages import (
    Call,
    CreateIsdpRequest,
    Es3,
    GetEisRequest,
    ProfileDownloadCompletedRequest,
    ProfileRequest,
)
from smsr.api.status import FunctionFailed
from smsr.kit.oid import Oid
from smsr.kit.pki import Server
from smsr.kit.x509 import verify_eum

__all__ = ["Installation", "Order", "SmDp"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which profile goes to which card, for whom."""

    eid: Eid
    iccid: Iccid
    mno_id: Oid
    package: bytes
    profile_type: str = ""
    subscription: SubscriptionAddress = NO_SUBSCRIPTION
    pol2: tuple[Pol2Rule, ...] = ()
    memory: int = 0
    """Bytes granted to the ISD-P, 0 for no quota."""
    segment: int = MAX_CLEAR
    """Clear bytes of one SCP03t TLV."""
    attempts: int = 1
    """How often key agreement and download are begun, each, when the SM-SR cannot say what the card answered."""


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
        self.keys = keys
        self.entropy = entropy
        self._roots = tuple(roots)
        self._clock = clock
        self._observer = observer
        self._calls = 0

    def call(self) -> Call:
        """The head of the next request."""
        self._calls += 1
        return Call(self.server.oid, f"{self.server.oid}-{self._calls}")

    def begin(self, order: Order) -> Installation:
        """Check the card and get ready, step by step; the card knows nothing of it yet."""
        response = self.smsr.get_eis(GetEisRequest(call=self.call(), eid=order.eid))
        response.check("ES3.GetEIS")
        if response.eis is None or response.eis.eid != order.eid:
            raise NotEligible(f"the SM-SR answered with another EIS than that of {order.eid}")
        self._check_memory(response.eis, order)
        return Installation(self, order, self.card_key(response.eis))

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
        response = self.smsr.enable_profile(ProfileRequest(call=self.call(), eid=eid, iccid=iccid))
        response.check("ES3.EnableProfile")

    def card_key(self, eis: Eis) -> PublicKey:
        """PK.ECASD.ECKA, after the whole chain was verified: CI, EUM, EIS, the card's certificate and its EID."""
        at = self._clock()
        eum = verify_eum(eis.signed.certificate, self._roots, at)
        eum.check_eid(eis.eid)
        verify_info(eis.signed, eum.public_key)
        certificate = Certificate.parse(eis.info.ecasd_certificate)
        return check_ecasd(certificate, eum.public_key, eis.eid, datetime.fromtimestamp(at, UTC).date())

    def _check_memory(self, eis: Eis, order: Order) -> None:
        needed = max(order.memory, len(order.package))
        if needed > eis.remaining_memory:
            raise NotEligible(f"the profile takes {needed} bytes, the card has {eis.remaining_memory} left")

    @contextmanager
    def traced(self, function: str) -> Iterator[None]:
        """Tell the observer about a function, and how it ended."""
        self._report(function, "")
        try:
            yield
        except M2mError as error:
            self._report(function, str(error))
            raise
        self._report(function, "ok")

    def watched(self, isd_p: Aid, exchange: Exchange) -> None:
        """Tell the observer about one exchange of SCP03t."""
        if self._observer is not IGNORE:
            event = ChannelEvent(
                time=self._clock(), layer=Layer.SCP03T, side=Side.READER, target=str(isd_p), **exchange._asdict()
            )
            self._observer.event(event)

    def _report(self, name: str, outcome: str) -> None:
        if self._observer is not IGNORE:
            event = FunctionEvent(time=self._clock(), layer=Layer.ES8, name=name, outcome=outcome)
            self._observer.event(event)


class Installation:
    """One profile on its way to one card: four steps, in their order. A step that fails removes the ISD-P."""

    def __init__(self, smdp: SmDp, order: Order, card_key: PublicKey) -> None:
        self._smdp = smdp
        self._order = order
        self._card_key = card_key
        self._isd_p: Aid | None = None

    @property
    def eid(self) -> Eid:
        """The card that the profile goes to."""
        return self._order.eid

    @property
    def isd_p(self) -> Aid:
        """The ISD-P that the profile goes into."""
        if self._isd_p is None:
            raise LocalProtocolError("there is no ISD-P yet")
        return self._isd_p

    def create_isdp(self) -> Aid:
        """ES3.CreateISDP."""
        order, smdp = self._order, self._smdp
        request = CreateIsdpRequest(
            call=smdp.call(),
            eid=order.eid,
            iccid=order.iccid,
            mno_id=order.mno_id,
            required_memory=order.memory,
            more_to_do=True,
        )
        response = smdp.smsr.create_isdp(request)
        response.check("ES3.CreateISDP")
        if response.isd_p_aid is None:
            raise NotEligible("the SM-SR did not say which ISD-P it created")
        self._isd_p = response.isd_p_aid
        return response.isd_p_aid

    def establish_keyset(self) -> None:
        """ES8.EstablishISDPKeySet, over ES3.SendData."""
        smdp = self._smdp
        request = KeyEstablishment(
            isd_p=self.isd_p,
            certificate=smdp.server.certificate,
            signer=smdp.server.key,
            card_key=self._card_key,
        )
        with self._step("establish-keyset"), smdp.traced(ESTABLISH):
            keys = self._begun(lambda: self._bearer().run(establish_isdp_keyset(request, entropy=smdp.entropy)))
            smdp.keys.put(self._order.eid, self.isd_p, keys)

    def download(self, progress: Progress = silent) -> Installed:
        """ES8.DownloadAndInstallation, over ES3.SendData."""
        smdp, order = self._smdp, self._order
        keys = smdp.keys.get(order.eid, self.isd_p, ISD_P_KVN)
        if keys is None:
            raise LocalProtocolError("there is no key set yet")
        download = Download(isd_p=self.isd_p, keys=keys, package=order.package, segment=order.segment)
        watch = partial(smdp.watched, self.isd_p)
        with self._step("download"), smdp.traced(DOWNLOAD):
            return self._begun(
                lambda: self._bearer().run_profile(
                    download_profile(download, entropy=smdp.entropy, progress=progress, watch=watch)
                )
            )

    def _begun(self, work: Callable[[], T]) -> T:
        """Do a step; begin it anew, with new keys, when an answer was lost. What the card refuses stays refused."""
        for _ in range(self._order.attempts - 1):
            try:
                return work()
            except FunctionFailed:
                continue
        return work()

    def complete(self) -> None:
        """ES3.ProfileDownloadCompleted."""
        order = self._order
        request = ProfileDownloadCompletedRequest(
            call=self._smdp.call(),
            eid=order.eid,
            iccid=order.iccid,
            profile_type=order.profile_type,
            subscription=order.subscription,
            pol2=order.pol2,
        )
        with self._step("complete"):
            self._smdp.smsr.profile_download_completed(request).check("ES3.ProfileDownloadCompleted")

    def abandon(self) -> bool:
        """Remove the ISD-P and its keys; False when the SM-SR or the card refuses that."""
        order, smdp = self._order, self._smdp
        response = smdp.smsr.delete_isdp(ProfileRequest(call=smdp.call(), eid=order.eid, iccid=order.iccid))
        if response.status.is_success:
            smdp.keys.forget(order.eid, self.isd_p)
        return response.status.is_success

    def _bearer(self) -> SendDataBearer:
        return SendDataBearer(self._smdp.smsr, self._smdp.call, self._order.eid, self.isd_p)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        try:
            yield
        except M2mError as error:
            raise DownloadFailed(name, error, cleaned=self.abandon()) from error
