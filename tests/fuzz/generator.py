# SPDX-License-Identifier: Apache-2.0
"""Commands that were changed: the generator says what it broke, where it knows that it broke something.

A label means: whatever the card is, this command must not succeed and must not write. A change whose effect nobody can
tell beforehand (a bit, a byte, other parameters, other data of the right length) has no label.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.fuzz.trees import Tree, longer_than_parent, without_mandatory


@dataclass(frozen=True)
class Case:
    """One command and what is wrong with it."""

    raw: bytes
    label: str | None
    how: str


def well_formed(raw: bytes) -> bool:
    """Whether lengths fit the body, as ISO 7816-3 12.1.3 says; written for the generator, not taken from the card."""
    size = len(raw)
    if size in (4, 5):
        return True
    if size < 4:
        return False
    lc = raw[4]
    if lc:
        return size in (5 + lc, 6 + lc)
    if size < 7:
        return False
    extended = raw[5] << 8 | raw[6]
    return size == 7 or (extended > 0 and size in (7 + extended, 9 + extended))


_NEEDS_DATA = {
    (0, 0xD6): "UPDATE BINARY",
    (0, 0xDC): "UPDATE RECORD",
    (0, 0x24): "CHANGE PIN",
    (0, 0x26): "DISABLE PIN",
    (0, 0x28): "ENABLE PIN",
    (0, 0x88): "AUTHENTICATE",
    (0, 0xA2): "SEARCH RECORD",
    (8, 0x10): "TERMINAL PROFILE",
    (8, 0x14): "TERMINAL RESPONSE",
    (8, 0xC2): "ENVELOPE",
    (8, 0xAA): "TERMINAL CAPABILITY",
    (8, 0x32): "INCREASE",
    (8, 0x50): "INITIALIZE UPDATE",
    (8, 0x82): "EXTERNAL AUTHENTICATE",
    (8, 0xE2): "STORE DATA",
    (8, 0xE4): "DELETE",
    (8, 0xE6): "INSTALL",
    (8, 0xD8): "PUT KEY",
}
_FIXED = {(0, 0x20): 8, (0, 0x24): 16, (0, 0x26): 8, (0, 0x28): 8, (0, 0x2C): 16, (0, 0x88): 34, (8, 0x50): 8}
"""Commands whose data have one length."""


def _key(raw: bytes) -> tuple[int, int]:
    return (8 if raw[0] & 0x80 else 0, raw[1])


def _body(raw: bytes) -> tuple[bytes, bytes]:
    """Data and what follows of a well formed command with a short length."""
    if len(raw) <= 5 or not raw[4]:
        return b"", raw[4:5]
    return raw[5 : 5 + raw[4]], raw[5 + raw[4] :]


def with_body(header: bytes, data: bytes, le: bytes) -> bytes:
    """A well formed command."""
    if not data:
        return header + le[:1]
    if len(data) > 0xFF:
        return header + b"\x00" + len(data).to_bytes(2, "big") + data + (b"\x00\x00" if le else b"")
    return header + bytes((len(data),)) + data + le[:1]


# --- labelled


def _lengths(raw: bytes, random: Random) -> Case | None:
    changed = bytearray(raw)
    match random.randrange(4):
        case 0 if len(raw) > 5:
            changed[4] = random.choice(
                (0, 1, 0xFF, changed[4] + 2 & 0xFF, changed[4] - 2 & 0xFF, random.randrange(256))
            )
        case 1:
            changed += random.randbytes(random.choice((1, 2, 3, 20)))
        case 2 if len(raw) > 6:
            del changed[random.randrange(5, len(changed)) :]
        case _:
            del changed[random.randrange(0, len(changed)) :]
    cut = bytes(changed)
    if well_formed(cut):
        return None
    truncated = len(cut) < len(raw)
    return Case(cut, "the command is truncated" if truncated else "Lc is not the length of the body", "lengths")


def _no_data(raw: bytes, random: Random) -> Case | None:
    name = _NEEDS_DATA.get(_key(raw))
    if name is None or len(raw) <= 5:
        return None
    return Case(raw[:4] + random.choice((b"", b"\x00", b"\x05")), f"{name} without data", "no data")


def _wrong_size(raw: bytes, random: Random) -> Case | None:
    size = _FIXED.get(_key(raw))
    data, le = _body(raw)
    if size is None or len(data) != size:
        return None
    other = random.choice([n for n in (1, size - 1, size + 1, 2 * size, random.randrange(1, 255)) if n != size])
    data = (data * 40)[:other]
    return Case(with_body(raw[:4], data, le), f"{other} bytes of data instead of {size}", "wrong size")


def _tree(raw: bytes, random: Random) -> Case | None:
    tree = Tree.read(raw)
    if tree is None:
        return None
    if random.random() < 0.6:
        label = longer_than_parent(tree, random)
    else:
        label = without_mandatory(tree, random)
    return None if label is None else Case(tree.encode(), label, "tree")


# --- not labelled


def _flip(raw: bytes, random: Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _byte(raw: bytes, random: Random) -> bytes:
    changed = bytearray(raw)
    changed[random.randrange(len(changed))] = random.choice((0x00, 0x01, 0x7F, 0x80, 0xFF, random.randrange(256)))
    return bytes(changed)


def _header(raw: bytes, random: Random) -> bytes:
    place = random.randrange(4)
    return raw[:place] + bytes((random.randrange(256),)) + raw[place + 1 :]


def _data(raw: bytes, random: Random) -> bytes:
    """Other data, and Lc with them."""
    data, le = _body(raw)
    changed = bytearray(data)
    match random.randrange(5):
        case 0 if changed:
            del changed[random.randrange(len(changed))]
        case 1:
            changed.insert(random.randrange(len(changed) + 1), random.randrange(256))
        case 2 if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
        case 3:
            changed = bytearray(random.randbytes(random.choice((1, 2, 8, 16, 17, 34, 100, 255))))
        case _ if changed:
            start = random.randrange(len(changed))
            changed[start:start] = changed[start : start + random.randrange(1, 20)]
    return with_body(raw[:4], bytes(changed[:600]), le)


def _le(raw: bytes, random: Random) -> bytes:
    data, _ = _body(raw)
    return with_body(raw[:4], data, random.choice((b"", b"\x00", b"\x01", b"\x10", b"\xff")))


def _tree_play(raw: bytes, random: Random) -> bytes:
    """Objects exchanged, doubled, taken away or emptied; every length right."""
    tree = Tree.read(raw)
    if tree is None:
        return _data(raw, random)
    siblings, place, node = random.choice(list(tree.walk()))
    match random.randrange(5):
        case 0:
            siblings.insert(place, node)
        case 1:
            siblings.pop(place)
        case 2:
            random.shuffle(siblings)
        case 3:
            node.children, node.value = [], b""
        case _:
            node.children, node.value = [], random.randbytes(random.randrange(40))
    return tree.encode()


def _random(random: Random) -> bytes:
    cla = random.choice((0x00, 0x80, 0x84, 0x01, 0x81, 0x40, 0xC0, random.randrange(256)))
    ins = (
        random.choice(bytes.fromhex("A4B0D6B2DCA22024262C288832781012 14AAC2F270C05082CAE2E4E6D8F0E8"))
        if (random.random() < 0.9)
        else random.randrange(256)
    )
    header = bytes(
        (
            cla,
            ins,
            random.choice((0, 4, 0x80, 0x88, random.randrange(256))),
            random.choice((0, 2, random.randrange(256))),
        )
    )
    return with_body(
        header, random.randbytes(random.choice((0, 0, 1, 2, 5, 16, 30, 255))), random.choice((b"", b"\x00", b"\x10"))
    )


LABELLED = (_lengths, _no_data, _wrong_size, _tree, _tree, _tree)
FREE = (_flip, _byte, _header, _data, _le, _tree_play, _tree_play)


def next_case(corpus: list[bytes], random: Random) -> Case:
    """One changed command: half of them labelled."""
    raw = random.choice(corpus)
    if random.random() < 0.5:
        for _ in range(4):
            case = random.choice(LABELLED)(raw, random)
            if case is not None:
                return case
    kind = random.random()
    if kind < 0.08:
        return Case(_random(random), None, "random")
    if kind < 0.12:
        return Case(raw, None, "unchanged")
    change = random.choice(FREE)
    return Case(change(raw, random), None, change.__name__.strip("_"))
