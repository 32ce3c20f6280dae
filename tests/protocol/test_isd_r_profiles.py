# SPDX-License-Identifier: Apache-2.0
"""Enable, disable, fall-back, POL1 and REFRESH at the ISD-R (SGP.02 v4.2 4.1.1.2, 4.1.1.3, 4.1.1.7, 4.1.1.12)."""

from __future__ import annotations

import itertools

import pytest

from apdu.gp.codes import LifeCycle
from tests.protocol.test_isd_r import FIRST, PREFIX, SECOND, answer, delete, lv, status
from tests.support.lab import Lab, SecureHost

THIRD = f"{PREFIX}001500"
S = LifeCycle


def store(dgi: str, aid: str = "", *, value: str = "", p1: int = 0x88, le: str = "") -> str:
    return f"80E2{p1:02X}00{lv(dgi + lv(value or '4F' + lv(aid)))}{le}"


def enable(aid: str) -> str:
    return store("3A03", aid)


def disable(aid: str) -> str:
    return store("3A04", aid)


def fall_back(aid: str) -> str:
    return store("3A05", aid)


def confirm(sequence: int) -> str:
    return store("3A08", value=f"4E02{sequence:04X}", p1=0x89, le="00")


def states(host: SecureHost) -> dict[str, str]:
    """State and fall-back attribute of the three ISD-Ps, as GET STATUS tells them."""
    found = {}
    for aid in (FIRST, SECOND, THIRD):
        reply = answer(host, status(aid, "9F7053"))
        found[aid[-6:-2]] = reply[10:12] + reply[16:18] if reply.endswith("9000") else reply
    return found


def test_cc_e5_06_the_first_profile_is_enabled(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.DISABLED)
    host = lab.open_isd_r()
    assert enable(FIRST) == f"80E28800153A03124F10{FIRST}"  # card.md 4.2
    assert answer(host, enable(FIRST)) == "9000"
    assert states(host)["0013"] == "3F00"


def test_cc_e5_06_the_one_enabled_before_is_disabled(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == "9000"
    assert states(host) == {"0013": "1F00", "0014": "3F00", "0015": "6A88"}
    assert answer(host, enable(FIRST)) == "9000"
    assert states(host) == {"0013": "3F00", "0014": "1F00", "0015": "6A88"}


def test_cc_e5_06_some_senders_ask_for_data(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, store("3A03", FIRST, le="00")) == "9000"


def test_cc_e5_06_refresh_is_announced_and_fetched(lab: Lab) -> None:
    """card.md 4.14: D0 09 81 03 nn 01 04 82 02 81 82, after TERMINAL PROFILE only (annex 6.1, 6.2)."""
    lab.put_isd_p(0x13, S.DISABLED)
    assert lab.send("8010000014" + "FF" * 20) == "9000"
    host = lab.open_isd_r()
    assert answer(host, enable(FIRST)) == "910B"
    assert lab.send("80F2000C") == "910B"
    assert lab.send("801200000A") == "6C0B"
    refresh = lab.send("801200000B")
    assert (refresh[:8], refresh[10:]) == ("D0098103", "01048202818290" + "00")
    assert lab.send("801200000B") == "6985"  # one at a time
    assert states(host)["0013"] == "3F00"  # the registry needed no REFRESH


def test_cc_e5_06_without_terminal_profile_nothing_is_announced(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(FIRST)) == "9000"
    assert lab.send("80F2000C") == "9000"
    assert lab.send("801200000B") == "6985"


REFUSED_STATES = [S.SELECTABLE, S.PERSONALIZED, S.ENABLED]


@pytest.mark.parametrize("state", REFUSED_STATES)
def test_cc_e5_08_the_target_is_not_disabled(lab: Lab, state: LifeCycle) -> None:
    lab.put_isd_p(0x13, state)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, enable(FIRST)) == "6985"
    assert lab.snapshot() == before


