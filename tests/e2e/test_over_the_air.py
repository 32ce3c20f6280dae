# SPDX-License-Identifier: Apache-2.0
"""The whole provisioning over the air: a card with a profile in a device, and nothing but messages to reach it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from apdu.errors import M2mError
from apdu.gp.codes import Ins, LifeCycle
from apdu.ids import Aid
from apdu.ota.remote import Tag, read_script
from apdu.sms.address import Address
from apdu.sms.transport import NO_TROUBLE, Trouble
from emulator.ota.script import RemoteScripts, Target
from smdp.errors import DownloadFailed
from smsr.api.eis_parts import ProfileState
from smsr.ota.carrier import Way
from tests.scale import count
from tests.support.air import EID, FIRST, Air, number_of

SECOND = Aid.isd_p(0x11)
Submitted = Callable[[Address, bytes], None]
_READ_ONLY = (Ins.GET_DATA, Ins.GET_STATUS)


@contextmanager
def executions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[bytes]]:
    """How often the card carried out each script that changes something, SCP03t included."""
    ran: Counter[bytes] = Counter()
    run = RemoteScripts.run

    def counted(self: RemoteScripts, target: Target, script: bytes) -> bytes:
        items = [item for item in read_script(script) if item.tag != Tag.CHAINING]
        if any(item.tag != Tag.C_APDU or item.value[1] not in _READ_ONLY for item in items):
            ran[script] += 1
        return run(self, target, script)

    with monkeypatch.context() as patch:
        patch.setattr(RemoteScripts, "run", counted)
        yield ran


def check(air: Air) -> None:
    """Card and EIS agree, and the card had no internal error."""
    assert air.recorder.errors == []
    held = {aid: state for aid, state in air.states().items() if state in ("ENABLED", "DISABLED")}
    known = {
        profile.isd_p_aid: profile.state.name
        for profile in air.eis.profiles
        if profile.state in (ProfileState.ENABLED, ProfileState.DISABLED)
    }
    assert known == held


def provision(air: Air) -> None:
    air.smdp.install(air.order())
    air.smdp.enable(EID, air.subscribers[2].iccid)


@pytest.mark.parametrize("way", [Way.SMS, Way.HTTPS, None], ids=["sms", "https", "policy"])
def test_install_enable_and_audit(way: Way | None, monkeypatch: pytest.MonkeyPatch) -> None:
    air = Air(way=way)
    air.settle()
    assert air.ota.notifications.confirmed(EID) == 1  # the first attach of its life
    assert dict(air.eis.additional_properties)["imei"].startswith("0A")
    with executions(monkeypatch) as ran:
        provision(air)
    assert set(ran.values()) == {1}
    assert air.states() == {FIRST: "DISABLED", SECOND: "ENABLED"}
    assert air.present == 2
    assert air.ota.notifications.confirmed(EID) == 2
    check(air)
    assert air.channels is not None
    assert bool(air.channels.opened) is (way is not Way.SMS)
    air.audit()
    check(air)
    # and back
    assert air.smsr.disable_profile(air.profile(air.subscribers[2].iccid)).status.is_success
    assert air.present == 1
    assert air.smsr.delete_isdp(air.profile(air.subscribers[2].iccid)).status.is_success
    assert air.states() == {FIRST: "ENABLED"}
    check(air)


def test_every_bearer_ends_in_the_same_card_state() -> None:
    found = []
    for way in (Way.SMS, Way.HTTPS):
        air = Air(way=way)
        air.settle()
        provision(air)
        registry = air.card.registry
        found.append([(record.aid, record.state, record.granted, record.pol1) for record in registry.isd_ps()])
    assert (
        found[0]
        == found[1]
        == [
            (FIRST, LifeCycle.DISABLED, 0, 0),
            (SECOND, LifeCycle.ENABLED, 0, 0),
        ]
    )


def test_one_procedure_shares_one_session() -> None:
    air = Air(way=Way.HTTPS)
    air.settle()
    air.smdp.install(air.order())
    assert air.channels is not None
    assert air.channels.opened == 1
    air.settle(30)  # longer than a request is held
    air.audit()
    assert air.channels.opened == 2


def test_cc_81_12_the_link_cut_at_each_piece_of_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card comes back, nothing runs twice, and the provisioning completes."""
    crossed = at = 0
    while at <= crossed:
        air = Air(way=Way.HTTPS, seed="cut")
        air.settle()
        assert air.channels is not None
        seen = [0]

        def cut(up: bool, data: bytes, seen: list[int] = seen, at: int = at) -> bool:
            seen[0] += 1
            return seen[0] == at

        air.channels.cut = cut
        with executions(monkeypatch) as ran:
            provision(air)
        assert set(ran.values()) == {1}, at
        assert air.present == 2, at
        check(air)
        crossed = crossed or seen[0]
        at += count("link_cut_stride")
    assert crossed > 30


