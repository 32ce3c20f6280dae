# SPDX-License-Identifier: Apache-2.0
"""PIN commands and what they open, through the dispatcher (TS 102 221 9, 11.1.9 to 11.1.13)."""

from __future__ import annotations

import pytest

from apdu.command.fcp import FcpTemplate, PinStatusEntry
from emulator.memory.journal import Moment, PowerCut
from emulator.profile.base import ProfileBase
from tests.unit.fs.builder import ISIM, USIM, ProfileBuilder, SmallCard, pin, standard

VERIFY, CHANGE, DISABLE, ENABLE, UNBLOCK = "20", "24", "26", "28", "2C"
WRONG = "0815"


@pytest.fixture(scope="module")
def base() -> ProfileBase:
    return standard().build()


@pytest.fixture
def card(base: ProfileBase) -> SmallCard:
    return SmallCard(base)


def send(card: SmallCard, ins: str, reference: int, *digits: str, p1: int = 0) -> str:
    data = b"".join(pin(text) for text in digits)
    return card(f"00{ins}{p1:02X}{reference:02X}" + (f"{len(data):02X}" if data else ""), data)


def tries(card: SmallCard, reference: int = 0x01) -> str:
    return card(f"002000{reference:02X}")


def enabled(card: SmallCard, reference: int) -> bool:
    answer = card("00A40004023F0000")
    status = FcpTemplate.from_tlv(bytes.fromhex(answer[:-4])).pin_status
    assert status is not None
    return next(entry.enabled for entry in status.entries if entry.reference == reference)


@pytest.mark.parametrize(
    "command, status",
    [
        ("0020000108" + pin("1234").hex(), "9000"),
        ("0020000108" + pin(WRONG).hex(), "63C2"),
        ("00200001", "63C3"),
        ("0020000100", "63C3"),  # as pcscd sends a command of four bytes
        ("0020000200", "6A88"),
        ("0020008100", "6A88"),  # local references belong to an application
        ("0020008200", "6A88"),
        ("0020000000", "6A88"),
        ("0020000107" + "31" * 7, "6700"),
        ("0020000109" + "31" * 9, "6700"),
        ("0020010108" + pin("1234").hex(), "6A86"),
        ("0020800100", "6A86"),
        ("0024000110" + (pin("1234") + pin("4321")).hex(), "9000"),
        ("0024000110" + (pin(WRONG) + pin("4321")).hex(), "63C2"),
        ("0024000108" + pin("1234").hex(), "6700"),
        ("00240001", "6700"),
        ("0024010110" + (pin("1234") + pin("4321")).hex(), "6A86"),
        ("0024000310" + (pin("1234") + pin("4321")).hex(), "6A88"),
        ("0026000108" + pin("1234").hex(), "9000"),
        ("0026000108" + pin(WRONG).hex(), "63C2"),
        ("0026910108" + pin("1234").hex(), "9000"),
        ("0026900108" + pin("1234").hex(), "6A86"),
        ("0026010108" + pin("1234").hex(), "6A86"),
        ("0026000A08" + pin("99999999").hex(), "6985"),  # its attributes do not allow it
        ("0026910A08" + pin("99999999").hex(), "6A88"),  # only application pins are replaced
        ("0026000108", "6700"),
        ("0028000108" + pin("1234").hex(), "6984"),  # it is enabled
        ("0028010108" + pin("1234").hex(), "6A86"),
        ("00280001", "6700"),
        ("002C000110" + (pin("11111111") + pin("4321")).hex(), "9000"),
        ("002C000110" + (pin(WRONG) + pin("4321")).hex(), "63C9"),
        ("002C0001", "63CA"),
        ("002C000100", "63CA"),
        ("002C000A00", "6A88"),  # no unblocking key
        ("002C000300", "6A88"),
        ("002C000108" + pin("11111111").hex(), "6700"),
        ("002C010110" + (pin("11111111") + pin("4321")).hex(), "6A86"),
    ],
)
def test_answers_of_a_fresh_card(card: SmallCard, command: str, status: str) -> None:
    assert card(command) == status


