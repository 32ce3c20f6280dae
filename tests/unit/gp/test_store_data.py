# SPDX-License-Identifier: Apache-2.0
"""STORE DATA blocks: P1, cutting, joining; data groupings cut at every byte (GPCS 11.11, card.md 3.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.command.status import SW
from apdu.errors import DecodeError, EncodeError
from apdu.gp.store_data import (
    MAX_BLOCK,
    MAX_BLOCK_SCP03,
    Encryption,
    StoreDataChain,
    StoreDataError,
    StoreDataMode,
    Structure,
    store_data,
)
from apdu.tlv.scan import Tlv, dgi

DGI = Structure.DGI

MODES: list[tuple[int, StoreDataMode]] = [  # card.md 3.4: typical values
    (0x88, StoreDataMode(DGI, True)),
    (0x89, StoreDataMode(DGI, True, True)),
    (0x09, StoreDataMode(DGI, False, True)),
    (0x90, StoreDataMode(Structure.BER_TLV, True)),
    (0x91, StoreDataMode(Structure.BER_TLV, True, True)),
    (0x11, StoreDataMode(Structure.BER_TLV, False, True)),
    (0x00, StoreDataMode(Structure.NONE, False)),
    (0xE8, StoreDataMode(DGI, True, False, Encryption.ENCRYPTED)),
    (0x28, StoreDataMode(DGI, False, False, Encryption.APPLICATION_DEPENDENT)),
]


@pytest.mark.parametrize("p1, mode", MODES)
def test_p1(p1: int, mode: StoreDataMode) -> None:
    assert StoreDataMode.decode(p1) == mode
    assert mode.encode() == p1


@pytest.mark.parametrize("p1", range(256))
def test_every_p1_is_reserved_or_comes_back(p1: int) -> None:
    mode = StoreDataMode.decode(p1)
    assert (mode is None) == bool(p1 & 0x06 or p1 & 0x18 == 0x18 or p1 & 0x60 == 0x40)
    assert mode is None or mode.encode() == p1


@pytest.mark.parametrize("size, blocks", [(1, [1]), (239, [239]), (240, [239, 1]), (1020, [239, 239, 239, 239, 64])])
def test_cutting_for_scp03(size: int, blocks: list[int]) -> None:
    """The sizes of card-annex.md 11."""
    commands = store_data(bytes(size), StoreDataMode(Structure.BER_TLV, response=True), size=MAX_BLOCK_SCP03)
    assert [len(command.data) for command in commands] == blocks
    assert [command.p1 for command in commands] == [0x11] * (len(blocks) - 1) + [0x91]
    assert [command.p2 for command in commands] == list(range(len(blocks)))
    assert all(command.le == 256 for command in commands)


def test_chain_that_goes_on() -> None:
    """Key establishment: the certificate's block is not the last of its chain."""
    (first,) = store_data(b"\x3a\x01\x00", StoreDataMode(DGI, last=False, response=True))
    assert (first.p1, first.p2) == (0x09, 0x00)
    (second,) = store_data(b"\x3a\x02\x00", StoreDataMode(DGI, response=True), first=1)
    assert (second.p1, second.p2) == (0x89, 0x01)


def test_what_cannot_be_cut() -> None:
    with pytest.raises(EncodeError):
        store_data(b"", StoreDataMode())
    with pytest.raises(EncodeError):
        store_data(bytes(MAX_BLOCK * 256 + 1), StoreDataMode())
    assert len(store_data(bytes(MAX_BLOCK * 256), StoreDataMode())) == 256


def _send(chain: StoreDataChain, payload: bytes, mode: StoreDataMode, size: int) -> tuple[list[Tlv], bytes]:
    groups: list[Tlv] = []
    raw = b""
    for command in store_data(payload, mode, size=size):
        block = chain.receive(command.p1, command.p2, command.data)
        groups.extend(block.groups)
        raw += block.raw
        assert block.last == (not chain.is_open)
    return groups, raw


GROUPS = [Tlv(0x3A02, bytes(23)), Tlv(0x7F49, bytes(0xFE)), Tlv(0x0070, bytes(0x1FF)), Tlv(0x5F37, b"")]
PAYLOAD = b"".join(dgi(*group) for group in GROUPS)


