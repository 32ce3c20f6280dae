# SPDX-License-Identifier: Apache-2.0
"""The functions of SGP.02: captured STORE DATA payloads in both directions (card.md 4)."""

from __future__ import annotations

import pytest

from apdu.errors import DecodeError
from apdu.gp.codes import Pol1
from apdu.gp.sgp02 import (
    AddressingParameters,
    ConfirmationResponse,
    ConnectivityParameters,
    DgiTemplate,
    DisableProfile,
    EnableProfile,
    Notification,
    NotificationConfirmation,
    NotificationType,
    SetFallBackAttribute,
    UpdatePol1,
)
from apdu.ids import Aid, Eid
from apdu.tlv.scan import ber

ISD_P_13 = Aid.isd_p(0x13)
AID = ISD_P_13.hex()

# card.md 4.2 to 4.11: (S:whty, njiwa)
FUNCTIONS: list[tuple[str, DgiTemplate]] = [
    (f"3A03 12 4F10{AID}", EnableProfile(aid=ISD_P_13)),
    (f"3A04 12 4F10{AID}", DisableProfile(aid=ISD_P_13)),
    (f"3A05 12 4F10{AID}", SetFallBackAttribute(aid=ISD_P_13)),
    ("3A06 03 810105", UpdatePol1(rules=Pol1.DISABLE_NOT_ALLOWED | Pol1.DELETE_ON_DISABLE)),
    ("3A07 0B A009 0607913386994211F1", ConnectivityParameters(sms=bytes.fromhex("0607913386994211F1"))),
    (
        "3A07 09 A307 8105 0685214365",
        AddressingParameters(sms=bytes.fromhex("81050685214365")),
    ),
    ("3A07 0A A208 3501033C030201BB", ConnectivityParameters(https=bytes.fromhex("3501033C030201BB"))),
    ("3A08 04 4E020102", NotificationConfirmation(sequence=0x0102)),
]


@pytest.mark.parametrize("payload, value", FUNCTIONS)
def test_functions_both_ways(payload: str, value: DgiTemplate) -> None:
    raw = bytes.fromhex(payload)
    assert type(value).from_tlv(raw) == value
    assert value.encode() == raw
    for end in range(len(raw)):
        with pytest.raises(DecodeError):
            type(value).from_tlv(raw[:end])


def test_a_function_is_not_another() -> None:
    with pytest.raises(DecodeError, match="3A03 expected, not 3A04"):
        EnableProfile.from_tlv(DisableProfile(aid=ISD_P_13).encode())


def test_parameters_of_another_interface_are_refused() -> None:
    with pytest.raises(DecodeError):
        ConnectivityParameters.from_tlv(bytes.fromhex("3A0702A300"))


def test_empty_object_clears() -> None:
    assert ConnectivityParameters.from_tlv(bytes.fromhex("3A0702A000")) == ConnectivityParameters(sms=b"")


@pytest.mark.parametrize("kind", [ConnectivityParameters, AddressingParameters])
@pytest.mark.parametrize("content", ["0181", "81", "0181FFFF"])
def test_parameters_of_bearers_are_objects(kind: type[DgiTemplate], content: str) -> None:
    raw = bytes.fromhex(content)
    for tag in kind.declared():
        with pytest.raises(DecodeError):
            kind.decode(ber(tag, raw))


@pytest.mark.parametrize("number", [0x10, 0x13, 0xFF])
def test_a_notification_with_any_isd_p(number: int) -> None:
    aid = Aid.isd_p(number)
    eid = Eid.from_string("89001012012341234012345678901224")
    value = Notification(eid=eid, type=1, sequence=0, isd_p=aid)
    assert Notification.from_tlv(value.encode()).aid == aid


def test_captured_notification() -> None:
    eid = Eid.from_string("89001012012341234012345678901224")
    raw = bytes.fromhex(f"E135 4C10{eid} 4D0102 4E020000 4F10{AID} 14083A45990057918503")
    value = Notification(
        eid=eid,
        type=NotificationType.PROFILE_CHANGED,
        sequence=0,
        isd_p_older=ISD_P_13,
        imei=bytes.fromhex("3A45990057918503"),
    )
    assert Notification.from_tlv(raw) == value
    assert value.aid == ISD_P_13
    assert value.encode() == raw


def test_confirmation_response() -> None:
    one = ConfirmationResponse((ISD_P_13,))
    assert one.encode() == bytes.fromhex(f"80124F10{AID}")
    assert ConfirmationResponse.decode(one.encode()) == one
    assert ConfirmationResponse.decode(b"") == ConfirmationResponse()
    assert ConfirmationResponse().encode() == b""
    for bad in ("8100", "80025000", "80034F0100", "8001"):
        with pytest.raises(DecodeError):
            ConfirmationResponse.decode(bytes.fromhex(bad))
