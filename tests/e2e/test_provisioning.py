# SPDX-License-Identifier: Apache-2.0
"""A TS.48 profile from the SM-DP through the SM-SR into the card, every byte an APDU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.command.apdu import CommandApdu
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Iccid, Imsi
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.package import decode_package
from apdu.profile.personalise import Personalisation
from apdu.trace.events import FunctionEvent
from smdp.errors import DownloadFailed
from smdp.prepare import prepare_elements
from smdp.profiles import load_profile
from smsr.api.eis_parts import ProfileState
from smsr.api.status import Code
from tests.e2e.world import EID, Provisioning
from tests.require import profile_paths
from tests.unit.kit.world import MNO_OID


def _iccid(package: bytes) -> Iccid:
    header = decode_package(package)[0]
    assert isinstance(header, ProfileHeader)
    return Iccid(header.iccid)


@pytest.fixture
def bench() -> Iterator[Provisioning]:
    made = Provisioning()
    made.register()
    yield made
    assert made.recorder.errors == []


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_install_enable_and_audit(bench: Provisioning, path: Path) -> None:
    package = path.read_bytes()
    iccid = _iccid(package)
    seen: list[tuple[int, int]] = []
    installed = bench.smdp.install(bench.order(package, iccid), lambda *step: seen.append(step))
    assert installed.warnings == ()
    assert seen[-1] == (len(package), len(package))
    bench.smdp.enable(EID, iccid)
    eis = bench.store.get(EID)
    assert eis is not None
    assert [(profile.iccid, profile.state) for profile in eis.profiles] == [(iccid, ProfileState.ENABLED)]
    assert 0 < eis.remaining_memory < eis.available_memory
    # what the terminal reads is what the package said
    assert bench.transmit(bytes.fromhex("00A40004022FE2"))[-2:] != b"\x6a\x82"
    assert bench.transmit(bytes.fromhex("00B000000A")) == iccid.swapped + b"\x90\x00"
    names = [event.name for event in bench.recorder.events if isinstance(event, FunctionEvent) and not event.outcome]
    assert names == [
        "ES5.CreateISDP",
        "ES8.EstablishISDPKeySet",
        "ES8.DownloadAndInstallation",
        "ES5.EnableProfile",
        "ES5.eUICCCapabilityAudit",
    ]


@pytest.fixture
def package() -> bytes:
    return profile_paths()[0].read_bytes()


def test_delete_and_install_again(bench: Provisioning, package: bytes) -> None:
    iccid = _iccid(package)
    for _ in range(2):
        bench.smdp.install(bench.order(package, iccid))
        assert bench.smsr.delete_isdp(bench.profile(iccid)).status.is_success
        bench.audit()
        eis = bench.store.get(EID)
        assert eis is not None
        assert (eis.profiles, eis.remaining_memory) == ((), eis.available_memory)


def test_second_profile_takes_over_and_the_first_is_deleted(bench: Provisioning, package: bytes) -> None:
    first = _iccid(package)
    bench.smdp.install(bench.order(package, first))
    bench.smdp.enable(EID, first)
    assert bench.smsr.delete_isdp(bench.profile(first)).status.code == Code.EUICC_REFUSED.pair  # no fall-back profile
    other = Iccid.from_string("8988211000000123451")
    bench.smdp.install(bench.order(package, other))
    bench.smdp.enable(EID, other)
    eis = bench.store.get(EID)
    assert eis is not None
    assert {profile.iccid: profile.state for profile in eis.profiles} == {
        first: ProfileState.DISABLED,
        other: ProfileState.ENABLED,
    }
    assert bench.smsr.delete_isdp(bench.profile(first)).status.is_success
    assert bench.card.registry.find(Aid.isd_p(0x10)) is None


def test_own_profile_of_a_subscriber(bench: Provisioning) -> None:
    subscriber = Personalisation(
        iccid=Iccid.from_string("8988211000000123451"), imsi=Imsi("001010123456789"), key=bytes(range(16))
    )
    prepared = prepare_elements(load_profile(), subscriber)
    bench.smdp.install(prepared.order(EID, MNO_OID))
    bench.smdp.enable(EID, prepared.iccid)
    eis = bench.store.get(EID)
    assert eis is not None
    assert eis.enabled is not None
    assert (eis.enabled.subscription.imsi, eis.enabled.mno_id) == (subscriber.imsi, MNO_OID)
    bench.transmit(bytes.fromhex("00A40004022FE2"))
    assert bench.transmit(bytes.fromhex("00B000000A")) == subscriber.iccid.swapped + b"\x90\x00"


def test_broken_package_is_cleaned_up(bench: Provisioning, package: bytes) -> None:
    iccid = _iccid(package)
    with pytest.raises(DownloadFailed, match="download") as caught:
        bench.smdp.install(bench.order(package[:-5], iccid))
    assert caught.value.cleaned
    _empty(bench)
    bench.smdp.install(bench.order(package, iccid))  # nothing is left in the way


def _empty(bench: Provisioning) -> None:
    assert list(bench.card.registry.isd_ps()) == []
    eis = bench.store.get(EID)
    assert eis is not None
    assert eis.profiles == ()
    assert bench.keys.get(EID, Aid.isd_p(0x10), 0x30) is None


def test_card_lost_power_during_the_download(bench: Provisioning, package: bytes) -> None:
    """The session is gone with the card; the SM-DP gets an error, and the ISD-P is removed over a new session."""
    iccid = _iccid(package)

    def pull(done: int, total: int) -> None:
        if done < total:
            bench.restart()

    with pytest.raises(DownloadFailed) as caught:
        bench.smdp.install(bench.order(package, iccid), pull)
    assert caught.value.cleaned
    _empty(bench)


def test_card_that_was_reset_between_key_set_and_download(bench: Provisioning, package: bytes) -> None:
    """Keys and ISD-P outlive a reset: the download simply goes over a new session after the first one was missed."""
    iccid = _iccid(package)
    installation = bench.smdp.begin(bench.order(package, iccid))
    installation.create_isdp()
    installation.establish_keyset()
    bench.bearer.reset()
    installation.download()
    installation.complete()
    record = bench.card.registry.find(installation.isd_p)
    assert record is not None
    assert record.state is LifeCycle.DISABLED


def test_plain_commands_of_a_terminal_change_nothing(bench: Provisioning, package: bytes) -> None:
    iccid = _iccid(package)
    bench.smdp.install(bench.order(package, iccid))
    bench.bearer.reset()
    assert bench.transmit(bytes.fromhex("00A4040010A0000005591010FFFFFFFF890000010000"))[-2:] == b"\x90\x00"
    enable = CommandApdu(0x80, 0xE2, 0x88, 0, bytes.fromhex("3A03124F10") + Aid.isd_p(0x10))
    assert bench.transmit(enable.encode()) == b"\x69\x82"
