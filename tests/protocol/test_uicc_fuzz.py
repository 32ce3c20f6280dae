# SPDX-License-Identifier: Apache-2.0
"""Commands that nobody would send: the card answers each with a legal status word, and refusals leave no trace."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.scale import count
from tests.unit.fs.builder import ISIM, USIM, SmallCard, pin, standard

INSTRUCTIONS = bytes.fromhex("A4B0D6B2DCA220242628 2C88 3278 1012 14AA C2F2 C070 CBDB 4404 E0E4D4")
_FIDS = (0x3F00, 0x7FFF, 0x7F10, 0x2FE2, 0x2F06, 0x6F07, 0x6F38, 0x6F39, 0x6F3A, 0x6F3B, 0x5FC0)
FIDS = [fid.to_bytes(2, "big") for fid in _FIDS]
LEGAL = {0x61, 0x62, 0x63, 0x65, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x90, 0x91, 0x93, 0x98}
COUNTERS = ("/pin/", "/puk/", "/aka/")
MILENAGE_K, MILENAGE_OPC = "465B5CE8B199B49FAA5F0A2EE238A6BC", "CD63CB71954A9F4E48A5994E37A02BAF"


def command(random: Random) -> bytes:
    """A header of a known instruction with plausible or senseless parameters and a body of any length."""
    cla = random.choice((0x00, 0x80, 0x00, 0x80, 0x01, 0x81, 0x40, 0x04, 0x10, random.randrange(256)))
    ins = random.choice(INSTRUCTIONS) if random.random() < 0.95 else random.randrange(256)
    p1 = random.choice((0, 0, 1, 2, 4, 8, 9, 0x80, 0x87, 0x89, random.randrange(256)))
    p2 = random.choice((0, 1, 2, 4, 0x0C, 0x4C, 0x81, 0x80, 0x0A, 0x11, random.randrange(256)))
    body = random.choice(
        (
            b"",
            random.choice(FIDS),
            bytes(USIM if random.random() < 0.5 else ISIM),
            pin(random.choice(("1234", "5678", "99999999", "0000", "1"))),
            random.choice(FIDS) + random.choice(FIDS),
            bytes.fromhex("D60799010382028281"),
            b"\x10" + random.randbytes(16) + b"\x10" + random.randbytes(16),
            random.randbytes(random.randrange(40)),
        )
    )
    raw = bytes((cla, ins, p1, p2)) + (bytes((len(body),)) + body if body else b"")
    if random.random() < 0.5:
        raw += bytes((random.choice((0, 1, 9, 10, 0xFF)),))
    return raw


def test_no_command_breaks_the_card() -> None:
    builder = standard()
    builder.naa(builder.adfs[0], 1, MILENAGE_K, MILENAGE_OPC)
    base = builder.build()
    random = Random(20240611)
    card = SmallCard(base)
    for number in range(count("fuzz_apdus") // 5):
        if number % 500 == 0:
            card = SmallCard(base)
            card.usim()
            card.verify(0x01, "1234")
        before = dict(card.memory.items(""))
        raw = command(random)
        answer = card.transmit(raw)
        assert len(answer) >= 2
        assert answer[-2] in LEGAL, (raw.hex(), answer.hex())
        assert not card.memory.dirty
        if answer[-2] in (0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x93, 0x98):
            after = dict(card.memory.items(""))
            changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
            assert all(any(kind in key for kind in COUNTERS) for key in changed), (raw.hex(), answer.hex(), changed)


def test_same_commands_same_answers() -> None:
    base = standard().build()

    def run() -> list[bytes]:
        random, card = Random(7), SmallCard(base)
        return [card.transmit(command(random)) for _ in range(500)]

    assert run() == run()


def test_cc_ui_09_length_that_disagrees_with_the_body_is_refused() -> None:
    """Every command that changes something, cut short and made longer than its Lc says."""
    base = standard().build()
    for text in (
        "00D68B0003AABBCC",
        "00DC014C0A" + "AA" * 10,
        "0024000110" + (pin("1234") + pin("4321")).hex(),
        "00A40004023F0000",
        "801000000401020304",
    ):
        raw = bytes.fromhex(text)
        card = SmallCard(base)
        card.usim()
        card.verify(0x01, "1234")
        before = bytes(card.flash.data)
        for size in range(6, len(raw)):
            cut = raw[:size]
            if size in (5 + raw[4], 6 + raw[4]):
                continue
            assert card.transmit(cut).hex() == "6700", cut.hex()
        assert card.transmit(raw + b"\x00\x00").hex() == "6700"
        assert bytes(card.flash.data) == before


Step = tuple[str, int]


@given(
    cyclic=st.booleans(),
    steps=st.lists(
        st.tuples(st.sampled_from(["next", "previous", "absolute", "current", "update"]), st.integers(1, 6)),
        max_size=25,
    ),
)
def test_record_pointer_against_a_model(cyclic: bool, steps: list[Step]) -> None:
    """A list and an index say what the specification's pictures say (TS 102 221 8.3, 11.1.5, 11.1.6)."""
    card = SmallCard(standard().build())
    card.usim()
    card.verify(0x01, "1234")
    if cyclic:
        card.select(0x6F39)
        model, size = ["00001E", "000014", "00000A"], 3
    else:
        card.select(0x3F00, 0x7F10, 0x6F3A)
        model, size = [f"{n:02X}" * 20 for n in range(1, 6)], 20
    at: int | None = None
    for kind, number in steps:
        if kind == "update":
            value = f"{number:02X}" * size
            assert card(f"00DC0003{size:02X}{value}") == ("9000" if cyclic or at != 0 else "6A83")
            if cyclic:
                model, at = [value, *model[:-1]], 0
            elif at != 0:
                at = len(model) - 1 if at is None else at - 1
                model[at] = value
            continue
        mode, p1, wanted = "04", 0, at
        if kind == "absolute":
            p1, wanted = number, number - 1
        elif kind == "next":
            mode, wanted = "02", 0 if at is None else at + 1
        elif kind == "previous":
            mode, wanted = "03", len(model) - 1 if at is None else at - 1
        if cyclic and mode != "04" and wanted is not None:
            wanted %= len(model)
        answer = card(f"00B2{p1:02X}{mode}{size:02X}")
        if wanted is None or not 0 <= wanted < len(model):
            assert answer == "6A83"
            continue
        assert answer == model[wanted] + "9000"
        if mode != "04":
            at = wanted
