# SPDX-License-Identifier: Apache-2.0
"""Long recordings of a card: commands as they are and changed ones, with what the card answered."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from apdu.trace.events import AnyEvent, LinkEvent, LinkKind, Side
from tests.fuzz.generator import next_case
from tests.fuzz.stages import quiet_lab, recorded, stages

__all__ = ["recorded_exchanges"]

_BETWEEN_RESETS = 100
_NAMES = ("uicc", "usim", "no session", "ecasd", "channels")


def recorded_exchanges(number: int, seed: int = 1) -> list[AnyEvent]:
    """So many commands with their responses, and an ATR before every hundred."""
    events: list[AnyEvent] = []
    random = Random(seed)
    clock = iter(range(1, 4 * number))
    lab = quiet_lab(lambda moment: None)
    corpus: list[bytes] = []
    for count in range(number):
        if count % _BETWEEN_RESETS == 0:
            stage = stages()[_NAMES[count // _BETWEEN_RESETS % len(_NAMES)]]
            lab.flash = recorded().media[stage.medium].copy()
            lab.restart()
            stage.prepare(lab)
            corpus = list(stage.corpus)
            events.append(_event(clock, LinkKind.ATR, lab.card.atr))
        command = random.choice(corpus) if random.random() < 0.5 else next_case(corpus, random).raw
        events.append(_event(clock, LinkKind.COMMAND, command))
        events.append(_event(clock, LinkKind.RESPONSE, lab.card.transmit(command)))
    return events


def _event(clock: Iterator[int], kind: LinkKind, data: bytes) -> LinkEvent:
    return LinkEvent(time=1_700_000_000 + next(clock) / 1000.0, side=Side.READER, kind=kind, data=data)