@pytest.mark.parametrize("ins, digits", [(VERIFY, (WRONG,)), (CHANGE, (WRONG, "4321")), (DISABLE, (WRONG,))])
def test_cc_ui_19_pin_retry_counter(card: SmallCard, ins: str, digits: tuple[str, ...]) -> None:
    assert [send(card, ins, 0x01, *digits) for _ in range(5)] == ["63C2", "63C1", "63C0", "6983", "6983"]
    assert tries(card) == "63C0"
    assert send(card, VERIFY, 0x01, "1234") == "6983"
    assert send(card, CHANGE, 0x01, "1234", "4321") == "6983"
    assert send(card, DISABLE, 0x01, "1234") == "6983"
    assert send(card, ENABLE, 0x01, "1234") == "6983"
    card.reset()
    assert tries(card) == "63C0"


def test_right_pin_makes_the_counter_full_again(card: SmallCard) -> None:
    assert send(card, VERIFY, 0x01, WRONG) == "63C2"
    assert send(card, VERIFY, 0x01, WRONG) == "63C1"
    assert send(card, VERIFY, 0x01, "1234") == "9000"
    assert tries(card) == "63C3"


@pytest.mark.parametrize("moment", [Moment.MARKED, Moment.AFTER])
@pytest.mark.parametrize("digits, after_the_cut", [(WRONG, "63C2"), ("1234", "63C2")])
def test_cc_ui_19_counter_is_durable_before_the_answer(
    card: SmallCard, moment: Moment, digits: str, after_the_cut: str
) -> None:
    """The power fails right after the early batch, before the comparison: the try is spent, right or wrong."""

    def hook(now: Moment) -> None:
        if now is moment:
            raise PowerCut

    card.backend.hook = hook
    with pytest.raises(PowerCut):
        send(card, VERIFY, 0x01, digits)
    reopened = SmallCard(card.base, card.flash)
    assert tries(reopened) == after_the_cut
    assert not reopened.verified


def test_cc_ui_19_cut_before_the_counter_is_stored_gives_no_answer_to_learn_from(card: SmallCard) -> None:
    compared: list[Moment] = []

    def hook(now: Moment) -> None:
        compared.append(now)
        raise PowerCut

    card.backend.hook = hook
    with pytest.raises(PowerCut):
        send(card, VERIFY, 0x01, WRONG)
    assert compared == [Moment.BEFORE]
    assert tries(SmallCard(card.base, card.flash)) == "63C3"


def test_cc_ui_20_unblock_retry_counter_never_wraps(card: SmallCard) -> None:
    answers = [send(card, UNBLOCK, 0x01, WRONG, "4321") for _ in range(12)]
    assert answers == [f"63C{n:X}" for n in range(9, -1, -1)] + ["6983", "6983"]
    assert send(card, UNBLOCK, 0x01, "11111111", "4321") == "6983"
    card.reset()
    assert send(card, UNBLOCK, 0x01, "11111111", "4321") == "6983"
    assert card("002C0001") == "63C0"
    assert send(card, VERIFY, 0x01, "1234") == "9000"  # the PIN itself still works


def test_cc_ui_20_unblock_counter_is_durable_before_the_answer(card: SmallCard) -> None:
    def hook(now: Moment) -> None:
        if now is Moment.AFTER:
            raise PowerCut

    card.backend.hook = hook
    with pytest.raises(PowerCut):
        send(card, UNBLOCK, 0x01, "11111111", "4321")
    reopened = SmallCard(card.base, card.flash)
    assert reopened("002C0001") == "63C9"
    assert send(reopened, VERIFY, 0x01, "1234") == "9000"  # the PIN is the old one


def test_unblock_sets_a_new_pin_enabled_and_verified_with_full_counters(card: SmallCard) -> None:
    for _ in range(3):
        send(card, VERIFY, 0x01, WRONG)
    assert send(card, UNBLOCK, 0x01, WRONG, "4321") == "63C9"
    assert send(card, UNBLOCK, 0x01, "11111111", "4321") == "9000"
    assert (tries(card), card("002C0001")) == ("63C3", "63CA")
    card.usim()
    assert card("00B0870009").endswith("9000")
    assert send(card, VERIFY, 0x01, "1234") == "63C2"
    assert send(card, VERIFY, 0x01, "4321") == "9000"