def test_a_link_that_breaks_all_the_time_ends_in_a_clear_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    air = Air(way=Way.HTTPS)
    air.settle()
    assert air.channels is not None
    air.channels.cut = lambda up, data: True
    with executions(monkeypatch) as ran, pytest.raises(M2mError, match="did not come when it was called"):
        provision(air)
    assert not ran
    air.channels.cut = lambda up, data: False
    air.settle(600)
    air.audit()  # what is left of the try that nobody knows the end of
    provision(air)
    check(air)


@pytest.mark.parametrize("seed", range(count("sms_loss")))
def test_a_fifth_of_all_messages_lost_doubled_and_reordered(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It completes or fails cleanly; nothing runs twice; without trouble it then completes."""
    air = Air(seed=f"loss {seed}", trouble=Trouble(lost=0.2, duplicated=0.2, reordered=0.2))
    air.settle(60)
    with executions(monkeypatch) as ran:
        try:
            provision(air)
        except M2mError:
            assert {script.hex(): times for script, times in ran.items() if times > 1} == {}
            ran.clear()
            air.sms.trouble = NO_TROUBLE
            air.settle(900)  # what is still on its way arrives
            air.audit()
            check(air)
            if air.eis.find(air.subscribers[2].iccid) is None:
                assert air.states() == {FIRST: "ENABLED"}
                air.smdp.install(air.order())
            if air.present == 1:
                air.smdp.enable(EID, air.subscribers[2].iccid)
    assert {script.hex(): times for script, times in ran.items() if times > 1} == {}
    assert air.present == 2
    check(air)


def test_a_card_that_is_away_is_reported_and_gets_what_was_meant_for_it_at_most_once() -> None:
    air = Air()
    air.settle()
    assert air.device.network is not None
    air.device.network.lose_coverage()
    with pytest.raises(M2mError, match="no answer"):
        air.smdp.install(air.order())
    air.device.network.restore()
    air.settle(60)
    assert air.states().keys() <= {FIRST, SECOND}
    air.sms.alert(number_of(1))
    air.settle(60)
    check(air)


@pytest.mark.parametrize("lost", range(1, 8))
def test_key_agreement_and_download_begin_anew_when_an_answer_is_lost(lost: int) -> None:
    """The n-th answer of the card gets lost; an order may say that this is not the end."""
    # CreateISDP is looked for by the SM-SR; a profile that is installed already refuses another download
    for attempts, works in ((1, lost == 1), (2, lost != 7)):
        air = Air()
        air.settle()
        numbers = iter(range(1, 1000))
        taken = air.ota.sms.submitted

        def submitted(sender: Address, tpdu: bytes, numbers: Iterator[int] = numbers, taken: Submitted = taken) -> None:
            if next(numbers) != lost:
                taken(sender, tpdu)

        air.ota.sms.submitted = submitted  # type: ignore[method-assign]
        if works:
            air.smdp.install(air.order(attempts=attempts))
            assert air.states()[SECOND] == "DISABLED"
        else:
            with pytest.raises(DownloadFailed):
                air.smdp.install(air.order(attempts=attempts))
            assert SECOND not in air.states()
        check(air)
