# SPDX-License-Identifier: Apache-2.0
"""Preparing a profile: the package as it is, the package of a subscriber, packages that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.ids import Iccid, Imsi
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.package import decode_package
from apdu.profile.personalise import Personalisation
from smdp.prepare import prepare, prepare_elements
from smdp.profiles import load_profile
from tests.require import profile_paths
from tests.unit.kit.world import EID, MNO_OID

SUBSCRIBER = Personalisation(
    iccid=Iccid.from_string("8988211000000123451"),
    imsi=Imsi("001010123456789"),
    key=bytes(range(16)),
    msisdn="+15551234567",
)


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_package_as_it_is(path: Path) -> None:
    package = path.read_bytes()
    prepared = prepare(package)
    assert prepared.package == package
    header = decode_package(package)[0]
    assert isinstance(header, ProfileHeader)
    assert (prepared.iccid, prepared.profile_type) == (header.iccid, header.profile_type)
    assert prepared.elements == len(decode_package(package))
    assert prepared.subscription.imsi is None


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_package_of_a_subscriber(path: Path) -> None:
    prepared = prepare(path.read_bytes(), SUBSCRIBER)
    header = decode_package(prepared.package)[0]
    assert isinstance(header, ProfileHeader)
    assert header.iccid == prepared.iccid == SUBSCRIBER.iccid
    assert SUBSCRIBER.imsi.ef_imsi in prepared.package
    assert SUBSCRIBER.iccid.swapped in prepared.package
    assert SUBSCRIBER.key in prepared.package
    assert (prepared.subscription.imsi, prepared.subscription.msisdn) == (SUBSCRIBER.imsi, "15551234567")
    assert SUBSCRIBER.key.hex() not in repr(prepared).lower()


def test_order() -> None:
    prepared = prepare(profile_paths()[0].read_bytes(), SUBSCRIBER)
    order = prepared.order(EID, MNO_OID, memory=5000)
    assert (order.eid, order.mno_id, order.memory, order.iccid) == (EID, MNO_OID, 5000, SUBSCRIBER.iccid)
    assert (order.package, order.profile_type) == (prepared.package, prepared.profile_type)


def test_the_project_s_own_profile() -> None:
    prepared = prepare_elements(load_profile(), SUBSCRIBER)
    assert prepare(prepared.package).iccid == SUBSCRIBER.iccid
    assert SUBSCRIBER.key in prepared.package


def test_packages_that_are_none() -> None:
    package = profile_paths()[0].read_bytes()
    with pytest.raises(DecodeError, match="begins with its header"):
        prepare(b"")
    with pytest.raises(DecodeError):
        prepare(package[:-1])
    with pytest.raises(DecodeError):
        prepare(b"\x30\x03\x02\x01\x00")


def test_a_package_without_a_place_for_an_identity() -> None:
    package = profile_paths()[0].read_bytes()
    subscriber = Personalisation(
        iccid=SUBSCRIBER.iccid, imsi=SUBSCRIBER.imsi, key=SUBSCRIBER.key, domain_keys={(0x77, 1): bytes(16)}
    )
    with pytest.raises(EncodeError, match="key 01 of version 77"):
        prepare(package, subscriber)
