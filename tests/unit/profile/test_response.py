# SPDX-License-Identifier: Apache-2.0
"""EUICCResponse and UICCCapability."""

from __future__ import annotations

import pytest

from apdu.errors import DecodeError
from apdu.profile.elements.header import SERVICES, UICC_CAPABILITY
from apdu.profile.response import EuiccResponse, PeStatus, Status

ABORTED = EuiccResponse(
    statuses=(
        PeStatus(status=Status.PE_NOT_SUPPORTED, identification=5),
        PeStatus(status=Status.TEMPLATE_NOT_SUPPORTED, identification=300, additional=1, offset=2650),
    ),
    aborted=True,
    message="no such template",
)

VECTORS = [
    (EuiccResponse.success(), "3007 A005 3003 800100"),
    (
        ABORTED,
        "302E A018 3006 800101 810105 300E 800109 8102012C 820101 83020A5A 8100 8210 6E6F20737563682074656D706C617465",
    ),
    (
        EuiccResponse(statuses=(PeStatus(status=0x6A84, identification=1),), aborted=True),
        "300D A009 3007 80026A84 810101 8100",
    ),
]


@pytest.mark.parametrize("response, hexadecimal", VECTORS)
def test_responses_both_ways(response: EuiccResponse, hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    assert response.encode() == data
    assert EuiccResponse.from_tlv(data) == response
    assert EuiccResponse.from_json(response.to_json()) == response


def test_what_installed_means() -> None:
    assert EuiccResponse.success().installed
    assert EuiccResponse.success((PeStatus(status=Status.PE_NOT_SUPPORTED, identification=1),)).installed
    assert not ABORTED.installed
    assert not EuiccResponse(statuses=()).installed


def test_a_short_answer_loses_the_message_first() -> None:
    whole = ABORTED.encode()
    assert ABORTED.encode(len(whole)) == whole
    short = EuiccResponse.from_tlv(ABORTED.encode(len(whole) - 1))
    assert (short.message, short.statuses) == (None, ABORTED.statuses)
    shortest = EuiccResponse.from_tlv(ABORTED.encode(1))
    assert shortest.statuses == ABORTED.statuses[-1:]
    assert shortest.aborted


def test_a_status_says_what_it_is() -> None:
    assert str(ABORTED.statuses[1]) == "template-not-supported, element 300, offset 2650, additional information 1"
    assert str(PeStatus(status=0x6A84)) == "6A84"
    assert {status.name: int(status) for status in Status}["UNSUPPORTED_PROFILE_VERSION"] == 31


def test_many_warnings_are_cut_to_the_last_ones() -> None:
    many = EuiccResponse.success(tuple(PeStatus(status=1, identification=n) for n in range(9_000)))
    short = EuiccResponse.from_tlv(data := many.encode(239))
    assert 200 <= len(data) <= 239
    assert short.installed
    assert short.statuses == many.statuses[-len(short.statuses) :]


@pytest.mark.parametrize("hexadecimal", ["", "3000", "3007A0053003800101 00", "3104A0028100", "30028100"])
def test_broken_responses(hexadecimal: str) -> None:
    with pytest.raises(DecodeError):
        EuiccResponse.from_tlv(bytes.fromhex(hexadecimal))


def test_capabilities_are_named_bits() -> None:
    # usimSupport(1), akaMilenage(4), iotminimal(31)
    data = bytes.fromhex("00 48000001")
    names = ("usimSupport", "akaMilenage", "iotminimal")
    assert UICC_CAPABILITY.read(data, 0, len(data)) == names
    assert UICC_CAPABILITY.write(names) == data
    assert len(UICC_CAPABILITY.names) == 32
    assert len(SERVICES.names) == 30
