# SPDX-License-Identifier: Apache-2.0
"""The power fails at every moment of every write of the whole flow; a new card opens what survived and goes on.

The reference is one undisturbed run: what is durable after its n-th commit. Whatever happens in a commit, the card is
afterwards as it was before it or as it is after it, never anything else (I10), and the flow can be completed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest

from apdu.ids import ECASD
from emulator.memory import Flash, JournalBackend, Moment, PowerCut
from tests.scale import count
from tests.support.flow import SECOND, Flow, flow_lab
from tests.support.lab import EID, Lab
from tests.support.profile import subscriber

Snapshot = dict[str, bytes]
DURABLE = (Moment.MARKED, Moment.SWAP, Moment.AFTER)
STEPS = [name for name, _ in Flow(flow_lab()).steps]


def contents(flash: Flash) -> Snapshot:
    """What a card finds on a medium."""
    return dict(JournalBackend(flash.copy()).items(""))


def settled(snapshot: Snapshot) -> Snapshot:
    """Without the segments of a download under way: nobody goes on with them after a power cut."""
    return {key: value for key, value in snapshot.items() if not key.startswith("stage/")}


@dataclass
class Tick:
    """One call of the hook: in which commit, where in it, during which step."""

    commit: int
    moment: Moment
    step: str


@dataclass
class Reference:
    """The undisturbed run."""

    ticks: list[Tick] = field(default_factory=list)
    states: list[Snapshot] = field(default_factory=list)
    """What was durable before the first commit, and after each."""
    written: list[tuple[bytes, bytes, Flash]] = field(default_factory=list)
    """For each commit: the medium before, with its mark, and its blobs."""
    end: Snapshot = field(default_factory=dict)


@cache
def reference() -> Reference:
    """Run it once."""
    lab = flow_lab()
    found = Reference(states=[contents(lab.flash)])
    before = b""

    def hook(moment: Moment) -> None:
        nonlocal before
        if moment is Moment.BEFORE:
            before = bytes(lab.flash.data)
        found.ticks.append(Tick(len(found.states), moment, flow.step))
        if moment is Moment.MARKED:
            found.written.append((before, bytes(lab.flash.data), lab.flash.copy()))
        elif moment is Moment.AFTER:
            found.states.append(contents(lab.flash))

    lab.hook = hook
    flow = Flow(lab)
    lab.restart()
    flow.run()
    assert not lab.recorder.errors
    found.end = contents(lab.flash)
    return found


class Cutter:
    """Cuts the power at the n-th call of the hook."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, moment: Moment) -> None:
        if self.left == 0:
            raise PowerCut
        self.left -= 1


def cut(number: int) -> tuple[Lab, Flow]:
    """The flow up to a tick. What comes back holds a copy of the medium and nothing of the old card."""
    lab = flow_lab()
    flow = Flow(lab)
    lab.hook = Cutter(number)
    with pytest.raises(PowerCut):
        lab.restart()
        flow.run()
    lab.hook = None
    lab.flash = Flash(bytes(lab.flash.data), lab.flash.blobs)
    return lab, flow


def ticks_of(step: str) -> Iterator[tuple[int, Tick]]:
    return ((number, tick) for number, tick in enumerate(reference().ticks) if tick.step == step)


def expected_after(tick: Tick) -> Snapshot:
    states = reference().states
    return settled(states[tick.commit if tick.moment in DURABLE else tick.commit - 1])


def check_card(lab: Lab, flow: Flow, where: str) -> None:
    """The invariants that hold whatever happened (checklists 3.2), through commands and in the medium."""
    send = lab.send
    assert lab.card.atr, where
    assert send(f"00A4040010{ECASD}00")[-4:] == "9000", where
    assert send("80CA005A00") == f"5A10{EID}9000", where  # I13, I14
    assert send("80CA7F2100") == lab.made.certificate.hex().upper() + "9000", where
    found = lab.snapshot()
    start = reference().states[0]
    for key in ("card", "ecasd", "isdr/key/01", "isdr/key/30", "isdr/key/40"):
        assert found[key] == start[key], where
    assert not any(key.startswith("stage/") for key in found), where
    check_registry(lab, found, where)
    check_counters(lab, flow, where)


def check_registry(lab: Lab, found: Snapshot, where: str) -> None:
    """I1, I2, I5, I6, I11, I15: states, key sets, memory, and no secret of a profile that is not there."""
    registry = lab.card.registry
    records = list(registry.isd_ps())
    assert sum(record.state == 0x3F for record in records) == 1, where
    assert any(record.aid == registry.isd_r.fallback for record in records), where
    for record in records:
        prefix = f"isdp/{record.aid.tar}"
        sets = [key for key in found if key.startswith(f"{prefix}/key/")]
        for key in sets:
            assert found[key].count(b"\xc0\x1e") == 3, where  # three keys, 30 bytes of description each
            assert key.replace("/key/", "/ctr/") in found, where
        if record.aid == SECOND:
            assert bool(sets) == (record.state != 0x07), where
        assert (f"{prefix}/pkg" in found) == (record.state in (0x1F, 0x3F)), where
    known = {f"isdp/{record.aid.tar}" for record in records}
    assert all("/".join(key.split("/")[:2]) in known for key in found if key.startswith("isdp/")), where
    allocated = sum(registry.allocated(record) for record in records)
    lab.send("00A4040010A0000005591010FFFFFFFF890000010000")
    answer = bytes.fromhex(lab.send("80CAFF2100"))
    assert answer[5] == len(records), where
    assert int.from_bytes(answer[8 : 8 + answer[7]], "big") + allocated == lab.memory_size, where
    second = registry.find(SECOND)
    if second is None or second.state not in (0x1F, 0x3F):
        assert not residue(lab), where


