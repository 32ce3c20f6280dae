# SPDX-License-Identifier: Apache-2.0
"""Attempts on a card image, each in a process that ends at a moment of a commit; this one looks at what is left.

    python -m tests.faults.counter_cutter IMAGE ATTEMPTS

A process of its own, since it forks: it has no other threads. It prints how many processes ended at which moment.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from random import Random

from emulator.card import Card
from emulator.memory import Memory, Moment
from emulator.memory.image import ImageBackend
from emulator.memory.journal import Hook
from tests.faults.attempts import Attempt, begin, challenge, counters, next_attempt
from tests.support.flow import flow_lab
from tests.support.lab import Lab

_MOMENTS = 6
"""Of the commit of one value."""
_NEVER = 1000


def opened(lab: Lab, image: Path, hook: Hook | None = None) -> ImageBackend:
    """The card of the image, powered, the USIM selected; the bench sends to it."""
    lab.starts += 1
    backend = ImageBackend(image, hook)
    entropy = lab.entropy.fork(f"card {lab.starts}")
    lab.card = Card(Memory(backend), entropy=entropy, clock=lambda: 0.0, observer=lab.recorder)
    lab.card.power_on()
    begin(lab.send)
    return backend


def run(lab: Lab, image: Path, attempt: Attempt, cut: int, tell: int) -> None:
    """One attempt; the commits that were durable and the moment of the end go to a descriptor."""
    durable, left = 0, cut

    def hook(moment: Moment) -> None:
        nonlocal durable, left
        durable += moment is Moment.MARKED
        if left == 0:
            os.write(tell, f"{durable} {moment.name}".encode())
            os._exit(9)
        left -= 1

    opened(lab, image, hook)
    answer = lab.send(attempt.command)
    os.write(tell, f"{durable} {'answered' if answer.startswith(attempt.answer) else answer}".encode())
    os._exit(0)


def main() -> None:
    """So many attempts."""
    image, attempts, chance = Path(sys.argv[1]), int(sys.argv[2]), Random(5)
    lab = flow_lab()
    with ImageBackend.create(image) as backend:
        backend.commit(lab.snapshot())
    with opened(lab, image):
        assert lab.send(challenge(1)).startswith("DB08")
        now = counters(lab.send)
    ends: Counter[str] = Counter()
    for number in range(attempts):
        attempt = next_attempt(now, chance)
        cut = _NEVER if now.low else chance.randrange(_MOMENTS * len(attempt.after))
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            run(lab, image, attempt, cut, tell)
        os.waitpid(child, 0)
        durable, moment = os.read(told, 100).decode().split()
        os.close(told)
        os.close(tell)
        assert moment in Moment.__members__ or moment == "answered", f"{attempt.name}: {moment}"
        with opened(lab, image):
            now = counters(lab.send)
        assert now == attempt.after[int(durable)], f"{number}, {attempt.name}, {moment}: {now}"
        ends[moment] += 1
    assert lab.recorder.errors == []
    print(
        f"attempts {attempts}\ncuts {attempts - ends['answered']}",
        *(f"{name} {n}" for name, n in ends.items()),
        sep="\n",
    )


if __name__ == "__main__":
    main()
