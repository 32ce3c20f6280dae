# SPDX-License-Identifier: Apache-2.0
"""The stock of prepared profiles: nobody has a profile that somebody else has."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from apdu.errors import DecodeError
from apdu.ids import Iccid
from smdp.inbox import MemoryInbox
from smdp.profiles.store import MemoryProfileStore, ProfileStore, StockState, StoredProfile, content_hash
from tests.unit.kit.world import EID, MNO_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, OTHER_MNO

PACKAGE = b"\xa0" * 100
PROFILE = StoredProfile(iccid=ICCID, mno_id=MNO_OID, content=content_hash(PACKAGE), profile_type="meter")


@pytest.fixture(params=[MemoryProfileStore])
def store(request: pytest.FixtureRequest) -> ProfileStore:
    make: Callable[[], ProfileStore] = request.param
    found = make()
    assert found.add(PROFILE, PACKAGE)
    return found


def test_an_iccid_is_there_once(store: ProfileStore) -> None:
    assert not store.add(replace(PROFILE, mno_id=OTHER_MNO), b"another")
    assert store.get(ICCID) == PROFILE
    assert list(store) == [PROFILE]
    assert store.get(ICCID_2) is None


def test_packages_are_kept_by_content(store: ProfileStore) -> None:
    assert store.add(replace(PROFILE, iccid=ICCID_2), PACKAGE)
    assert store.package(PROFILE.content) == PACKAGE
    with pytest.raises(KeyError):
        store.package(content_hash(b"another"))


def test_a_profile_is_moved_from_what_it_is_now(store: ProfileStore) -> None:
    reserved = replace(PROFILE, state=StockState.RESERVED, operation="one", eid=EID, smsr_id=SM_SR_OID)
    assert store.swap(PROFILE, reserved)
    assert not store.swap(PROFILE, replace(reserved, operation="two"))
    assert store.swap(reserved, reserved.available())
    assert store.get(ICCID) == PROFILE
    assert not store.swap(replace(PROFILE, iccid=ICCID_2), reserved)


def test_profiles_of_a_type(store: ProfileStore) -> None:
    assert store.find_available("meter", MNO_OID) == PROFILE
    assert store.find_available("meter", OTHER_MNO) is None
    assert store.find_available("car", MNO_OID) is None
    assert store.owners("meter") == {MNO_OID}
    assert store.owners("car") == frozenset()
    store.swap(PROFILE, replace(PROFILE, state=StockState.DOWNLOADED, eid=EID))
    assert store.find_available("meter", MNO_OID) is None
    assert store.owners("meter") == {MNO_OID}


def test_eight_threads_never_get_the_same_profile() -> None:
    store = MemoryProfileStore()
    for number in range(200):
        iccid = Iccid.from_string(f"8988211{number:011d}0")
        store.add(replace(PROFILE, iccid=iccid), PACKAGE)

    def take(operation: str) -> Iccid:
        while True:
            found = store.find_available("meter", MNO_OID)
            assert found is not None
            if store.swap(found, replace(found, state=StockState.RESERVED, operation=operation)):
                return found.iccid

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, map(str, range(200))))
    assert len(set(taken)) == 200


def test_a_key_is_seen_first_once() -> None:
    inbox = MemoryInbox()
    assert inbox.first("one")
    assert not inbox.first("one")
    assert inbox.first("two")


@pytest.mark.parametrize("change", [{"profile_type": "x" * 101}, {"iccid": Iccid.from_string("1" * 19)}])
def test_a_profile_that_no_message_could_name_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        replace(PROFILE, **change)