def test_groupings_straddle_blocks_at_every_byte() -> None:
    chain = StoreDataChain()
    for at in range(1, len(PAYLOAD)):
        first = chain.receive(0x08, 0, PAYLOAD[:at])
        second = chain.receive(0x88, 1, PAYLOAD[at:])
        assert [*first.groups, *second.groups] == GROUPS
        assert first.raw + second.raw == PAYLOAD


@given(size=st.integers(1, 255), payload=st.binary(min_size=1, max_size=200))
def test_bytes_survive_any_block_size(size: int, payload: bytes) -> None:
    chain = StoreDataChain()
    assert _send(chain, payload, StoreDataMode(Structure.BER_TLV), size) == ([], payload)
    assert _send(chain, dgi(0x3A07, payload), StoreDataMode(DGI), size) == (
        [Tlv(0x3A07, payload)],
        dgi(0x3A07, payload),
    )


def test_first_grouping_arrives_before_the_chain_ends() -> None:
    chain = StoreDataChain()
    block = chain.receive(0x09, 0, bytes.fromhex("3A0101AA"))
    assert (block.groups, block.last) == ((Tlv(0x3A01, b"\xaa"),), False)
    assert block.mode.response
    block = chain.receive(0x89, 1, bytes.fromhex("3A0201BB"))
    assert (block.groups, block.last) == ((Tlv(0x3A02, b"\xbb"),), True)


@pytest.mark.parametrize(
    "blocks, sw",
    [
        ([(0x88, 1, "3A0100")], SW.WRONG_P1P2),
        ([(0x08, 0, "3A0100"), (0x88, 2, "3A0100")], SW.WRONG_P1P2),
        ([(0x08, 0, "3A0100"), (0x08, 0, "3A0100")], SW.WRONG_P1P2),
        ([(0x08, 0, "3A0100"), (0x90, 1, "3A0100")], SW.WRONG_P1P2),
        ([(0x08, 0, "3A0100"), (0xE8, 1, "3A0100")], SW.WRONG_P1P2),
        ([(0x98, 0, "3A0100")], SW.WRONG_P1P2),
        ([(0x88, 0, "3A0101")], SW.WRONG_DATA),
        ([(0x88, 0, "3A")], SW.WRONG_DATA),
        ([(0x88, 0, "3A01FF")], SW.WRONG_DATA),
        ([(0x08, 0, "3A01FF"), (0x88, 1, "0100")], SW.WRONG_DATA),
        ([(0x88, 0, "")], SW.WRONG_LENGTH),
        ([(0x08, 0, "3A01FF0100" + "00" * 20), (0x08, 1, "00" * 20)], SW.NOT_ENOUGH_MEMORY),
    ],
)
def test_blocks_that_do_not_fit(blocks: list[tuple[int, int, str]], sw: SW) -> None:
    chain = StoreDataChain(limit=40)
    for p1, p2, data in blocks[:-1]:
        chain.receive(p1, p2, bytes.fromhex(data))
    p1, p2, data = blocks[-1]
    with pytest.raises(StoreDataError) as caught:
        chain.receive(p1, p2, bytes.fromhex(data))
    assert caught.value.sw == sw
    assert not chain.is_open  # nothing is kept: block 00 starts anew
    assert chain.receive(0x88, 0, bytes.fromhex("3A0100")).groups == (Tlv(0x3A01, b""),)


def test_block_numbers_do_not_wrap() -> None:
    chain = StoreDataChain()
    for number in range(255):
        chain.receive(0x10, number, b"\x00")
    with pytest.raises(StoreDataError):
        chain.receive(0x10, 255, b"\x00")


def test_reset_drops_a_chain() -> None:
    chain = StoreDataChain()
    chain.receive(0x08, 0, b"\x3a")
    chain.reset()
    assert not chain.is_open
    with pytest.raises(StoreDataError):
        chain.receive(0x88, 1, b"\x3a\x01\x00")


def test_groupings_by_name() -> None:
    from apdu.gp.store_data import raise_for_groups

    raise_for_groups((Tlv(0x3A01, b""),), (0x3A01,))
    with pytest.raises(DecodeError, match="3A01 expected, not nothing"):
        raise_for_groups((), (0x3A01,))
