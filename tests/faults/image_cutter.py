# SPDX-License-Identifier: Apache-2.0
"""Runs the flow on a card image again and again, each time in a process that ends at another moment of a write.

    python -m tests.faults.image_cutter IMAGE STRIDE

A line for each: how many commits had begun, the name of the moment; then the parent's answer is waited for, which looks
at the image meanwhile. A process of its own, since it forks: it has no other threads.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from emulator.card import Card
from emulator.memory import Memory, Moment
from emulator.memory.image import ImageBackend
from tests.support.flow import Flow, flow_lab
from tests.support.lab import Lab


def run(lab: Lab, image: Path, cut: int, tell: int) -> None:
    """The flow up to a moment, which goes to a descriptor, or to its end."""
    commits, left = 0, cut

    def hook(moment: Moment) -> None:
        nonlocal commits, left
        commits += moment is Moment.BEFORE
        if left == 0:
            os.write(tell, f"{commits} {moment.name}\n".encode())
            os._exit(9)
        left -= 1

    lab.starts += 1
    memory = Memory(ImageBackend(image, hook))
    entropy = lab.entropy.fork(f"card {lab.starts}")
    lab.card = Card(memory, entropy=entropy, clock=lambda: 0.0, observer=lab.recorder)
    lab.card.power_on()
    flow = Flow(lab)
    flow.run()
    assert flow.step == "the end"
    os._exit(1 if lab.recorder.errors else 0)


def main() -> None:
    """Every stride-th moment."""
    image, stride = Path(sys.argv[1]), int(sys.argv[2])
    lab = flow_lab()
    with ImageBackend.create(image) as backend:
        backend.commit(lab.snapshot())
    start = image.with_name("start")
    shutil.copyfile(image, start)
    cut = 0
    while True:
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            run(lab, image, cut, tell)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != 9:
            sys.exit(os.waitstatus_to_exitcode(status))
        print(os.read(told, 100).decode(), end="", flush=True)
        os.close(told)
        os.close(tell)
        sys.stdin.readline()
        shutil.copyfile(start, image)
        cut += stride


if __name__ == "__main__":
    main()
