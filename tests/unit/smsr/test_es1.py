# SPDX-License-Identifier: Apache-2.0
"""ES1, as an EUM sees it (rows CC-E1 of the checklists; what else is refused: test_registration, failures)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from apdu.keys.secret import SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_parts import EisKey, KeyComponent, Property
from smsr.api.status import Code, Status
from smsr.api.transport_keys import wrap_keys
from tests.unit.kit.world import EID, SM_SR_OID, world
from tests.unit.smsr.bench import TRANSPORT, make_eis
from tests.unit.smsr.failures import certificate_of_another_card, expired_eum, signed_by_another
from tests.unit.smsr.scene import EID_2, ES1, ES3, ES4, UNKNOWN_EID, Scene, other_eis


def test_cc_e1_01_a_registered_card_is_known() -> None:
    scene = Scene()
    eis = other_eis()
    assert scene.call(ES3, "GetEIS", eid=EID_2).status.code == Code.EID_UNKNOWN.pair
    assert scene.done(ES1, "RegisterEIS", eis=wrap_keys(eis, TRANSPORT)).status.status is Status.EXECUTED_SUCCESS
    assert scene.store.get(EID_2) == replace(eis, smsr_id=SM_SR_OID)
    view = scene.done(ES3, "GetEIS", eid=EID_2).eis
    assert (view.signed, view.smsr_id, view.profiles) == (eis.signed, SM_SR_OID, ())


def test_cc_e1_02_an_eid_is_registered_once() -> None:
    scene = Scene()
    before = scene.kept()
    response = scene.call(ES1, "RegisterEIS", eis=wrap_keys(make_eis(remaining_memory=1), TRANSPORT))
    assert response.status.code == Code.EID_IN_USE.pair
    assert response.status.subject_identifier == str(EID)
    assert scene.kept() == before


def _another_ci(scene: Scene) -> dict[str, Any]:
    return {"eis": make_eis(world("another", ein="89049033"), eid=UNKNOWN_EID)}


@pytest.mark.parametrize(
    "arrange, code",
    [
        (signed_by_another, Code.EUM_CERTIFICATE),
        (expired_eum, Code.EUM_CERTIFICATE_EXPIRED),
        (_another_ci, Code.EUM_CERTIFICATE),
    ],
)
def test_cc_e1_03_who_signed_it(arrange: Callable[[Scene], dict[str, Any]], code: Code) -> None:
    scene = Scene()
    assert scene.call(ES1, "RegisterEIS", **arrange(scene)).status.code == code.pair
    assert [each.eid for each in scene.store] == [EID]


def test_cc_e1_04_the_certificate_of_another_card() -> None:
    scene = Scene()
    values = certificate_of_another_card(scene)
    assert scene.call(ES1, "RegisterEIS", **values).status.code == Code.ECASD_CERTIFICATE.pair
    assert scene.store.get(UNKNOWN_EID) is None


SECRET = SecretKey(bytes.fromhex("5EC2E7005EC2E7005EC2E7005EC2E700"))


def _with_key(*keys: EisKey) -> Eis:
    eis = other_eis()
    keyset = replace(eis.isd_r.keysets[0], keys=keys)
    return replace(eis, isd_r=replace(eis.isd_r, keysets=(keyset,)))


def _components(value: bytes) -> Eis:
    return _with_key(EisKey(1, SECRET.kcv, None, (KeyComponent(0x88, value),)))


@pytest.mark.parametrize(
    "eis",
    [
        wrap_keys(_with_key(EisKey(1, SECRET.kcv, SECRET)), SecretKey(bytes(16))),
        _components(bytes(SECRET.reveal())),
        _components(bytes(SECRET.reveal())[:15]),
        _components(b""),
    ],
    ids=["another transport key", "not encrypted", "no whole block", "nothing"],
)
def test_cc_e1_05_keys_that_cannot_be_read(eis: Eis, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scene = Scene()
    response = scene.call(ES1, "RegisterEIS", eis=eis)
    assert response.status.code == Code.EIS_INVALID.pair, response.status
    assert scene.store.get(EID_2) is None
    said = caplog.text + str(response.status) + repr(response) + repr(eis)
    clear = bytes(SECRET.reveal())
    assert not any(each in said for each in (clear.hex(), clear.hex().upper(), clear[:15].hex().upper()))


def test_cc_e1_05_without_a_transport_key_for_this_eum() -> None:
    scene = Scene(transport_keys={})
    response = scene.call(ES1, "RegisterEIS")
    assert response.status.code == Code.EIS_INVALID.pair
    assert scene.store.get(EID_2) is None


def test_properties_are_replaced_by_their_keys() -> None:
    scene = Scene()
    scene.done(ES1, "UpdateEISAdditionalProperties", additional_properties=(Property("a", "1"), Property("b", "2")))
    scene.done(ES1, "UpdateEISAdditionalProperties", additional_properties=(Property("a", "3"),))
    assert scene.eis.additional_properties == (Property("b", "2"), Property("a", "3"))
    scene.install()
    assert scene.done(ES4, "GetEIS").eis.additional_properties == (Property("b", "2"), Property("a", "3"))
