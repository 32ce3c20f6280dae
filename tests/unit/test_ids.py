# SPDX-License-Identifier: Apache-2.0
"""Identifiers: codings seen on real cards, check digits, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apdu.errors import DecodeError
from apdu.ids import ECASD, ISD_P_LOAD_FILE, ISD_P_OWN, ISD_R, Aid, Eid, Iccid, Imsi, Tar

# Published EIDs of cards and test documents; each is 1 modulo 97.
EIDS = [
    "89001012012341234012345678901224",
    "89001567010203040506070809101152",
    "89044011112233441122334411223321",
    "89049032123451234512345678901235",
]


@pytest.mark.parametrize("text", EIDS)
def test_eids_verify_and_are_created(text: str) -> None:
    eid = Eid.from_string(text)
    assert str(eid) == text
    assert bytes(eid).hex() == text
    assert Eid.create(text[:30]) == eid


@pytest.mark.parametrize("text", EIDS)
def test_one_wrong_digit_is_found(text: str) -> None:
    for at in range(32):
        wrong = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        with pytest.raises(DecodeError):
            Eid.from_string(wrong)


@pytest.mark.parametrize(
    "aid, expected",
    [
        (Aid.isd_p(0x0010), True),
        (Aid.isd_p(0xFFFF), True),
        (ISD_R, False),
        (ECASD, False),
        (ISD_P_LOAD_FILE, False),
        (ISD_P_OWN, False),
        (Aid.from_string("A0000005591010FFFFFFFF8901001000"), False),
        (Aid.from_string("A0000005591010FFFFFFFF8900001001"), False),
        (Aid.from_string("A0000005591010FFFFFFFF89000010"), False),
    ],
)
def test_the_range_of_isd_ps(aid: Aid, expected: bool) -> None:
    assert aid.is_isd_p is expected


def test_the_tar_stands_in_bytes_13_to_15() -> None:
    assert Aid.from_string("A0000005591010FFFFFFFF8900001300").tar == Tar.from_string("000013")
    assert ISD_R.tar == Tar.from_string("000001")


def test_iccid_in_both_orders() -> None:
    iccid = Iccid.from_string("89000123456789012341")
    assert iccid.swapped == bytes.fromhex("98001032547698103214")
    assert Iccid.from_ef(iccid.swapped) == iccid
    assert str(Iccid.from_string("8900012345678901234")) == "8900012345678901234"


# TS 31.102 4.2.2 with TS 24.008 10.5.1.4: length, parity (9 odd, 1 even) and first digit, nibbles swapped.
@pytest.mark.parametrize(
    "text, content", [("001010123456789", "080910101032547698"), ("26201123456789", "0821261021436587F9")]
)
def test_imsi_as_ef_imsi_holds_it(text: str, content: str) -> None:
    assert Imsi(text).ef_imsi == bytes.fromhex(content)
    assert Imsi.from_ef(bytes.fromhex(content)) == text


@pytest.mark.parametrize(
    "make",
    [
        lambda: Aid(b"1234"),
        lambda: Aid(bytes(17)),
        lambda: Aid.from_string("A00000055G"),
        lambda: Aid.isd_p(0x0F),
        lambda: Aid.isd_p(0x10000),
        lambda: Aid(bytes(7)).tar,
        lambda: Tar(b"12"),
        lambda: Eid(bytes(15)),
        lambda: Eid.from_string("8900"),
        lambda: Eid.create("89"),
        lambda: Iccid(bytes(9)),
        lambda: Iccid.from_string("8900x"),
        lambda: Iccid.from_string("123"),
        lambda: Iccid(b"\xff" * 10),
        lambda: Imsi("12345"),
        lambda: Imsi("1234567890123456"),
        lambda: Imsi.from_ef(bytes(9)),
    ],
)
def test_what_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(DecodeError):
        make()