@pytest.mark.parametrize("function", ["3A03", "3A04", "3A05"])
def test_cc_e5_07_cc_e5_15_cc_e5_19_unknown_target(lab: Lab, function: str) -> None:
    lab.put_isd_p(0x13, S.ENABLED, fallback=True)
    host = lab.open_isd_r()
    before = lab.snapshot()
    for aid in (SECOND, FIRST[:-2], f"{PREFIX}000100", f"{PREFIX}000200", f"{PREFIX}000F00", "A000000151000000"):
        assert answer(host, store(function, aid)) == "6A88"
    assert lab.snapshot() == before


WRONG_STRUCTURES = {
    "empty": "",
    "no 4F": "5F0101",
    "two 4F": f"4F10{FIRST}" * 2,
    "something after it": f"4F10{FIRST}990100",
    "AID empty": "4F00",
    "AID of 4 bytes": "4F04A0000005",
    "AID of 17 bytes": f"4F11{FIRST}00",
    "longer than its parent": f"4F11{FIRST}",
    "shorter than its parent": f"4F0F{FIRST}",
    "indefinite length": f"4F80{FIRST}0000",
    "length of five bytes": f"4F8500000000{FIRST}",
    "length 84FFFFFFFF": f"4F84FFFFFFFF{FIRST}",
}


@pytest.mark.parametrize("name", WRONG_STRUCTURES)
@pytest.mark.parametrize("function", ["3A03", "3A04", "3A05"])
def test_wrong_structures(lab: Lab, function: str, name: str) -> None:
    lab.put_isd_p(0x13, S.DISABLED, fallback=True)
    host = lab.open_isd_r()
    before = lab.snapshot()
    value = WRONG_STRUCTURES[name]
    assert answer(host, f"80E28800{lv(function + lv(value))}") == "6A80"
    assert answer(host, f"80E28800{lv(function + f'{len(value) // 2 + 1:02X}' + value)}") == "6A80"  # DGI too long
    assert lab.snapshot() == before


def test_two_functions_in_one_command(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.DISABLED, fallback=True)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    both = f"3A0312 4F10{FIRST} 3A0512 4F10{SECOND}".replace(" ", "")
    assert answer(host, f"80E28800{lv(both)}") == "6A80"
    assert lab.snapshot() == before


def test_cc_e5_09_pol1_of_the_enabled_profile(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x01)
    lab.put_isd_p(0x14, S.DISABLED, pol1=0x07)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, enable(SECOND)) == "69E1"
    assert lab.snapshot() == before


def test_pol1_of_the_target_does_not_matter_for_enable(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x02)
    lab.put_isd_p(0x14, S.DISABLED, pol1=0x03)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == "9000"
    assert answer(host, enable(FIRST)) == "69E1"  # now it is the one that must not be disabled


def test_cc_e5_14_disable(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED)
    lab.put_isd_p(0x14, S.DISABLED, fallback=True)
    lab.put_isd_p(0x15, S.DISABLED)
    host = lab.open_isd_r()
    assert disable(FIRST) == f"80E28800153A04124F10{FIRST}"
    assert answer(host, disable(FIRST)) == "9000"
    assert states(host) == {"0013": "1F00", "0014": "3F01", "0015": "1F00"}


def test_cc_e5_14_disable_asks_for_a_refresh(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED)
    lab.put_isd_p(0x14, S.DISABLED, fallback=True)
    lab.send("8010000014" + "FF" * 20)
    host = lab.open_isd_r()
    assert answer(host, disable(FIRST)) == "910B"
    assert lab.send("801200000B")[10:] == "0104820281829000"


@pytest.mark.parametrize("state", [S.SELECTABLE, S.PERSONALIZED, S.DISABLED])
def test_cc_e5_15_disable_what_is_not_enabled(lab: Lab, state: LifeCycle) -> None:
    lab.put_isd_p(0x13, state)
    lab.put_isd_p(0x14, S.ENABLED, fallback=True)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, disable(FIRST)) == "6985"
    assert lab.snapshot() == before


def test_cc_e5_16_the_fall_back_profile_is_not_disabled(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, fallback=True)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, disable(FIRST)) == "6985"
    assert lab.snapshot() == before


def test_nothing_to_fall_back_to(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, disable(FIRST)) == "6985"
    assert lab.snapshot() == before