def residue(lab: Lab) -> list[str]:
    """Secrets of the downloaded profile that the medium holds."""
    medium = lab.flash.contents()
    profile = subscriber(2)
    secrets = {f"key {kvn:02X} {kid:02X}": key for (kvn, kid), key in profile.domain_keys.items()}
    secrets |= {"K": profile.k, "OPc": profile.opc}
    return [name for name, secret in secrets.items() if secret in medium]


def check_counters(lab: Lab, flow: Flow, where: str) -> None:
    """I8: what the card has said stays said. Sequence counters are watched by the flow's link as it goes on."""
    lab.send("00A4000C023F00")
    for reference_, tries in flow.seen.tries.items():
        answer = lab.send(f"002000{reference_:02X}")
        if answer[:3] == "63C" and flow.step != "write":  # there the right PIN was sent, and may have counted
            assert int(answer[3], 16) <= tries, where
    lab.send("00A4040C07A0000000871002")
    for challenge in flow.seen.challenges[-3:]:
        assert not lab.card.transmit(challenge).startswith(b"\xdb"), where


@pytest.mark.parametrize("step", STEPS)
def test_every_moment_of_every_commit(step: str) -> None:
    for number, tick in ticks_of(step):
        where = f"tick {number}: {tick}"
        lab, flow = cut(number)
        assert flow.step == step, where
        lab.restart()
        assert lab.snapshot() == expected_after(tick), where
        check_card(lab, flow, where)
        lab.restart()
        flow.run()  # the SM-SR audits the card and goes on
        check_card(lab, flow, where)
        assert lab.recorder.errors == [], where
        assert end_of(lab.snapshot()) == end_of(reference().end), where
        assert not residue(lab), where


def end_of(snapshot: Snapshot) -> Snapshot:
    """The end of the flow without what counts how often something was done."""
    moving = ("/ctr/", "/aka/")
    return {
        key: b"" if key == "isdr" or any(part in key for part in moving) else value for key, value in snapshot.items()
    }


@pytest.mark.parametrize("step", ["download", "enable", "delete"])
def test_a_second_cut_during_the_recovery_from_the_first(step: str) -> None:
    for number, tick in ticks_of(step):
        lab, flow = cut(number)
        medium = lab.flash.copy()
        for again in range(100):
            lab.flash, lab.hook = medium.copy(), Cutter(again)
            try:
                lab.restart()
            except PowerCut:
                lab.hook = None
                lab.flash = Flash(bytes(lab.flash.data), lab.flash.blobs)
                lab.restart()
                assert lab.snapshot() == expected_after(tick), f"ticks {number} and {again}: {tick}"
                check_card(lab, flow, f"ticks {number} and {again}")
                continue
            break  # recovery needed no more ticks
        else:
            pytest.fail("recovery does not end")


def torn(before: bytes, after: bytes) -> Iterator[tuple[int, bytes]]:
    """What may stand on the medium when a write stops: all that was written, then nothing, ones, or rubbish."""
    stride = count("powercut_bytes_stride")
    size = len(after) - len(before)
    for done in sorted({*range(0, size, stride), 1, size - 1}):
        written = after[: len(before) + done]
        rest = size - done
        yield done, written
        yield done, written + b"\xff" * rest
        yield done, written + bytes((number * 89 + done) & 0xFF for number in range(rest))


def test_a_write_that_stops_at_any_byte() -> None:
    run = reference()
    for number, (before, after, blobs) in enumerate(run.written, 1):
        for done, data in torn(before, after):
            found = contents(Flash(data, blobs.blobs))
            assert found == run.states[number - 1], f"commit {number}, {done} bytes of {len(after) - len(before)}"
        assert contents(Flash(after, blobs.blobs)) == run.states[number]


def test_the_reference_covers_the_flow() -> None:
    """Guards the tests above: ticks in every step that writes, early batches and a compaction among them."""
    run = reference()
    assert len(run.states) == len(run.written) + 1 == 1 + sum(tick.moment is Moment.BEFORE for tick in run.ticks)
    assert {tick.step for tick in run.ticks} >= set(STEPS) - {"start", "last audit"}
    assert {tick.moment for tick in run.ticks} == set(Moment)
    assert len(run.ticks) > 150
    assert any(key.startswith("stage/") for state in run.states for key in state)
    assert any("/pin/" in key for state in run.states for key in state)
    assert any("/aka/" in key for state in run.states for key in state)
