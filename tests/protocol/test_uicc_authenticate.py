# SPDX-License-Identifier: Apache-2.0
"""AUTHENTICATE through the dispatcher, against published vectors (TS 35.208, TS 34.108; TS 31.102 7.1, TS 33.102)."""

from __future__ import annotations

import pytest

from apdu.aka.milenage import Milenage
from apdu.aka.tokens import Auts, join_sqn, make_autn, open_auts
from apdu.aka.xor import XorAlgorithm
from emulator.memory.journal import Moment, PowerCut
from emulator.profile.base import ProfileBase
from tests.unit.fs.builder import CSIM, ISIM, USIM, ProfileBuilder, SmallCard, service_table, standard

MILENAGE, TEST = 1, 3
# TS 35.208 4.3, test set 1; AUTN and the response are computed by vectors.py of the specification's facts
K = "465B5CE8B199B49FAA5F0A2EE238A6BC"
OPC = "CD63CB71954A9F4E48A5994E37A02BAF"
RAND = "23553CBE9637A89D218AE64DAE47BF35"
AUTN = "55F328B43577B9B94A9FFAC354DFAFB3"
RES, KC = "A54211D5E3BA50BF", "EAE4BE823AF9A08B"
CK, IK = "B40BA9A3C58B2A05BBF0D987B21BF8CB", "F769BCD751044604127672711C6D3441"
SRES = "46F8416A"
AUTS = "BA853F3C123CCF44E93596E355C6"
SQN_SET_1 = bytes.fromhex("FF9BB4D0B607")
RESPONSE = f"DB08{RES}10{CK}10{IK}"
FAR = 1 << 43  # a sqnDelta that lets the SQN of the test set pass at once

# TS 34.108 8.1.2, by its equations: the vector of the annex
XOR_K = "000102030405060708090A0B0C0D0E0F"
XOR_AUTN = "BD9232AE9A08800023543EBD92132E9A"
XOR_RES = "23543EBD9232AE9A2983EC46A24AB13A"
XOR_CK, XOR_IK = "543EBD9232AE9A2983EC46A24AB13A23", "3EBD9232AE9A2983EC46A24AB13A2354"
XOR_KC, XOR_SRES = "0529CB4867BFAADD", "3AAFCD5B"


def challenge(rand: str, autn: str) -> str:
    return f"0088008122 10{rand} 10{autn}".replace(" ", "") + "00"


def builder(algorithm: int = MILENAGE, **more: object) -> ProfileBuilder:
    made = standard()
    usim, isim, csim = made.adfs
    if algorithm == MILENAGE:
        more.setdefault("sqn_delta", FAR - 1)
        for adf in (usim, isim):
            made.naa(adf, MILENAGE, K, OPC, **more)  # type: ignore[arg-type]  # options of the NAA
    else:
        for adf in (usim, isim):
            made.naa(adf, algorithm, XOR_K, options=2, **more)  # type: ignore[arg-type]
    made.naa(csim, algorithm, K, OPC)
    return made


def ready(base: ProfileBase) -> SmallCard:
    card = SmallCard(base)
    card.usim()
    card.verify(0x01, "1234")
    return card


@pytest.fixture
def card() -> SmallCard:
    return ready(builder().build())


def fresh_autn(seq: int, ind: int = 0, amf: str = "8000") -> str:
    algorithm = Milenage(bytes.fromhex(K), bytes.fromhex(OPC))
    return make_autn(algorithm, bytes.fromhex(RAND), join_sqn(seq, ind), bytes.fromhex(amf)).encode().hex().upper()


def sqn_of(auts: str) -> bytes:
    algorithm = Milenage(bytes.fromhex(K), bytes.fromhex(OPC))
    return open_auts(algorithm, bytes.fromhex(RAND), Auts.parse(bytes.fromhex(auts)))


def test_milenage_set_1_in_the_3g_context(card: SmallCard) -> None:
    assert card(challenge(RAND, AUTN)) == f"{RESPONSE}08{KC}9000"


def test_response_by_get_response_has_the_length_of_the_specification(card: SmallCard) -> None:
    assert card(challenge(RAND, AUTN)[:-2]) == "6135"
    assert card("00C0000035") == f"{RESPONSE}08{KC}9000"


def test_milenage_set_1_in_the_gsm_context(card: SmallCard) -> None:
    assert card(f"008800801110{RAND}00") == f"04{SRES}08{KC}9000"


def test_isim_answers_without_kc() -> None:
    card = ready(builder().build())
    card.usim(ISIM)
    assert card(challenge(RAND, AUTN)) == f"{RESPONSE}9000"
    assert card(f"008800801110{RAND}00") == "9864"


