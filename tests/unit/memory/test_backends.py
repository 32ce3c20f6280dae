# SPDX-License-Identifier: Apache-2.0
"""Both backends: a batch is there as a whole or not at all, whatever moment the power fails in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.memory import Memory, Moment, PowerCut
from tests.unit.memory.media import FlashMedium, ImageMedium, Medium, values

BIG = bytes(range(256)) * 4


@pytest.fixture(params=["journal", "image"])
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Medium]:
    if request.param == "journal":
        yield FlashMedium()
    else:
        image = ImageMedium(tmp_path)
        yield image
        image.close()


def test_values_survive_a_new_backend_on_the_same_medium(medium: Medium) -> None:
    backend = medium.open()
    backend.commit({"a": b"1", "b": BIG, "empty": b""})
    backend.commit({"a": b"2"})
    assert backend.get("a") == b"2"
    assert backend.get("none") is None
    assert values(medium) == {"a": b"2", "b": BIG, "empty": b""}
    assert dict(medium.open().items("")) == {"a": b"2", "b": BIG, "empty": b""}


def test_items_are_sorted_and_chosen_by_prefix(medium: Medium) -> None:
    backend = medium.open()
    backend.commit({"x/2": b"2", "x/1": b"1", "y": b"3", "x_1": b"4", "x%": b"5"})
    assert list(backend.items("x/")) == [("x/1", b"1"), ("x/2", b"2")]
    assert list(backend.items("x_")) == [("x_1", b"4")]


BEFORE = {"a": b"1", "b": BIG, "c": b"3"}
AFTER = {"a": b"2", "c": b"3", "d": BIG[:300]}
CHANGE = {"a": b"2", "b": None, "d": BIG[:300]}


def moments(medium: Medium) -> list[Moment]:
    """Every call of the hook in the change."""
    seen: list[Moment] = []
    medium.open().commit(BEFORE)
    medium.open(seen.append).commit(CHANGE)
    return seen


def test_a_cut_at_any_moment_leaves_the_state_before_or_after(medium: Medium) -> None:
    ticks = moments(medium.copy())
    assert {*ticks} == {*Moment}
    medium.open().commit(BEFORE)
    for cut, moment in enumerate(ticks):
        tried = medium.copy()
        left = iter(range(cut))

        def hook(_: Moment, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise PowerCut

        with pytest.raises(PowerCut):
            tried.open(hook).commit(CHANGE)
        late = moment in (Moment.MARKED, Moment.SWAP, Moment.AFTER)
        assert values(tried) == (AFTER if late else BEFORE), moment
        if isinstance(tried, ImageMedium):
            tried.close()


def test_what_was_deleted_is_not_on_the_medium_any_more(medium: Medium) -> None:
    secret, secret_file = b"a secret of sixteen", b"a large secret " * 400
    backend = medium.open()
    backend.commit({"k": secret, "f": secret_file, "other": b"stays"})
    assert secret in medium.contents()
    assert b"a large secret" in medium.contents()
    backend.commit({"k": None, "f": None})
    assert secret not in medium.contents()
    assert b"a large secret" not in medium.contents()
    assert values(medium) == {"other": b"stays"}


def test_a_cut_before_the_cleaning_is_made_good_by_the_next_opening(medium: Medium) -> None:
    def hook(moment: Moment) -> None:
        if moment is Moment.SWAP:
            raise PowerCut

    secret = b"a secret of sixteen"
    medium.open().commit({"k": secret, "other": b"stays"})
    with pytest.raises(PowerCut):
        medium.open(hook).commit({"k": None})
    survived = medium.copy()
    assert secret in survived.contents()
    assert dict(survived.open().items("")) == {"other": b"stays"}
    assert secret not in survived.contents()
    if isinstance(survived, ImageMedium):
        survived.close()


def test_a_secret_that_was_replaced_is_not_on_the_medium_any_more(medium: Medium) -> None:
    old, new = b"an old secret of the card", b"a new secret of the card!"
    memory = Memory(medium.open())
    memory.put_secret("k", old)
    memory.put("other", b"stays")
    memory.commit()
    assert old in medium.contents()
    memory.put_secret("k", new)
    memory.rollback()
    assert not memory.dirty
    memory.put_secret("k", new)
    memory.commit()
    assert old not in medium.contents()
    assert values(medium) == {"k": new, "other": b"stays"}


def test_superseded_values_do_not_pile_up(medium: Medium) -> None:
    backend = medium.open()
    for number in range(2_000):
        backend.commit({"counter": number.to_bytes(4, "big")})
    assert len(medium.contents()) < 600_000
    assert backend.get("counter") == (1_999).to_bytes(4, "big")


def test_a_transaction_is_seen_by_itself_and_by_nobody_after_rollback(medium: Medium) -> None:
    memory = Memory(medium.open())
    memory.put("a", b"1")
    memory.commit()
    memory.put("a", b"2")
    memory.put("b", b"3")
    memory.delete("a")
    assert memory.get("a") is None
    assert list(memory.items("")) == [("b", b"3")]
    memory.rollback()
    assert list(memory.items("")) == [("a", b"1")]


def test_an_early_batch_stands_when_its_command_fails(medium: Medium) -> None:
    memory = Memory(medium.open())
    memory.put("file", b"new")
    memory.early({"counter": b"\x02"})
    memory.rollback()
    assert dict(memory.items("")) == {"counter": b"\x02"}
    assert values(medium) == {"counter": b"\x02"}


def test_deleting_what_was_only_buffered_writes_nothing(medium: Medium) -> None:
    memory = Memory(medium.open())
    memory.put("a", b"1")
    memory.delete("a")
    assert not memory.dirty
