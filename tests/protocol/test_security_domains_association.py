# SPDX-License-Identifier: Apache-2.0
"""INSTALL [for extradition] and [for registry update] in a profile's domains (GPCS 11.5.2.3.4 and 11.5.2.3.5)."""

from __future__ import annotations

import pytest

from apdu.ids import ISD_R, MNO_SD, Aid
from apdu.keys.secret import KeySet, SecretKey
from tests.protocol.test_isd_r import answer, lv, status
from tests.protocol.test_security_domains_profile import (
    NEW,
    SSD,
    card,
    install,
    keys_of,
    load,
    personalize,
    session,
)
from tests.support.flow import FIRST
from tests.support.lab import Lab, SecureHost

SECOND = Aid(bytes(SSD) + b"\x02")
THIRD = Aid(bytes(SSD) + b"\x03")
OWN = KeySet(0x30, *map(SecretKey, NEW))


def extradition(target: Aid, application: Aid, *, parameters: str = "", token: str = "", void: str = "") -> str:
    fields = (str(target), void, str(application), "", parameters, token)
    return f"80E61000{lv(''.join(map(lv, fields)))}00"


def update(
    application: Aid | None, *, target: Aid | None = None, privileges: str = "", parameters: str = "", token: str = ""
) -> str:
    domain, changed = (str(aid) if aid is not None else "" for aid in (target, application))
    return f"80E64000{lv(''.join(map(lv, (domain, '', changed, privileges, parameters, token))))}00"


def parent(host: SecureHost, aid: Aid) -> str:
    """The domain that GET STATUS names for an application (CC)."""
    return answer(host, status(str(aid), tags="CC"))


@pytest.fixture
def lab() -> Lab:
    """The MNO-SD with three domains under it; the first has keys and the privileges of a manager."""
    made = card()
    host = session(made)
    assert answer(host, install(privileges="80C000")) == "009000"
    assert answer(host, install(SECOND)) == "009000"
    assert answer(host, install(THIRD)) == "009000"
    assert answer(host, personalize(str(SSD))) == "9000"
    assert answer(host, load(keys_of(2), 0x30, NEW)) == "9000"
    return made


def named(aid: Aid) -> str:
    return f"E3{len(aid) + 2:02X}CC{len(aid):02X}{aid}9000"


def test_extradited_domain_belongs_to_its_new_one_after_a_restart_too(lab: Lab) -> None:
    host = session(lab)
    assert parent(host, SECOND) == named(MNO_SD)
    assert answer(host, extradition(SSD, SECOND)) == "009000"
    assert parent(host, SECOND) == named(SSD)
    lab.restart()
    manager = session(lab, OWN, aid=SSD)
    assert answer(manager, status(str(SECOND), tags="4F")).endswith("9000")
    assert answer(manager, status(str(THIRD), tags="4F")) == "6A88"
    assert answer(manager, f"80E40000{lv('4F' + lv(str(SECOND)))}00") == "009000"


def test_manager_extradites_within_its_own_tree_only(lab: Lab) -> None:
    host = session(lab)
    assert answer(host, extradition(SSD, SECOND)) == "009000"
    manager = session(lab, OWN, aid=SSD)
    before = lab.snapshot()
    assert answer(manager, extradition(MNO_SD, SECOND)) == "6A88"
    assert answer(manager, extradition(SSD, THIRD)) == "6A88"
    assert answer(manager, extradition(SSD, SSD)) == "6A88"
    assert lab.snapshot() == before
    host = session(lab)
    assert answer(host, extradition(MNO_SD, SECOND)) == "009000"
    assert parent(host, SECOND) == named(MNO_SD)


@pytest.mark.parametrize(
    "command, sw",
    [
        (extradition(SSD, Aid(bytes(SSD) + b"\x09")), "6A88"),
        (extradition(Aid(bytes(SSD) + b"\x09"), SSD), "6A88"),
        (extradition(ISD_R, SSD), "6A88"),
        (extradition(FIRST, SSD), "6A88"),
        (extradition(SSD, MNO_SD), "6A88"),
        (extradition(SSD, SSD), "6985"),
        (extradition(SSD, SECOND, token="AA"), "6A80"),
        (extradition(SSD, SECOND, parameters="C900"), "6A80"),
        (extradition(SSD, SECOND, void="AA"), "6A80"),
        (extradition(SSD, SECOND)[:4] + "1001" + extradition(SSD, SECOND)[8:], "6A86"),
    ],
)
def test_refused_extradition(lab: Lab, command: str, sw: str) -> None:
    host = session(lab)
    before = lab.snapshot()
    assert answer(host, command) == sw
    assert lab.snapshot() == before