def test_services_of_the_usim_decide_on_kc_and_gsm() -> None:
    made = builder()
    made.adfs[0].children[0x6F38].content = service_table(28)  # type: ignore[union-attr]  # an EF
    card = ready(made.build())
    assert card(challenge(RAND, AUTN)) == f"{RESPONSE}9000"
    assert card(f"008800801110{RAND}00") == "9864"


def test_cc_ui_25_wrong_mac(card: SmallCard) -> None:
    for position in (0, 13, 16, 31):  # SQN, AMF, MAC
        broken = f"{AUTN[:position]}{int(AUTN[position], 16) ^ 1:X}{AUTN[position + 1 :]}"
        assert card(challenge(RAND, broken)) == "9862"
    assert card(challenge(RAND, AUTN)).startswith("DB")  # nothing was spent on them


def test_cc_ui_26_sqn_out_of_range(card: SmallCard) -> None:
    assert card(challenge(RAND, AUTN)).startswith("DB")
    assert card(challenge(RAND, AUTN)) == f"DC0E{AUTS}9000"
    card.reset()
    card.usim()
    card.verify(0x01, "1234")
    assert card(challenge(RAND, AUTN)) == f"DC0E{AUTS}9000"  # nor after a reset
    assert sqn_of(AUTS) == SQN_SET_1
    assert card.base is not None
    assert ready(card.base)(challenge(RAND, AUTN)).startswith("DB")  # another card of the profile is not concerned


def test_cc_ui_26_other_index_with_an_older_sequence_number_is_accepted() -> None:
    card = ready(builder().build())
    assert card(challenge(RAND, fresh_autn(100, 1))).startswith("DB")
    assert card(challenge(RAND, fresh_autn(90, 2))).startswith("DB")
    assert card(challenge(RAND, fresh_autn(90, 2))).startswith("DC0E")
    auts = card(challenge(RAND, fresh_autn(100, 1)))[4:-4]
    assert sqn_of(auts) == join_sqn(100, 1)


@pytest.mark.parametrize(
    "more, seq, accepted",
    [
        ({"sqn_delta": 10}, 10, True),
        ({"sqn_delta": 10}, 11, False),
        ({"sqn_options": 0, "sqn_delta": 10}, 11, True),
        ({"sqn_init": (50,) * 32}, 50, False),
        ({"sqn_init": (50,) * 32}, 51, True),
        ({"sqn_init": (50,) + (0,) * 31, "sqn_options": 4, "sqn_age_limit": 20}, 30, False),
        ({"sqn_init": (50,) + (0,) * 31, "sqn_options": 4, "sqn_age_limit": 21}, 30, True),
    ],
)
def test_sqn_parameters_of_the_profile(more: dict[str, object], seq: int, accepted: bool) -> None:
    card = ready(builder(**more).build())  # type: ignore[arg-type]  # options of the NAA
    assert card(challenge(RAND, fresh_autn(seq, 3)))[:2] == ("DB" if accepted else "DC")


@pytest.mark.parametrize("moment", [Moment.MARKED, Moment.AFTER])
def test_cc_ui_26_accepted_sqn_is_durable_before_the_answer(moment: Moment) -> None:
    base = builder().build()
    card = ready(base)

    def hook(now: Moment) -> None:
        if now is moment:
            raise PowerCut

    card.backend.hook = hook
    with pytest.raises(PowerCut):
        card(challenge(RAND, AUTN))
    reopened = SmallCard(base, card.flash)
    reopened.usim()
    reopened.verify(0x01, "1234")
    assert reopened(challenge(RAND, AUTN)) == f"DC0E{AUTS}9000"


def test_synchronisation_failure_and_wrong_mac_write_nothing() -> None:
    card = ready(builder().build())
    card(challenge(RAND, AUTN))
    before = bytes(card.flash.data)
    card(challenge(RAND, AUTN))
    card(challenge(RAND, "00" * 16))
    assert bytes(card.flash.data) == before


def test_applications_have_sequence_numbers_of_their_own(card: SmallCard) -> None:
    card(challenge(RAND, AUTN))
    card.usim(ISIM)
    assert card(challenge(RAND, AUTN)).startswith("DB")


def test_xor_test_algorithm() -> None:
    card = ready(builder(TEST).build())
    expected = f"DB10{XOR_RES}10{XOR_CK}10{XOR_IK}08{XOR_KC}9000"
    before = bytes(card.flash.data)
    assert card(challenge(RAND, XOR_AUTN)) == expected
    assert card(challenge(RAND, XOR_AUTN)) == expected  # it checks no freshness
    assert bytes(card.flash.data) == before  # and so keeps nothing
    assert card(challenge(RAND, XOR_AUTN)[:-2]) == "613D"
    assert card(f"008800801110{RAND}00") == f"04{XOR_SRES}08{XOR_KC}9000"


