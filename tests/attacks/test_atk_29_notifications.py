# SPDX-License-Identifier: Apache-2.0
"""ATK-29: notifications that are repeated, out of order, from the past, or not from the card at all."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations

import pytest

from apdu.ids import Aid, Eid, Iccid
from apdu.sms.userdata import Element, ElementId, UserData
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.ota.notifications import Accepted, MemorySequences, Notifications
from smsr.ota.parcels import Chain
from smsr.ota.sms import NotReached
from tests.e2e.world import EID
from tests.support.air import FIRST, Air
from tests.unit.kit.world import MNO_OID
from tests.unit.ota import model

SECOND = Aid.isd_p(0x11)
SPI = b"\x02\x00"
TAR = bytes.fromhex("000001")
CHANGED, FIRST_ATTACH, ROLLED_BACK = 2, 1, 3


def content(kind: int, sequence: int, aid: Aid = SECOND, eid: Eid = EID, tag: str = "2F") -> bytes:
    value = f"4C10{eid}4D01{kind:02X}4E02{sequence:04X}{tag}10{aid}"
    return bytes.fromhex(f"E1{len(value) // 2:02X}{value}")


class Office:
    """An SM-SR's notifications over one EIS with two profiles."""

    def __init__(self) -> None:
        self.air = Air()
        keys = self.air.made.scp80
        self.keys = (keys.enc.reveal(), keys.mac.reveal())
        second = ProfileInfo(
            iccid=Iccid.from_string("89001010000000000020"),
            isd_p_aid=SECOND,
            mno_id=MNO_OID,
            state=ProfileState.DISABLED,
        )
        self.store = self.air.store
        self.store.put(replace(self.air.eis, profiles=(*self.air.eis.profiles, second)))
        self.notifications = Notifications(self.store, MemorySequences())

    def packet(
        self, data: bytes, *, spi: bytes = SPI, kid: int = 0x12, keys: tuple[bytes, bytes] | None = None
    ) -> bytes:
        return model.command(spi, 0x10, kid, TAR, 0, data, keys or self.keys)

    def receive(self, packet: bytes, mark: int = ElementId.COMMAND_PACKET) -> Accepted | None:
        return self.notifications.by_sms(UserData(packet, (Element(mark),)))

    @property
    def enabled(self) -> Aid | None:
        enabled = self.air.eis.enabled
        return None if enabled is None else enabled.isd_p_aid


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_genuine_notification_is_believed(office: Office) -> None:
    accepted = office.receive(office.packet(content(CHANGED, 0)))
    assert accepted is not None
    assert accepted.eid == EID
    assert office.enabled == SECOND
    # the older tag too
    assert office.receive(office.packet(content(CHANGED, 1, FIRST, tag="4F"))) is not None
    assert office.enabled == FIRST


def test_atk_29_no_forgery_changes_anything(office: Office) -> None:
    genuine = office.packet(content(CHANGED, 5))
    other = Eid.create("8904903299")
    forged = [
        office.packet(content(CHANGED, 5), keys=(office.keys[0], bytes(16))),
        office.packet(content(CHANGED, 5), kid=0x22),
        office.packet(content(CHANGED, 5), spi=b"\x00\x00"),
        office.packet(content(CHANGED, 5), spi=b"\x01\x00", kid=0x15),
        office.packet(content(CHANGED, 5), spi=b"\x06\x00"),
        office.packet(content(CHANGED, 5, eid=other)),
        genuine[:-1],
        genuine + b"\x00",
        b"",
    ]
    for at in range(len(genuine) * 8):
        flipped = bytearray(genuine)
        flipped[at // 8] ^= 1 << at % 8
        forged.append(bytes(flipped))
    generator = random.Random(29)
    forged += [generator.randbytes(generator.randrange(120)) for _ in range(500)]
    before = office.air.eis
    # KIc (byte 6) says nothing about a packet that is not ciphered, but the check covers it
    assert [packet.hex() for packet in forged if office.receive(packet) is not None] == []
    assert office.receive(genuine, ElementId.RESPONSE_PACKET) is None
    assert office.air.eis == before
    assert office.receive(genuine) is not None


def test_atk_29_the_last_one_counts_in_whatever_order_they_come() -> None:
    history = [FIRST, SECOND, FIRST, SECOND, SECOND]
    office = Office()
    first = office.air.eis
    for order in permutations(range(5)):
        office.store.put(first)
        office.notifications = Notifications(office.store, MemorySequences())
        for number in order:
            office.receive(office.packet(content(CHANGED, number, history[number])))
            office.receive(office.packet(content(CHANGED, number, history[number])))
        assert office.enabled == history[-1], order


def test_atk_29_the_past_is_not_confirmed_and_the_last_once_more_is(office: Office) -> None:
    old, last = (office.packet(content(CHANGED, number, aid)) for number, aid in ((7, FIRST), (8, SECOND)))
    assert office.receive(old) is not None
    accepted = office.receive(last)
    assert accepted is not None
    for _ in range(3):
        assert office.receive(old) is None
        assert office.receive(last) is None  # its confirmation is on the way
    accepted.confirmation.fail(NotReached())
    again = office.receive(last)
    assert again is not None
    assert office.enabled == SECOND


def test_numbers_go_round(office: Office) -> None:
    for number, aid in ((0xFFFE, FIRST), (0xFFFF, SECOND), (0, FIRST), (1, SECOND)):
        assert office.receive(office.packet(content(CHANGED, number, aid))) is not None
        assert office.enabled == aid
    assert office.receive(office.packet(content(CHANGED, 0xFFFF, FIRST))) is None


def test_first_attach_and_unknown_isd_ps_change_no_profile(office: Office) -> None:
    before = office.air.eis.profiles
    assert office.receive(office.packet(content(FIRST_ATTACH, 0))) is not None
    assert office.receive(office.packet(content(CHANGED, 1, Aid.isd_p(0x99)))) is not None
    assert office.air.eis.profiles == before
    assert office.receive(office.packet(content(ROLLED_BACK, 2, SECOND))) is not None
    assert office.enabled == SECOND


def test_atk_29_over_https_the_key_says_whose_it_is(office: Office) -> None:
    other = Eid.create("8904903299")
    assert office.notifications.accept(other, content(CHANGED, 0)) is None
    assert office.notifications.accept(EID, content(CHANGED, 0, eid=other)) is None
    assert office.notifications.accept(EID, b"") is None
    assert office.notifications.accept(EID, content(CHANGED, 0)[:-1]) is None
    assert office.enabled == FIRST
    assert office.notifications.accept(EID, content(CHANGED, 0)) is not None
    assert office.enabled == SECOND


def test_a_confirmation_that_is_answered_counts_once(office: Office) -> None:
    accepted = office.receive(office.packet(content(CHANGED, 3)))
    assert accepted is not None
    parcel = accepted.confirmation.take(1000, Chain())
    assert parcel is not None
    assert [item.value.hex().upper() for item in parcel.items] == ["80E28900073A08044E02000300"]
    assert office.notifications.confirmed(EID) == 0
    deleted = bytes.fromhex(f"AB1B800101231680124F10{FIRST}9000")
    accepted.confirmation.answered(deleted, Chain())
    assert accepted.confirmation.result.deleted == (FIRST,)
    assert office.notifications.confirmed(EID) == 1
    assert office.air.eis.find_isd_p(FIRST) is None  # POL1 wanted it to go