def test_cc_e5_17_pol1_forbids_disabling(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x01)
    lab.put_isd_p(0x14, S.DISABLED, fallback=True)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, disable(FIRST)) == "69E1"
    assert lab.snapshot() == before


@pytest.mark.parametrize("state", [S.DISABLED, S.ENABLED])
def test_cc_e5_18_the_fall_back_attribute_moves(lab: Lab, state: LifeCycle) -> None:
    lab.put_isd_p(0x13, S.DISABLED, fallback=True)
    lab.put_isd_p(0x14, state)
    host = lab.open_isd_r()
    assert answer(host, fall_back(SECOND)) == "9000"
    shown = states(host)
    assert (shown["0013"], shown["0014"][2:]) == ("1F00", "01")
    assert answer(host, fall_back(FIRST)) == "9000"
    assert states(host)["0013"] == "1F01"


@pytest.mark.parametrize("state", [S.SELECTABLE, S.PERSONALIZED])
def test_cc_e5_19_the_fall_back_attribute_needs_a_profile(lab: Lab, state: LifeCycle) -> None:
    lab.put_isd_p(0x13, S.DISABLED, fallback=True)
    lab.put_isd_p(0x14, state)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, fall_back(SECOND)) == "6985"
    assert lab.snapshot() == before


def test_cc_e5_20_pol1_of_the_enabled_profile_pins_the_fall_back(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x01, fallback=True)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    before = lab.snapshot()
    assert answer(host, fall_back(SECOND)) == "6985"
    assert lab.snapshot() == before


def test_cc_e5_10_delete_on_disable_happens_at_the_confirmation(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x04)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == "9000"
    assert states(host) == {"0013": "1F00", "0014": "3F00", "0015": "6A88"}  # still there
    before = lab.snapshot()
    assert answer(host, confirm(0x0001)) == "6A88"  # CC-E5-43: another number
    assert lab.snapshot() == before
    assert answer(host, confirm(0x0000)) == f"80124F10{FIRST}9000"
    assert states(host) == {"0013": "6A88", "0014": "3F00", "0015": "6A88"}
    assert answer(host, confirm(0x0000)) == "6A88"  # CC-E5-44: once


def test_cc_e5_10_the_fall_back_profile_is_never_deleted_that_way(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x04, fallback=True)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == "9000"
    assert answer(host, confirm(0x0000)) == "9000"
    assert states(host)["0013"] == "1F01"


def test_cc_e5_10_a_second_change_before_the_confirmation_forgets_no_profile(lab: Lab) -> None:
    """A -> B -> C without a confirmation between: what POL1 wants of A and B happens at that of the last change."""
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x04)
    lab.put_isd_p(0x14, S.DISABLED, pol1=0x04)
    lab.put_isd_p(0x15, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == answer(host, enable(THIRD)) == "9000"
    assert answer(host, confirm(0x0000)) == "6A88"  # that change is history
    assert states(host) == {"0013": "1F00", "0014": "1F00", "0015": "3F00"}
    assert answer(host, confirm(0x0001)) == f"80244F10{FIRST}4F10{SECOND}9000"
    assert states(host) == {"0013": "6A88", "0014": "6A88", "0015": "3F00"}


def test_cc_e5_10_a_profile_that_was_enabled_again_stays(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x04)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    for command in (enable(SECOND), enable(FIRST)):
        assert answer(host, command) == "9000"
    assert answer(host, confirm(0x0001)) == "9000"
    assert states(host) == {"0013": "3F00", "0014": "1F00", "0015": "6A88"}
    assert answer(host, enable(SECOND)) == "9000"
    assert answer(host, confirm(0x0002)) == f"80124F10{FIRST}9000"


def test_cc_e5_10_the_rule_does_not_pass_to_another_profile_with_the_same_aid(lab: Lab) -> None:
    """A is deleted before the confirmation, and its AID is given again to a profile that was never enabled."""
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x04)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == "9000"
    assert answer(host, delete(FIRST)) == "009000"
    lab.put_isd_p(0x13, S.DISABLED, pol1=0x04)
    assert answer(host, confirm(0x0000)) == "9000"
    assert states(host) == {"0013": "1F00", "0014": "3F00", "0015": "6A88"}