def test_unblock_enables_a_disabled_pin(card: SmallCard) -> None:
    send(card, DISABLE, 0x01, "1234")
    assert send(card, UNBLOCK, 0x01, "11111111", "4321") == "9000"
    assert enabled(card, 0x01)
    card.reset()
    card.usim()
    assert card("00B0870009") == "6982"


def test_changed_pin_survives_a_reset(card: SmallCard) -> None:
    assert send(card, CHANGE, 0x01, "1234", "4321") == "9000"
    card.usim()
    assert card("00B0870009").endswith("9000")  # showing the old PIN verified it
    reopened = SmallCard(card.base, card.flash)
    assert send(reopened, VERIFY, 0x01, "1234") == "63C2"
    assert send(reopened, VERIFY, 0x01, "4321") == "9000"


def test_changed_pin_leaves_nothing_of_the_one_before(card: SmallCard) -> None:
    for old, new in (("1234", "2468"), ("2468", "1357")):
        assert send(card, "24", 0x01, old, new) == "9000"
        assert pin(new) in card.flash.contents()
    assert pin("2468") not in card.flash.contents()


def test_attributes_may_forbid_a_change() -> None:
    builder = standard()
    builder.secret(0, 0x02, "2222", attributes=1)
    card = SmallCard(builder.build())
    assert send(card, CHANGE, 0x02, "2222", "3333") == "6985"
    assert send(card, DISABLE, 0x02, "2222") == "6985"
    assert tries(card, 0x02) == "63C3"  # no try was spent on it


def test_disabled_pin_asks_for_nothing_and_says_so(card: SmallCard) -> None:
    card.usim()
    assert card("00B0870009") == "6982"
    assert send(card, DISABLE, 0x01, "1234") == "9000"
    assert not enabled(card, 0x01)
    card.usim()
    assert card("00B0870009").endswith("9000")
    assert send(card, VERIFY, 0x01, "1234") == "6984"
    assert send(card, CHANGE, 0x01, "1234", "4321") == "6984"
    assert send(card, DISABLE, 0x01, "1234") == "6984"
    card.reset()
    card.usim()
    assert card("00B0870009").endswith("9000")
    assert send(card, ENABLE, 0x01, WRONG) == "63C2"
    assert send(card, ENABLE, 0x01, "1234") == "9000"
    assert card("00B0870009").endswith("9000")  # enabling verified it
    assert enabled(card, 0x01)
    card.reset()
    card.usim()
    assert card("00B0870009") == "6982"


