# SPDX-License-Identifier: Apache-2.0
"""The file system object: base and delta, what a failed command leaves, and what an idle card costs."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from apdu.command.fcp import FcpTemplate
from apdu.command.status import SW
from emulator.errors import CardError
from emulator.fs.filesystem import FileSystem, is_active
from emulator.fs.pins import PinKey
from emulator.memory.journal import JournalBackend
from emulator.memory.store import Memory
from emulator.profile.base import Directory, FileNode, ProfileBase
from tests.unit.fs.builder import ALWAYS_PIN1, PREFIX, SmallCard, pin, standard


@pytest.fixture
def base() -> ProfileBase:
    return standard().build()


def node(base: ProfileBase, *path: int) -> FileNode:
    found: Directory | FileNode = base.mf
    for fid in path:
        assert isinstance(found, Directory)
        found = found.children[fid]
    assert isinstance(found, FileNode)
    return found


def test_base_shows_through_until_something_is_written(base: ProfileBase) -> None:
    memory = Memory(JournalBackend())
    files = FileSystem(base, memory, PREFIX)
    file = node(base, 0x2F05)
    assert files.body(file) == file.content
    files.write(file, b"deFFFF")
    assert files.body(file) == b"deFFFF"
    memory.commit()
    assert dict(memory.items(PREFIX)) == {f"{PREFIX}/f/{file.id}": b"deFFFF"}
    assert FileSystem(base, memory, PREFIX).body(file) == b"deFFFF"
    assert FileSystem(base, memory, "isdp/000020").body(file) == file.content  # another profile's own


def test_what_a_failed_command_wrote_is_never_seen(base: ProfileBase) -> None:
    memory = Memory(JournalBackend())
    files = FileSystem(base, memory, PREFIX)
    file = node(base, 0x2F05)
    files.write(file, b"deFFFF")
    files.set_state(file, 0x04)
    memory.rollback()
    assert files.body(file) == file.content
    assert files.state(file) == 0x05
    assert FcpTemplate.from_tlv(files.fcp(file)).lcs == 5


def test_life_cycle_state_is_part_of_the_delta(base: ProfileBase) -> None:
    memory = Memory(JournalBackend())
    files = FileSystem(base, memory, PREFIX)
    file = node(base, 0x2F05)
    constant = files.fcp(file)
    files.set_state(file, 0x04)
    memory.commit()
    reopened = FileSystem(base, memory, PREFIX)
    assert reopened.state(file) == 0x04
    assert FcpTemplate.from_tlv(reopened.fcp(file)).lcs == 4
    reopened.set_state(file, 0x05)
    memory.commit()
    assert reopened.fcp(file) == constant
    assert not list(memory.items(PREFIX))
    telecom = base.mf.children[0x7F10]
    before = files.fcp(telecom)
    files.set_state(telecom, 0x04)
    assert files.fcp(telecom) != before


@pytest.mark.parametrize(
    "lcs, active", [(1, True), (3, True), (5, True), (7, True), (4, False), (6, False), (0x0C, False), (0x0F, False)]
)
def test_which_life_cycle_states_are_active(lcs: int, active: bool) -> None:
    assert is_active(lcs) is active


def test_records_and_paths(base: ProfileBase) -> None:
    files = FileSystem(base, Memory(JournalBackend()), PREFIX)
    adn = files.find(base.mf, 0x7F10, 0x6F3A)
    assert adn is not None
    assert files.record(adn, 5) == b"\x05" * 20
    assert files.record(adn, 6) is None
    assert files.record(adn, 0) is None
    assert files.record(node(base, 0x2FE2), 1) is None
    assert files.find(base.mf, 0x7F10) is None
    assert files.find(base.mf, 0x7F10, 0x6FFF) is None


def test_fcp_is_built_once_for_all_cards_with_a_profile(base: ProfileBase) -> None:
    memories = [Memory(JournalBackend()) for _ in range(2)]
    first, second = (FileSystem(base, memory, PREFIX) for memory in memories)
    file = node(base, 0x2FE2)
    assert first.fcp(file) is second.fcp(file)
    other = FileSystem(standard().build(), memories[0], PREFIX)
    assert other.fcp(node(other.base, 0x2FE2)) is not first.fcp(file)


def test_size_of_a_ber_tlv_file_is_what_it_holds(base: ProfileBase) -> None:
    memory = Memory(JournalBackend())
    files = FileSystem(base, memory, PREFIX)
    file = node(base, 0x7FD0, 0x6FC4)
    file.maximum_size = 1024
    assert FcpTemplate.from_tlv(files.fcp(file)).size == 4
    files.write(file, bytes.fromhex("800401020304"))
    template = FcpTemplate.from_tlv(files.fcp(file))
    assert template.size == 6
    assert template.proprietary is not None
    assert template.proprietary.maximum_size == 1024


def test_short_identifier_none_is_an_empty_object(base: ProfileBase) -> None:
    files = FileSystem(base, Memory(JournalBackend()), PREFIX)
    assert files.fcp(node(base, 0x7F10, 0x6F3A)).endswith(bytes.fromhex("8800"))


def test_pin_state_is_stored_under_its_context_and_reference(base: ProfileBase) -> None:
    card = SmallCard(base)
    card.usim()
    card.verify(0x81, "5678")
    usim = base.adfs[0]
    assert dict(card.memory.items(PREFIX)) == {f"{PREFIX}/pin/{usim.id}/81": bytes.fromhex("0301") + pin("5678")}
    assert card.verified == {(usim.id, 0x81)}
    card.verify(0x01, "9999")
    assert card.memory.get(f"{PREFIX}/pin/0/01") == bytes.fromhex("0201") + pin("1234")
    assert card.files is not None
    assert card.files.pins.state(PinKey(0, 0x01)).tries == 2


def test_blocked_pin_is_never_compared(base: ProfileBase) -> None:
    pins = FileSystem(base, Memory(JournalBackend()), PREFIX).pins
    key = PinKey(0, 0x01)
    pins.store(key, pins.state(key)._replace(tries=0))
    with pytest.raises(CardError) as refusal:
        pins.present(key, pin("1234"))
    assert refusal.value.sw == SW.AUTHENTICATION_BLOCKED
    assert pins.state(key).tries == 0


def test_another_file_system_costs_less_than_a_kilobyte(base: ProfileBase) -> None:
    """Measured on cards that have answered SELECT of MF, ADF and files; the profile itself is shared."""
    memory = Memory(JournalBackend())

    def idle() -> FileSystem:
        files = FileSystem(base, memory, PREFIX)
        for found in (base.mf, base.adfs[0], node(base, 0x2FE2), node(base, 0x7FD0, 0x6F07)):
            files.fcp(found)
        return files

    kept = [idle()]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept += [idle() for _ in range(100)]
        each = (tracemalloc.get_traced_memory()[0] - before) / 100
    finally:
        tracemalloc.stop()
    assert each < 1024, each


def test_missing_rule_file_allows_nothing() -> None:
    builder = standard()
    del builder.mf.children[0x2F06]
    builder.file(builder.mf, 0x2F11, b"\x01", ALWAYS_PIN1)
    card = SmallCard(builder.build())
    card.select(0x2F11)
    assert card("00B0000001") == "6982"
