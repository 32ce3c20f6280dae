# SPDX-License-Identifier: Apache-2.0
"""Batches as scripts: what travels together, what is chained, what answers mean; and tasks over them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import EncodeError, LocalProtocolError, RemoteProtocolError, StatusError
from apdu.gp.install import InstallForPersonalization
from apdu.gp.status import StatusQuery
from apdu.ids import ISD_R, Aid
from apdu.ota.remote import Chaining, ResponseItem, build_response_script
from apdu.script import ApduScript, Batch, ProfileScript
from smsr.ota.parcels import Chain, Opener, cut
from smsr.ota.task import JournalMismatch, Sent, command_task, profile_task
from smsr.scripts.audit import isd_p_states

ISD_P = Aid.isd_p(0x10)
INSTALL = InstallForPersonalization(application=ISD_P).command()
FIRST, MIDDLE, LAST = (CommandApdu(0x80, 0xE2, p1, number, bytes(10), 256) for number, p1 in enumerate((9, 9, 0x89)))
ENABLE = CommandApdu(0x80, 0xE2, 0x88, 0x00, bytes(10))
LIST, NEXT = StatusQuery().command(), StatusQuery(following=True).command()
ROOM = 10_000


def places(*scripts: tuple[CommandApdu, ...]) -> list[Chaining | None]:
    chain = Chain()
    return [cut(ISD_R, script, ROOM, chain).place for script in scripts]


@pytest.mark.parametrize(
    "scripts, expected",
    [
        ([(ENABLE,)], [None]),
        ([(INSTALL, FIRST, LAST)], [None]),
        ([(INSTALL, FIRST), (LAST,)], [Chaining.FIRST, Chaining.LAST]),
        ([(INSTALL, FIRST), (MIDDLE,), (LAST,)], [Chaining.FIRST, Chaining.MORE, Chaining.LAST]),
        ([(INSTALL,), (FIRST, LAST), (ENABLE,)], [Chaining.FIRST, Chaining.LAST, None]),
        ([(LIST,), (NEXT,), (NEXT,)], [Chaining.FIRST, Chaining.MORE, Chaining.MORE]),
        ([(LIST,), (ENABLE,)], [Chaining.FIRST, None]),
        ([(INSTALL, FIRST), (LIST,), (LAST,)], [Chaining.FIRST, Chaining.FIRST, Chaining.LAST]),
        ([(MIDDLE,), (LAST,), (ENABLE,)], [Chaining.MORE, Chaining.LAST, None]),  # another process began it
    ],
)
def test_what_leans_on_an_earlier_script_is_chained(
    scripts: list[tuple[CommandApdu, ...]], expected: list[Chaining | None]
) -> None:
    assert places(*scripts) == expected


def test_a_batch_that_does_not_fit_is_cut_and_chained() -> None:
    chain = Chain()
    commands = (INSTALL, FIRST, MIDDLE, LAST)
    sizes = []
    left: Sequence[CommandApdu] = commands
    found = []
    while left:
        parcel = cut(ISD_R, left, 60, chain)
        assert len(parcel.script()) <= 60
        sizes.append(len(parcel.items))
        found.append(parcel.place)
        left = left[len(parcel.items) :]
    assert sum(sizes) == 4
    assert found == [Chaining.FIRST, *[Chaining.MORE] * (len(found) - 2), Chaining.LAST]
    with pytest.raises(EncodeError):
        cut(ISD_R, commands, 20, Chain())


def test_scp03t_is_not_chained_and_not_read_only() -> None:
    tlvs = (bytes.fromhex("840A") + bytes(10), bytes.fromhex("8681C8") + bytes(200))
    parcel = cut(ISD_P, tlvs, ROOM, Chain())
    assert (parcel.place, parcel.read_only) == (None, False)
    assert parcel.script() == b"\xaa\x81\xd7" + b"".join(tlvs)
    for wrong in (b"", b"\x84", b"\x84\x05ab", b"\x84\x01a\x84\x01b"):
        with pytest.raises(EncodeError):
            cut(ISD_P, (wrong,), ROOM, Chain())


def test_what_only_reads_is_known() -> None:
    assert cut(ISD_R, (LIST,), ROOM, Chain()).read_only
    assert not cut(ISD_R, (LIST, ENABLE), ROOM, Chain()).read_only


# --- tasks


def three() -> ApduScript[list[int]]:
    answers = yield Batch(ISD_R, (FIRST, MIDDLE, ENABLE))
    if len(answers) < 3:
        raise StatusError("test", answers[-1].sw)
    return [answer.sw for answer in answers]


def answer(*sws: str) -> bytes:
    return build_response_script(len(sws), [ResponseItem(0x23, bytes.fromhex(sw)) for sw in sws])


def test_a_batch_in_several_parcels_is_one_to_its_script() -> None:
    task, chain = command_task(three()), Chain()
    for _ in range(3):
        parcel = task.take(32, chain)
        assert parcel is not None
        assert len(parcel.items) == 1
        task.answered(answer("9000"), chain)
    assert task.take(32, chain) is None
    assert task.result == [0x9000] * 3


def test_the_rest_of_a_batch_is_not_sent_after_an_error() -> None:
    task, chain = command_task(three()), Chain()
    task.take(32, chain)
    task.answered(answer("6985"), chain)
    assert chain.opener is Opener.NOTHING
    with pytest.raises(StatusError, match="6985"):
        task.result  # noqa: B018


@pytest.mark.parametrize(
    "data", [b"", b"\xab", answer(), answer("9000", "9000", "9000", "9000"), b"\xab\x03\x23\x01\x90"]
)
def test_atk_45_answers_that_cannot_be(data: bytes) -> None:
    task, chain = command_task(three()), Chain()
    task.take(ROOM, chain)
    task.answered(data, chain)
    with pytest.raises(RemoteProtocolError):
        task.result  # noqa: B018


def test_scp03t_answers_come_back_whole() -> None:
    def script() -> ProfileScript[list[bytes]]:
        return list((yield Batch(ISD_P, (b"\x84\x01a", b"\x86\x01b"))))

    task, chain = profile_task(script()), Chain()
    task.take(ROOM, chain)
    items = [ResponseItem(0x84, b"xyz"), ResponseItem(0x9F46, b"\x02")]
    task.answered(build_response_script(2, items), chain)
    assert task.result == [b"\x84\x03xyz", b"\x9f\x46\x01\x02"]


def test_one_parcel_at_a_time() -> None:
    task, chain = command_task(three()), Chain()
    with pytest.raises(LocalProtocolError):
        task.answered(b"", chain)
    task.take(ROOM, chain)
    with pytest.raises(LocalProtocolError):
        task.take(ROOM, chain)
    with pytest.raises(LocalProtocolError):
        task.result  # noqa: B018


def test_replay_leads_to_where_it_stood() -> None:
    first, chain = command_task(three()), Chain()
    digests = []
    for _ in range(2):
        parcel = first.take(32, chain)
        assert parcel is not None
        digests.append(parcel.digest)
        first.answered(answer("9000"), chain)
    steps = [Sent(digests[0], "sms", b"", answer("9000")), Sent(digests[1], "sms", b"state")]
    again, other = command_task(three()), Chain()
    outstanding = again.replay(steps, 32, other)
    assert outstanding is not None
    assert outstanding.sent.state == b"state"
    again.answered(answer("9000"), other)
    assert other.opener is chain.opener
    again.take(32, other)
    again.answered(answer("9000"), other)
    assert again.result == [0x9000] * 3
    with pytest.raises(JournalMismatch):
        command_task(three()).replay([Sent(b"other", "sms", b"", answer("9000"))], 32, Chain())


def test_a_list_of_many_isd_ps_is_read_on() -> None:
    task, chain = command_task(isd_p_states()), Chain()
    parcel = task.take(ROOM, chain)
    assert parcel is not None
    assert b"\x83\x01\x01" in parcel.script()
    entry = bytes.fromhex(f"E3164F10{ISD_P}9F70011F")
    task.answered(build_response_script(1, [ResponseItem(0x23, entry + b"\x63\x10")]), chain)
    parcel = task.take(ROOM, chain)
    assert parcel is not None
    assert b"\x83\x01\x02" in parcel.script()
    task.answered(answer("6A88"), chain)
    assert [found.aid for found in task.result] == [ISD_P]
