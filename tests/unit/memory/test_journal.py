# SPDX-License-Identifier: Apache-2.0
"""The journal: a batch is there as a whole or not at all, whatever moment the power fails in."""

from __future__ import annotations

import pytest

from emulator.memory import Flash, JournalBackend, Memory, Moment, PowerCut

BIG = bytes(range(256)) * 4


def contents(flash: Flash) -> dict[str, bytes]:
    return dict(JournalBackend(flash.copy()).items(""))


def test_values_survive_a_new_backend_on_the_same_flash() -> None:
    backend = JournalBackend()
    backend.commit({"a": b"1", "b": BIG})
    backend.commit({"a": b"2"})
    assert contents(backend.flash) == {"a": b"2", "b": BIG}


def test_items_are_sorted_and_chosen_by_prefix() -> None:
    backend = JournalBackend()
    backend.commit({"x/2": b"2", "x/1": b"1", "y": b"3"})
    assert list(backend.items("x/")) == [("x/1", b"1"), ("x/2", b"2")]


@pytest.mark.parametrize("cut", range(64))
def test_a_cut_at_any_moment_leaves_the_state_before_or_after(cut: int) -> None:
    before = {"a": b"1", "b": BIG, "c": b"3"}
    after = {"a": b"2", "c": b"3", "d": BIG[:300]}
    ticks = 0

    def hook(moment: Moment) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == cut + 1:
            raise PowerCut

    flash = Flash()
    JournalBackend(flash).commit(before)
    backend = JournalBackend(flash, hook)
    try:
        backend.commit({"a": b"2", "b": None, "d": BIG[:300]})
    except PowerCut:
        assert contents(flash) in (before, after)
    else:
        assert cut >= ticks, "the cut was never reached, so all moments have been tried"
        assert contents(flash) == after


def test_a_torn_journal_goes_on_where_it_was_good() -> None:
    backend = JournalBackend()
    backend.commit({"a": b"1"})
    good = len(backend.flash.data)
    backend.commit({"b": b"2"})
    whole = bytes(backend.flash.data)
    for length in range(good, len(whole)):
        flash = Flash(whole[:length])
        torn = JournalBackend(flash)
        assert dict(torn.items("")) == {"a": b"1"}
        torn.commit({"c": b"3"})
        assert contents(flash) == {"a": b"1", "c": b"3"}


def test_a_changed_bit_drops_the_batch_that_it_is_in_and_what_follows() -> None:
    backend = JournalBackend()
    backend.commit({"a": b"1"})
    good = len(backend.flash.data)
    backend.commit({"a": b"2"})
    whole = bytes(backend.flash.data)
    for bit in range(good * 8, len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert contents(Flash(bytes(damaged))) == {"a": b"1"}, bit


def test_what_was_deleted_is_not_on_the_medium_any_more() -> None:
    secret, secret_file = b"a secret of sixteen", b"a large secret " * 40
    backend = JournalBackend()
    backend.commit({"k": secret, "f": secret_file, "other": b"stays"})
    assert secret in backend.flash.contents()
    assert secret_file in backend.flash.contents()
    backend.commit({"k": None, "f": None})
    assert secret not in backend.flash.contents()
    assert b"a large secret" not in backend.flash.contents()
    assert contents(backend.flash) == {"other": b"stays"}


def test_superseded_values_do_not_pile_up() -> None:
    backend = JournalBackend()
    for number in range(10_000):
        backend.commit({"counter": number.to_bytes(4, "big")})
    assert len(backend.flash.data) < 5_000
    assert backend.get("counter") == (9_999).to_bytes(4, "big")


def test_large_values_are_shared_between_cards() -> None:
    first, second = JournalBackend(), JournalBackend()
    first.commit({"pkg": bytes(BIG)})
    second.commit({"pkg": bytes(bytearray(BIG))})
    assert first.get("pkg") is second.get("pkg")


def test_a_transaction_is_seen_by_itself_and_by_nobody_after_rollback() -> None:
    memory = Memory(JournalBackend())
    memory.put("a", b"1")
    memory.commit()
    memory.put("a", b"2")
    memory.put("b", b"3")
    memory.delete("a")
    assert memory.get("a") is None
    assert list(memory.items("")) == [("b", b"3")]
    memory.rollback()
    assert list(memory.items("")) == [("a", b"1")]


def test_an_early_batch_stands_when_its_command_fails() -> None:
    memory = Memory(JournalBackend())
    memory.put("file", b"new")
    memory.early({"counter": b"\x02"})
    memory.rollback()
    assert dict(memory.items("")) == {"counter": b"\x02"}


def test_deleting_what_was_only_buffered_writes_nothing() -> None:
    memory = Memory(JournalBackend())
    memory.put("a", b"1")
    memory.delete("a")
    assert not memory.dirty