def test_no_domain_comes_to_lie_under_itself(lab: Lab) -> None:
    host = session(lab)
    assert answer(host, extradition(SSD, SECOND)) == "009000"
    assert answer(host, extradition(SECOND, THIRD)) == "009000"
    assert answer(host, extradition(THIRD, SSD)) == "6985"
    assert answer(host, extradition(SECOND, SSD)) == "6985"
    assert answer(host, update(SSD, target=THIRD)) == "6985"
    assert answer(host, f"80E40000{lv('4F' + lv(str(SSD)))}00") == "6985"  # others are under it


def test_locked_and_unready_domains_take_nothing(lab: Lab) -> None:
    host = session(lab)
    assert answer(host, f"80F04080{lv(str(SSD))}") == "9000"
    assert answer(host, extradition(SSD, SECOND)) == "6985"
    assert answer(host, extradition(SECOND, SSD)) == "6985"
    fresh = Aid(bytes(SSD) + b"\x04")
    assert answer(host, install(fresh, p1=0x04)) == "009000"
    assert answer(host, extradition(fresh, SECOND)) == "6985"
    assert answer(host, extradition(SECOND, fresh)) == "009000"


def test_registry_update_changes_privileges_and_domain_together_or_not_at_all(lab: Lab) -> None:
    host = session(lab)
    assert answer(host, update(SECOND, target=SSD, privileges="80C000")) == "009000"
    assert parent(host, SECOND) == named(SSD)
    assert answer(host, status(str(SECOND), tags="C5")) == "E305C50380C0009000"
    before = lab.snapshot()
    assert answer(host, update(SECOND, target=MNO_SD, privileges="90C000")) == "6A80"
    assert answer(host, update(SECOND, target=FIRST, privileges="808000")) == "6A88"
    assert lab.snapshot() == before
    lab.restart()
    assert answer(session(lab), status(str(SECOND), tags="C5")) == "E305C50380C0009000"


@pytest.mark.parametrize(
    "command, sw",
    [
        (update(None, privileges="80C000"), "6A80"),
        (update(SECOND, privileges="00C000"), "6A80"),  # it stays a security domain
        (update(SECOND, privileges="90C000"), "6A80"),  # not the MNO-SD's own to give
        (update(SECOND, privileges="80C0"), "6A80"),
        (update(SECOND, privileges="80C000", token="AA"), "6A80"),
        (update(SECOND, privileges="80C000", parameters="EF03CF0180"), "6A80"),
        (update(MNO_SD, privileges="80C000"), "6A88"),
        (update(ISD_R, privileges="80C000"), "6A88"),
        (update(FIRST, privileges="80C000"), "6A88"),
    ],
)
def test_refused_registry_update(lab: Lab, command: str, sw: str) -> None:
    host = session(lab)
    before = lab.snapshot()
    assert answer(host, command) == sw
    assert lab.snapshot() == before


def test_privilege_that_is_taken_away_is_gone_in_an_open_session_too(lab: Lab) -> None:
    host = session(lab)
    assert answer(host, extradition(SSD, SECOND)) == "009000"
    assert lab.send("0070000001") == "019000"
    manager = session(lab, OWN, aid=SSD, channel=1)
    assert answer(host, update(SSD, privileges="808000")) == "009000"
    before = lab.snapshot()
    assert answer(manager, extradition(SSD, SECOND)) == "6985"
    assert answer(manager, update(SECOND, privileges="808000")) == "6985"
    assert lab.snapshot() == before


def test_commands_need_the_privilege_and_a_session(lab: Lab) -> None:
    host = session(lab)
    assert answer(host, update(SSD, privileges="808000")) == "009000"
    manager = session(lab, OWN, aid=SSD)
    assert answer(manager, extradition(SSD, SECOND)) == "6985"
    assert answer(manager, update(SECOND, privileges="808000")) == "6985"
    lab.restart()
    lab.send(f"00A4040008{MNO_SD}00")
    before = lab.snapshot()
    assert lab.send(extradition(SSD, SECOND)) == "6982"
    assert lab.send(update(SECOND, privileges="80C000")) == "6982"
    assert lab.snapshot() == before
