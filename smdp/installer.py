# SPDX-License-Identifier: Apache-2.0
"""What an SM-DP installs profiles with: its certificate and keys, the CI roots that it trusts, entropy and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography import x509

from apdu.errors import M2mError
from apdu.ids import Aid
from apdu.keys.certificate import Certificate, check_ecasd
from apdu.keys.ec import PublicKey
from apdu.keys.entropy import Entropy
from apdu.trace.events import ChannelEvent, FunctionEvent, Layer, Side
from apdu.trace.observer import IGNORE, Observer
from smdp.keystore import KeyStore
from smdp.scripts.download import Exchange
from smsr.api.eis import Eis
from smsr.api.eis_codec import verify_info
from smsr.kit.pki import Server
from smsr.kit.x509 import CertificateExpired, verify_eum

__all__ = ["Installer"]


class Installer:
    """The same for every installation."""

    def __init__(
        self,
        server: Server,
        *,
        roots: Sequence[x509.Certificate],
        keys: KeyStore,
        entropy: Entropy,
        clock: Callable[[], float],
        observer: Observer = IGNORE,
    ) -> None:
        self.server = server
        self.keys = keys
        self.entropy = entropy
        self._roots = tuple(roots)
        self._clock = clock
        self._observer = observer

    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def card_key(self, eis: Eis) -> PublicKey:
        """PK.ECASD.ECKA, after the whole chain was verified: CI, EUM, EIS, the card's certificate and its EID.

        CertificateExpired, SecurityError for any other fault of the chain, DecodeError.
        """
        eum = verify_eum(eis.signed.certificate, self._roots, self._clock())
        eum.check_eid(eis.eid)
        verify_info(eis.signed, eum.public_key)
        certificate = Certificate.parse(eis.info.ecasd_certificate)
        day = self.now().date()
        if not certificate.valid_at(day):
            raise CertificateExpired(f"the eUICC's certificate is not valid on {day.isoformat()}")
        return check_ecasd(certificate, eum.public_key, eis.eid, day)

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