def test_enabling_can_block(card: SmallCard) -> None:
    send(card, DISABLE, 0x01, "1234")
    assert [send(card, ENABLE, 0x01, WRONG) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert send(card, VERIFY, 0x01, "1234") == "6983"


def test_attributes_may_forbid_enabling() -> None:
    builder = standard()
    builder.secret(0, 0x01, "1234", attributes=0)
    card = SmallCard(builder.build())
    assert send(card, ENABLE, 0x01, "1234") == "6985"


def test_wrong_pin_ends_the_verified_state(card: SmallCard) -> None:
    card.usim()
    send(card, VERIFY, 0x01, "1234")
    assert card("00B0870009").endswith("9000")
    assert send(card, VERIFY, 0x01, WRONG) == "63C2"
    assert card("00B0870009") == "6982"


def test_cc_ui_02_reset_forgets_what_was_verified(card: SmallCard) -> None:
    card.usim()
    send(card, VERIFY, 0x01, "1234")
    card("0070000001")
    card.reset()
    assert card("80F2000000") == card("00A40004023F0000")  # the MF is selected
    assert card("01B0000001") == "6881"
    card.usim()
    assert card("00B0870009") == "6982"


def universal_usage(card: SmallCard) -> PinStatusEntry:
    card.select(0x7FFF)
    status = FcpTemplate.from_tlv(bytes.fromhex(card("80F2000000")[:-4])).pin_status
    assert status is not None
    return next(entry for entry in status.entries if entry.reference == 0x11)


def test_universal_pin_takes_the_place_of_the_application_pin(card: SmallCard) -> None:
    card.usim()
    assert universal_usage(card) == PinStatusEntry(0x11, True, 0x00)
    assert send(card, DISABLE, 0x01, "1234", p1=0x91) == "9000"
    assert universal_usage(card) == PinStatusEntry(0x11, True, 0x08)
    assert card("00B0870009") == "6982"
    assert send(card, VERIFY, 0x11, "0000") == "9000"
    assert card("00B0870009").endswith("9000")
    assert send(card, DISABLE, 0x11, "0000") == "9000"
    assert card("00B0870009").endswith("9000")
    assert send(card, ENABLE, 0x11, "0000") == "9000"
    assert send(card, ENABLE, 0x01, "1234") == "9000"
    assert universal_usage(card).usage == 0x00
    card.reset()
    card.usim()
    assert send(card, VERIFY, 0x11, "0000") == "9000"
    assert card("00B0870009") == "6982"  # the application PIN is asked for again


def test_replacing_needs_a_universal_pin() -> None:
    builder = standard()
    del builder.pins[0, 0x11]
    card = SmallCard(builder.build())
    assert send(card, DISABLE, 0x01, "1234", p1=0x91) == "6A88"
    assert tries(card) == "63C3"


def test_local_pins_belong_to_their_application(card: SmallCard) -> None:
    card.usim()
    assert send(card, VERIFY, 0x81, "5678") == "9000"
    send(card, VERIFY, 0x01, "1234")
    assert card("00DC014C0A" + "00" * 10) == "9000"
    card.usim(ISIM)
    assert send(card, VERIFY, 0x81, "5678") == "63C2"  # the same reference, another PIN
    assert send(card, VERIFY, 0x81, "8765") == "9000"
    card.usim()
    assert card("00DC014C0A" + "00" * 10) == "6982"  # selecting another application ended the session
    assert tries(card, 0x81) == "63C3"


def test_local_pin_outlives_the_mf_but_not_its_application(card: SmallCard) -> None:
    card.usim()
    send(card, VERIFY, 0x01, "1234")
    send(card, VERIFY, 0x81, "5678")
    card.select(0x3F00, 0x7F10, 0x6F42)
    assert tries(card, 0x81) == "63C3"  # under the MF the active application's PIN is meant
    assert card("00DC01041C" + "00" * 28) == "9000"
    card.select(0x7FFF, 0x6F3B)
    assert card("00DC01040A" + "00" * 10) == "9000"
    assert card(f"00A4044C0C{USIM}") == "9000"
    card.usim()
    assert card("00DC014C0A" + "00" * 10) == "6982"


def test_local_pin_stays_verified_while_another_channel_has_the_application(card: SmallCard) -> None:
    card.usim()
    card("0070000001")
    assert card(f"01A4040C0C{USIM}") == "9000"
    send(card, VERIFY, 0x01, "1234")
    send(card, VERIFY, 0x81, "5678")
    card.usim(ISIM)
    assert card("01DC014C0A" + "00" * 10) == "9000"
    assert card("00708001") == "9000"
    card.usim()
    assert card("00DC014C0A" + "00" * 10) == "6982"


def shared_pin() -> ProfileBuilder:
    """ISIM and USIM share their local PINs, as the filePath form of pinCodes says."""
    builder = standard()
    usim, isim = builder.adfs[:2]
    del builder.pins[isim.context, 0x81]
    isim.context = usim.context
    return builder


def test_shared_local_pins_have_one_counter() -> None:
    card = SmallCard(shared_pin().build())
    card.usim()
    assert send(card, VERIFY, 0x81, WRONG) == "63C2"
    card.usim(ISIM)
    assert tries(card, 0x81) == "63C2"


def test_global_pins_serve_every_channel(card: SmallCard) -> None:
    send(card, VERIFY, 0x01, "1234")
    card("0070000001")
    assert card(f"01A4040C0C{USIM}") == "9000"
    assert card("01B0870009").endswith("9000")


def test_pin_values_are_in_no_text(card: SmallCard) -> None:
    assert card.files is not None
    pins = card.files.pins
    key = pins.key(0x01, None, None)
    assert key is not None
    assert "1234" not in repr(pins.state(key)) + repr(pins.spec(key))
    assert pin("1234").hex() not in repr(pins.state(key))