def test_notification_numbers_count(lab: Lab) -> None:
    lab.put_isd_p(0x13, S.ENABLED)
    lab.put_isd_p(0x14, S.DISABLED, fallback=True)
    host = lab.open_isd_r()
    assert answer(host, confirm(0x0000)) == "6A88"  # nothing has changed yet
    for number, command in enumerate((enable(SECOND), enable(FIRST), disable(FIRST), enable(FIRST))):
        assert answer(host, command) == "9000"
        assert answer(host, confirm(number + 1)) == "6A88"
        assert answer(host, confirm(number)) == "9000"


@pytest.mark.parametrize("value", ["", "4E00", "4E0100", "4E03000000", "4F020000", "4E0200004E020000", "4E0300 00"])
def test_confirmations_that_are_wrong(lab: Lab, value: str) -> None:
    lab.put_isd_p(0x13, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(FIRST)) == "9000"
    before = lab.snapshot()
    value = value.replace(" ", "")
    assert answer(host, f"80E28900{lv('3A08' + lv(value))}00") == "6A80"
    assert lab.snapshot() == before
    assert answer(host, confirm(0)) == "9000"


def test_a_confirmation_whose_answer_nobody_wants(lab: Lab) -> None:
    """GPCS 11.11: a case 3 command for which response data exist is 6A86; then nothing has happened either."""
    lab.put_isd_p(0x13, S.ENABLED, pol1=0x04)
    lab.put_isd_p(0x14, S.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, enable(SECOND)) == "9000"
    before = lab.snapshot()
    assert answer(host, store("3A08", value="4E020000", p1=0x88)) == "6A86"
    assert lab.snapshot() == before
    assert answer(host, confirm(0)) == f"80124F10{FIRST}9000"


def test_cc_pr_12_every_short_history_keeps_the_invariants(lab: Lab) -> None:
    """At most one enabled, exactly one fall-back holder which exists (I1, I2), over sequences of three functions."""
    for number in (0x13, 0x14, 0x15):
        lab.put_isd_p(number, S.ENABLED if number == 0x13 else S.DISABLED, fallback=number == 0x14)
    host = lab.open_isd_r()
    start = dict(lab.card.memory.items("isdp/")) | {"isdr": lab.card.memory.get("isdr")}
    actions = [action(aid) for action in (enable, disable, fall_back, delete) for aid in (FIRST, SECOND, THIRD)]
    for history in itertools.product(actions, repeat=2):
        for key, value in start.items():
            assert value is not None
            lab.card.memory.put(key, value)
        lab.card.memory.commit()
        for command in (*history, history[0]):
            assert answer(host, command) in ("9000", "009000", "6985", "6A88")
            shown = states(host)
            assert sum(value.startswith("3F") for value in shown.values()) == 1, history
            assert sum(value.endswith("01") for value in shown.values()) == 1, history


# --- addressing parameters


def test_sm_sr_addressing_parameters(lab: Lab) -> None:
    host = lab.open_isd_r()
    first = "A308" + "8106068521436500"[:16]
    assert answer(host, store("3A07", value=first)) == "9000"
    assert list(lab.card.registry.isd_r.addressing) == [bytes.fromhex(first)]
    assert answer(host, store("3A07", value="A4028100A5028100")) == "9000"
    assert answer(host, store("3A07", value="A300")) == "9000"  # an empty object clears
    stored = list(lab.card.registry.isd_r.addressing)
    assert stored == [bytes.fromhex("A4028100"), bytes.fromhex("A5028100")]


@pytest.mark.parametrize("value", ["", "A0028100", "A3", "A3038100", "A3028100A3028100", "A3028101", "4F00", "A380"])
def test_cc_e5_40_wrong_addressing_parameters(lab: Lab, value: str) -> None:
    host = lab.open_isd_r()
    assert answer(host, store("3A07", value="A303810105")) == "9000"
    before = lab.snapshot()
    assert answer(host, f"80E28800{lv('3A07' + lv(value))}") == "6A80"
    assert lab.snapshot() == before
