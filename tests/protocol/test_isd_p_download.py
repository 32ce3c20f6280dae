# SPDX-License-Identifier: Apache-2.0
"""SCP03t and a profile download through the reader binding: chains, segments, interruptions (annex 11, card.md 6)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from apdu.channel.scp03t_host import Scp03tHost
from apdu.gp.codes import LifeCycle
from apdu.profile.response import EuiccResponse, Status
from tests.fuzz.stages import recorded
from tests.protocol.test_isd_r import answer
from tests.protocol.test_state_machines import MEDIA, S, _tlv, card_with, kept
from tests.support.flow import SECOND
from tests.support.lab import Lab, SecureHost
from tests.support.profile import subscriber
from tests.support.sm_dp import SmDp, run

PACKAGE = subscriber(2).package
SUCCESS = bytes.fromhex("3007A0053003800100")


class Sender:
    """An SM-DP's SCP03t session over one ISD-R session."""

    def __init__(self, lab: Lab, channel: int = 0) -> None:
        self.lab = lab
        self.host: SecureHost = lab.open_isd_r(channel)
        self.session = Scp03tHost(recorded().keys, bytes(8), SECOND)

    def open(self) -> None:
        reply = self.tlv(self.session.initialize_update())
        assert reply[:2] == b"\x84\x20"
        reply = self.tlv(self.session.external_authenticate(reply))
        assert reply == b"\x85\x00"
        self.session.authenticated(reply)

    def tlv(self, tlv: bytes) -> bytes:
        reply = _tlv(self.host, tlv)
        assert reply[-4:] == "9000", reply
        return bytes.fromhex(reply[:-4])

    def data(self, data: bytes) -> bytes:
        """Send a segment; what the card says to it in clear."""
        return self.session.receive(self.tlv(self.session.protect(data)))


def personalized() -> Lab:
    return card_with(MEDIA[S.PERSONALIZED])


def cut(package: bytes, *places: int) -> list[bytes]:
    ends = [0, *sorted(places), len(package)]
    pieces = [package[start:end] for start, end in pairwise(ends)]
    return [piece[at : at + 1007] for piece in pieces for at in range(0, len(piece), 1007)]


# --- what works


@pytest.mark.parametrize("size", [1007, 1000, 999, 240, 100, 33, 16])
def test_cc_e8_15_cc_e8_18_cc_e8_19_segments_of_any_size(size: int) -> None:
    lab = personalized()
    sender = Sender(lab)
    sender.open()
    said = [sender.data(PACKAGE[at : at + size]) for at in range(0, len(PACKAGE), size)]
    assert said[-1] == SUCCESS
    assert not any(said[:-1])
    assert lab.state_of(SECOND) is LifeCycle.DISABLED
    assert lab.snapshot()["isdp/000013/pkg"] == PACKAGE


def test_cc_e8_18_the_package_cut_anywhere() -> None:
    random = Random(18)
    expected = None
    for _ in range(25):
        lab = personalized()
        sender = Sender(lab)
        sender.open()
        places = sorted(random.sample(range(1, len(PACKAGE)), random.randrange(1, 6)))
        said = [sender.data(piece) for piece in cut(PACKAGE, *places)]
        assert said[-1] == SUCCESS, places
        found = kept(lab)
        expected = expected or found
        assert found == expected, places


def test_cc_e8_18_a_tlv_of_1024_bytes_and_one_of_more() -> None:
    lab = personalized()
    sender = Sender(lab)
    sender.open()
    whole = sender.session.protect(PACKAGE[:1007])
    assert len(whole) == 1020
    assert sender.tlv(whole) == b"\x86\x00"
    sender.session.receive(b"\x86\x00")
    size = 1024 - 4 - 8 + 16
    longer = b"\x86\x82" + (size + 8).to_bytes(2, "big") + bytes(size + 8)
    assert sender.tlv(longer) == bytes.fromhex("9F460101")
    assert SECOND not in lab.card.downloads


@pytest.mark.parametrize("tlv", ["8600", "8608" + "00" * 8, "860F" + "00" * 15, "8617" + "00" * 23])
def test_cc_e8_18_data_that_are_no_blocks(tlv: str) -> None:
    lab = personalized()
    sender = Sender(lab)
    sender.open()
    assert sender.tlv(bytes.fromhex(tlv)) == bytes.fromhex("9F460101")
    assert SECOND not in lab.card.downloads


