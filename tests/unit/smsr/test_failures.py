# SPDX-License-Identifier: Apache-2.0
"""Each function is refused with each of its status codes, and then nothing has changed."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import pytest

from smsr.api.functions import Interface
from smsr.api.grants import Onc
from smsr.api.status import Code, Status
from tests.unit.kit.world import MNO_OID
from tests.unit.smsr.bench import ICCID_2
from tests.unit.smsr.failures import FAILURES, LISTED, NEVER, Failure
from tests.unit.smsr.scene import AUTO_DELETE, ES1, ES3, ES4, ES4A, FULL_GRANT, ROWS, TYPE, Scene

UNSUPPORTED: Final = {
    "UpdateConnectivityParameters",
    "SetFallBackAttribute",
    "SetEmergencyProfileAttribute",
}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_refused(failure: Failure) -> None:
    scene = Scene()
    values = failure.arrange(scene)
    before = scene.kept()
    response = scene.call(failure.function.interface, failure.function.name, **values)
    assert (response.status.status, response.status.code) == (Status.FAILED, failure.code.pair), response.status
    assert response.status.message.startswith(failure.code.text)
    assert scene.kept() == before


def _values(name: str) -> dict[str, Any]:
    if name == "UpdatePolicyRules":
        return {"pol2": AUTO_DELETE}
    return {"iccid": ICCID_2} if name in ("CreateISDP", "EnableProfile") else {}


@pytest.mark.parametrize("key", ROWS, ids=lambda key: ".".join(key))
def test_carried_out_or_not_supported(key: tuple[Interface, str]) -> None:
    scene = Scene()
    interface, name = key
    if name == "ProfileDownloadCompleted":
        scene.create()
    elif name == "CreateISDP":
        scene.install()
    else:
        scene.two()
    before = scene.kept()
    response = scene.call(interface, name, **_values(name))
    if name in UNSUPPORTED:
        assert response.status.code == Code.NOT_SUPPORTED.pair
        assert scene.kept() == before
    else:
        assert response.status.status is Status.EXECUTED_SUCCESS, response.status
        reads = name.startswith("Get") or name in ("AuditEIS", "SendData")
        assert (scene.kept() == before) is reads


def test_every_function_fails_in_two_ways_and_in_those_that_are_listed() -> None:
    provoked: dict[tuple[Interface, str], set[str]] = defaultdict(set)
    for failure in FAILURES:
        provoked[failure.function.interface, failure.function.name].add(str(failure.code.pair))
    assert set(provoked) == set(ROWS)
    for key in ROWS:
        assert len(provoked[key]) >= 2, key
        listed = set(LISTED.get(key, "").split())
        never = {pair for *of, pair in NEVER if tuple(of) == key}
        assert listed - never <= provoked[key], key
        assert not never & provoked[key], key


def test_refusals_are_in_no_order_of_their_own() -> None:
    """Requester, card, profile, contents: what is wrong first is said, whatever else is wrong."""
    scene = Scene()
    scene.install()
    wrong: dict[str, Any] = {"pol2": "no rules at all", "iccid": ICCID_2}
    assert scene.call(ES4, "UpdatePolicyRules", **wrong).status.code == Code.ICCID_UNKNOWN.pair


def test_grants_that_are_set_are_there() -> None:
    scene = Scene()
    onc = Onc(mno_id=MNO_OID, profile_type=TYPE)
    for interface in (ES3, ES4A):
        scene.done(interface, "SetPLMA")
        scene.done(interface, "SetONC", onc=onc)
        assert scene.done(interface, "GetPLMA").plma == (FULL_GRANT,)
        assert scene.done(interface, "GetONC").onc == (onc,)


def test_interfaces_are_told_apart() -> None:
    assert {each.interface for each in ROWS.values()} == {ES1, ES3, ES4, ES4A}
