# SPDX-License-Identifier: Apache-2.0
"""ES8.DownloadAndInstallation: a profile package into an ISD-P, in segments under SCP03t (SGP.02 v4.2 4.1.3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from apdu.channel.scp03t import MAX_CLEAR, segments
from apdu.channel.scp03t_host import Scp03tHost
from apdu.errors import RemoteProtocolError
from apdu.ids import Aid
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet
from apdu.profile.response import EuiccResponse, PeStatus, Status
from apdu.script import Batch, ProfileScript
from smsr.kit.steps import all_answers

__all__ = ["Download", "Exchange", "InstallationFailed", "Installed", "Progress", "Watch", "download_profile", "silent"]

FUNCTION: Final = "ES8.DownloadAndInstallation"
_CHALLENGE: Final = 8
Progress = Callable[[int, int], None]
"""Called after every batch: bytes that the card has, bytes in all."""


def silent(done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What goes where, and how it is cut."""

    isd_p: Aid
    keys: KeySet
    package: bytes
    segment: int = MAX_CLEAR
    """Clear bytes of one TLV."""
    batch: int = 4
    """TLVs sent together; how many a bearer carries at once is its own affair."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The card holds the profile; elements that it left out are in the warnings."""

    warnings: tuple[PeStatus, ...] = ()


class InstallationFailed(RemoteProtocolError):
    """The card refused the profile; `response` says which element, if it said anything."""

    def __init__(self, reason: str, response: EuiccResponse | None = None) -> None:
        self.response = response
        text = "; ".join(map(str, response.statuses)) if response else ""
        message = f" ({response.message})" if response and response.message else ""
        super().__init__(f"{FUNCTION}: {reason}{': ' + text if text else ''}{message}")


class Exchange(NamedTuple):
    """One protected TLV and its answer, each as it crossed the link and what was inside."""

    protected: bytes
    plain: bytes
    response_protected: bytes
    response_plain: bytes


Watch = Callable[[Exchange], None]


def _unwatched(exchange: Exchange) -> None:
    """Nobody watches."""


def download_profile(
    download: Download, *, entropy: Entropy, progress: Progress = silent, watch: Watch = _unwatched
) -> ProfileScript[Installed]:
    """Open a session with the ISD-P and send the package; Scp03tError where the card refuses a TLV."""
    host = Scp03tHost(download.keys, entropy.draw(_CHALLENGE), download.isd_p)
    (answer,) = yield from _send(download.isd_p, (host.initialize_update(),))
    (answer,) = yield from _send(download.isd_p, (host.external_authenticate(answer),))
    host.authenticated(answer)
    total = len(download.package)
    rest = segments(download.package, download.segment)
    done = 0
    said: list[EuiccResponse] = []
    while batch := tuple(islice(rest, download.batch)):
        if said and said[-1].installed:
            raise InstallationFailed("the card ended the installation before the package", said[-1])
        tlvs = tuple(map(host.protect, batch))
        answers = yield Batch(download.isd_p, tlvs)
        for tlv, segment, answer in zip(tlvs, batch, answers, strict=False):
            data = host.receive(answer)
            watch(Exchange(tlv, segment, answer, data))
            said.extend(_read(data))
        all_answers(answers, len(batch), FUNCTION)
        done += sum(map(len, batch))
        progress(done, total)
    if not said or not said[-1].installed:
        raise InstallationFailed("the package ended and the profile is not installed", said[-1] if said else None)
    return Installed(tuple(status for response in said for status in response.statuses if status.status != Status.OK))


def _send(isd_p: Aid, tlvs: tuple[bytes, ...]) -> ProfileScript[Sequence[bytes]]:
    answers = yield Batch(isd_p, tlvs)
    return all_answers(answers, len(tlvs), FUNCTION)


def _read(data: bytes) -> Iterator[EuiccResponse]:
    """What the card said in an answer, if anything; that it gave up is an error."""
    if data:
        response = EuiccResponse.from_tlv(data)
        if response.aborted:
            raise InstallationFailed("the card refused the profile", response)
        yield response