# --- the chain that carries a TLV


@pytest.mark.parametrize("size", [1, 8, 100, 239])
def test_a_tlv_in_blocks_of_any_size(size: int) -> None:
    lab = personalized()
    sender = Sender(lab)
    tlv = sender.session.initialize_update()
    commands = [SmDp.personalize(SECOND), *SmDp.store(tlv, p1=0x91, p2=0, size=size)]
    assert run(sender.host, commands)[:4] == "8420"


def test_five_blocks_for_the_longest() -> None:
    lab = personalized()
    sender = Sender(lab)
    sender.open()
    blocks = SmDp.store(sender.session.protect(PACKAGE[:1007]), p1=0x91, p2=0)
    assert [len(bytes.fromhex(block)) - 6 for block in blocks] == [239, 239, 239, 239, 64]  # annex 11
    assert [block[4:8] for block in blocks] == ["1100", "1101", "1102", "1103", "9104"]
    assert run(sender.host, [SmDp.personalize(SECOND), *blocks]) == "86009000"


@pytest.mark.parametrize(
    "tlv, expected",
    [
        ("840A30000102030405060708" * 2, "6A80"),  # two TLVs
        ("840A3000010203040506070800", "6A80"),  # one byte more
        ("840A300001020304050607", "6A80"),  # one byte less
        ("84", "6A80"),
        ("8480", "6A80"),
        ("8485000000000A", "6A80"),
        ("", "6700"),
    ],
)
def test_a_chain_holds_exactly_one_tlv(tlv: str, expected: str) -> None:
    lab = personalized()
    sender = Sender(lab)
    before = kept(lab)
    commands = SmDp.store(bytes.fromhex(tlv), p1=0x91, p2=0) or ["80E2910000"]
    assert run(sender.host, [SmDp.personalize(SECOND), *commands]) == expected
    assert kept(lab) == before
    sender.open()


def test_every_tlv_needs_its_install() -> None:
    lab = personalized()
    sender = Sender(lab)
    sender.open()
    blocks = SmDp.store(sender.session.protect(PACKAGE[:100]), p1=0x91, p2=0)
    assert run(sender.host, blocks) == "6A80"  # for the ISD-R, which knows no such function
    assert run(sender.host, [SmDp.personalize(SECOND), *blocks]) == "86009000"  # nothing was lost


@pytest.mark.parametrize("p1", [0x90, 0xD1, 0xB1, 0x99, 0x81])
def test_other_forms_of_store_data(p1: int) -> None:
    """No answer wanted, encrypted once more, other structures: refused before the TLV is looked at."""
    lab = personalized()
    sender = Sender(lab)
    sender.open()
    tlv = sender.session.protect(PACKAGE[:100])
    blocks = SmDp.store(tlv, p1=p1, p2=0)
    assert run(sender.host, [SmDp.personalize(SECOND), *blocks]) in ("6A86", "6A80", "6A88")
    assert sender.tlv(tlv) == b"\x86\x00"  # the session goes on where it was
    sender.session.receive(b"\x86\x00")
    for at in range(100, len(PACKAGE), 1007):
        said = sender.data(PACKAGE[at : at + 1007])
    assert said == SUCCESS
    assert lab.snapshot()["isdp/000013/pkg"] == PACKAGE


# --- interruptions (CC-E8-23)


def half_way(lab: Lab, channel: int = 0) -> Sender:
    sender = Sender(lab, channel)
    sender.open()
    assert sender.data(PACKAGE[:1007]) == b""
    assert sender.data(PACKAGE[1007:2014]) == b""
    assert sum(key.startswith("stage/") for key in lab.snapshot()) == 2
    return sender


