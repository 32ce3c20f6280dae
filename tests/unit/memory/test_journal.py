# SPDX-License-Identifier: Apache-2.0
"""The journal in RAM: what it has besides what every backend does."""

from __future__ import annotations

from emulator.memory import Flash, JournalBackend

BIG = bytes(range(256)) * 4


def contents(flash: Flash) -> dict[str, bytes]:
    return dict(JournalBackend(flash.copy()).items(""))


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


def test_large_values_are_shared_between_cards() -> None:
    first, second = JournalBackend(), JournalBackend()
    first.commit({"pkg": bytes(BIG)})
    second.commit({"pkg": bytes(bytearray(BIG))})
    assert first.get("pkg") is second.get("pkg")


def test_a_batch_that_lacks_a_whole_record_does_not_count() -> None:
    backend = JournalBackend()
    backend.commit({"a": b"1"})
    good = len(backend.flash.data)
    backend.commit({"a": b"2", "b": b"3"})
    whole = bytes(backend.flash.data)
    record = 5 + 1 + 1 + 4  # kind and lengths, key, value, CRC
    assert contents(Flash(whole)) == {"a": b"2", "b": b"3"}
    for start in (good, good + record):
        assert contents(Flash(whole[:start] + whole[start + record :])) == {"a": b"1"}