def test_cc_ui_26_xor_test_algorithm_resynchronises_on_amf_ffff() -> None:
    card = ready(builder(TEST).build())
    answer = card(challenge(RAND, "BD9232AE9A08FFFF23543EBD92135165"))
    assert answer == "DC0EBD9232AE9A0823543EBD9213AE9A9000"
    auts = Auts.parse(bytes.fromhex(answer[4:-4]))
    sqn = open_auts(XorAlgorithm(bytes.fromhex(XOR_K)), bytes.fromhex(RAND), auts)
    assert sqn == bytes.fromhex("000000000021")
    assert card(challenge(RAND, "BD9232AE9A08FFFF23543EBD92135166")) == "9862"


def test_number_of_authentications_may_be_limited() -> None:
    base = builder(counter_max=3).build()
    card = ready(base)
    assert card(challenge(RAND, fresh_autn(1))).startswith("DB")
    assert card(challenge(RAND, "00" * 16)) == "9862"  # a wrong one counts too
    assert card(f"008800801110{RAND}00").endswith("9000")
    for reset in (False, True):
        if reset:
            card = SmallCard(base, card.flash)
            card.usim()
            card.verify(0x01, "1234")
        assert card(challenge(RAND, fresh_autn(2))) == "6985"
        assert card(f"008800801110{RAND}00") == "6985"


def test_test_algorithm_ignores_the_limit() -> None:
    card = ready(builder(TEST, counter_max=0).build())
    assert card(challenge(RAND, XOR_AUTN)).startswith("DB")


@pytest.mark.parametrize(
    "command, status",
    [
        ("0088008100", "6700"),
        ("00880081", "6700"),
        ("0088008111" + "10" + RAND + "00", "6700"),
        ("0088008123" + "10" + RAND + "10" + AUTN + "FF" + "00", "6700"),
        ("0088008122" + "0F" + RAND + "11" + AUTN + "00", "6A80"),
        ("0088008122" + "10" + RAND + "0F" + AUTN + "00", "6A80"),
        ("0088008122" + "FF" + RAND + "10" + AUTN + "00", "6A80"),
        ("0088008011" + "0F" + RAND + "00", "6A80"),
        ("0088008010" + RAND + "00", "6700"),
        ("0088018122" + "10" + RAND + "10" + AUTN + "00", "6A86"),
        ("0088000122" + "10" + RAND + "10" + AUTN + "00", "6A86"),  # global reference data
        ("0088000011" + "10" + RAND + "00", "6A86"),
        ("0088009122" + "10" + RAND + "10" + AUTN + "00", "6A86"),
        ("008800C122" + "10" + RAND + "10" + AUTN + "00", "6A86"),
        ("0088008223" + "DD10" + RAND + "10" + AUTN + "00", "9864"),
        ("0088008423" + "DD10" + RAND + "10" + AUTN + "00", "9864"),
        ("0088008511" + "10" + RAND + "00", "9864"),
        ("0088008611" + "10" + RAND + "00", "9864"),
        ("0088008322" + "10" + RAND + "10" + AUTN + "00", "9864"),
        ("0088008722" + "10" + RAND + "10" + AUTN + "00", "9864"),
        ("0089008122" + "10" + RAND + "10" + AUTN + "00", "6D00"),
    ],
)
def test_what_is_refused(card: SmallCard, command: str, status: str) -> None:
    assert card(command) == status


def test_pin_must_be_verified_or_disabled() -> None:
    base = builder().build()
    card = SmallCard(base)
    card.usim()
    assert card(challenge(RAND, AUTN)) == "6982"
    assert card(f"008800801110{RAND}00") == "6982"
    card("0026000108" + "31323334FFFFFFFF")
    assert card(challenge(RAND, AUTN)).startswith("DB")


def test_only_in_the_application(card: SmallCard) -> None:
    card.select(0x5FC0)
    assert card(challenge(RAND, AUTN)).startswith("DB")  # a DF in it
    card.select(0x3F00)
    assert card(challenge(RAND, AUTN)) == "6985"  # active, but not current
    card.usim(CSIM)
    assert card(challenge(RAND, AUTN)) == "6985"
    card("0070000001")
    assert card("01" + challenge(RAND, AUTN)[2:]) == "6985"
    assert card(f"01A4040C0C{USIM}") == "9000"
    assert card("01" + challenge(RAND, AUTN)[2:]).startswith("DC")


def test_application_without_keys() -> None:
    card = ready(standard().build())
    assert card(challenge(RAND, AUTN)) == "6985"


def test_algorithm_that_the_card_does_not_have() -> None:
    made = standard()
    made.naa(made.adfs[0], 9, K, OPC)
    card = ready(made.build())
    assert card(challenge(RAND, AUTN)) == "9864"
    assert card(f"008800801110{RAND}00") == "9864"