def check_clean(lab: Lab) -> None:
    """Nothing of the interrupted download is left, and a whole one works."""
    assert not any(key.startswith("stage/") for key in lab.snapshot())
    assert subscriber(2).k not in lab.flash.contents()
    assert lab.state_of(SECOND) is LifeCycle.PERSONALIZED
    sender = Sender(lab)
    sender.open()
    for at in range(0, len(PACKAGE), 1007):
        said = sender.data(PACKAGE[at : at + 1007])
    assert said == SUCCESS
    assert lab.snapshot()["isdp/000013/pkg"] == PACKAGE
    assert not any(key.startswith("stage/") for key in lab.snapshot())


def test_interrupted_by_a_reset() -> None:
    lab = personalized()
    half_way(lab)
    lab.card.reset()
    check_clean(lab)


def test_interrupted_by_the_power() -> None:
    lab = personalized()
    half_way(lab)
    lab.restart()
    check_clean(lab)


def test_interrupted_by_a_selection() -> None:
    lab = personalized()
    half_way(lab)
    lab.send("00A40004023F00")
    check_clean(lab)


def test_interrupted_by_closing_the_channel() -> None:
    lab = personalized()
    lab.send("0070000001")
    half_way(lab, 1)
    assert lab.send("00708001") == "9000"
    check_clean(lab)


def test_interrupted_by_a_new_session() -> None:
    lab = personalized()
    sender = half_way(lab)
    sender.session = Scp03tHost(recorded().keys, bytes(8), SECOND)
    sender.open()
    assert not any(key.startswith("stage/") for key in lab.snapshot())
    for at in range(0, len(PACKAGE), 1007):
        said = sender.data(PACKAGE[at : at + 1007])
    assert said == SUCCESS
    assert lab.snapshot()["isdp/000013/pkg"] == PACKAGE


def test_interrupted_by_a_wrong_tlv() -> None:
    lab = personalized()
    sender = half_way(lab)
    assert sender.tlv(bytes.fromhex("8618" + "00" * 24)) == bytes.fromhex("9F460102")
    assert sender.tlv(sender.session.protect(PACKAGE[2014:])) == bytes.fromhex("9F460102")  # the right one comes late
    check_clean(lab)


def test_interrupted_by_deletion() -> None:
    lab = personalized()
    sender = half_way(lab)
    assert answer(sender.host, f"80E40040124F10{SECOND}00") == "009000"
    blocks = SmDp.store(sender.session.protect(PACKAGE[2014:]), p1=0x91, p2=0)
    assert run(sender.host, [SmDp.personalize(SECOND), *blocks]) == "6A88"
    assert not any(key.startswith(("stage/", "isdp/000013")) for key in lab.snapshot())
    assert subscriber(2).k not in lab.flash.contents()


def test_another_channel_does_not_interfere() -> None:
    lab = personalized()
    lab.send("0070000001")
    sender = half_way(lab)
    other = Sender(lab, 1)
    assert other.tlv(bytes.fromhex("8618" + "00" * 24)) == bytes.fromhex("9F460102")  # no session there
    assert sender.data(PACKAGE[2014:]) == SUCCESS
    assert lab.state_of(SECOND) is LifeCycle.DISABLED


def test_a_failed_command_of_the_outer_session_between_segments() -> None:
    lab = personalized()
    sender = half_way(lab)
    assert answer(sender.host, "80E2880003990000") == "6A88"
    assert answer(sender.host, "80E40040124F10A0000005591010FFFFFFFF890000990000") == "6A88"
    assert sender.data(PACKAGE[2014:]) == SUCCESS


# --- memory (CC-E8-22)


@pytest.mark.parametrize("quota", [1, 1000, 4000])
def test_cc_e8_22_a_profile_larger_than_its_quota(quota: int) -> None:
    lab = personalized()
    record = lab.card.registry.require(SECOND)
    lab.card.registry.save(replace(record, granted=quota))
    lab.card.memory.commit()
    before = kept(lab)
    free = lab.card.registry.free()
    sender = Sender(lab)
    sender.open()
    said = b""
    for at in range(0, len(PACKAGE), 1007):
        said = sender.data(PACKAGE[at : at + 1007])
        if said:
            break
    response = EuiccResponse.from_tlv(said)
    assert response.aborted
    assert response.statuses[-1].status == Status.NOT_ENOUGH_MEMORY
    assert kept(lab) == before
    assert lab.card.registry.free() == free
    assert SECOND not in lab.card.downloads
