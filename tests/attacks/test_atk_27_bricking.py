# SPDX-License-Identifier: Apache-2.0
"""ATK-27: no sequence of functions leaves a card without a way back; ATK-24: nor does one that is never answered.

Random functions of an authenticated SM-SR that means harm, resets and power cuts in between: always exactly one enabled
profile and one fall-back holder, always a file system and an identity, memory always accounted.
"""

from __future__ import annotations

from random import Random

import pytest

from apdu.gp.codes import LifeCycle
from tests.protocol.test_isd_r import answer, create, delete
from tests.protocol.test_isd_r_profiles import confirm, disable, enable, fall_back
from tests.protocol.test_state_machines import MEDIA, S, card_with
from tests.scale import count
from tests.support.flow import FIRST, SECOND
from tests.support.lab import Lab, SecureHost
from tests.support.profile import USIM, subscriber

OPERATIONS = count("fuzz_apdus") // 50
SEEDS = (1, 2)
THIRD = "A0000005591010FFFFFFFF8900001500"
IDENTITIES = {subscriber(number).imsi.ef_imsi.hex().upper() for number in (1, 2)}
LEGAL = {"90", "91", "69", "6A"}


def check(lab: Lab, where: str) -> None:
    registry = lab.card.registry
    records = list(registry.isd_ps())
    assert sum(record.state is LifeCycle.ENABLED for record in records) == 1, where
    holder = registry.find(registry.isd_r.fallback or b"")
    assert holder is not None, where
    assert holder.state in (LifeCycle.ENABLED, LifeCycle.DISABLED), where
    assert registry.free() + sum(map(registry.allocated, records)) == lab.memory_size, where
    assert lab.send(f"00A404000C{USIM}00")[-4:] == "9000", where
    assert lab.send("00A4000C026F07") == "9000", where
    assert lab.send("00B0000009")[:-4] in IDENTITIES, where


def happen(lab: Lab, random: Random, host: SecureHost) -> str:
    aid = random.choice((str(FIRST), str(SECOND), THIRD))
    kind = random.randrange(7)
    match kind:
        case 0:
            return answer(host, enable(aid))
        case 1:
            return answer(host, disable(aid))
        case 2:
            return answer(host, delete(THIRD if random.random() < 0.9 else aid))
        case 3:
            return answer(host, fall_back(aid))
        case 4:
            return answer(host, create(THIRD))
        case 5:
            return answer(host, confirm((lab.card.registry.isd_r.sequence - random.randrange(3)) % 0x10000))
        case _:
            return answer(host, f"80E28800{'083A0705A303810101' if random.random() < 0.5 else '03990000'}")


@pytest.mark.parametrize("seed", SEEDS)
def test_atk_27_random_functions(seed: int) -> None:
    random = Random(seed)
    done = 0
    while done < OPERATIONS // len(SEEDS):
        lab = card_with(MEDIA[S.DISABLED])
        rules = random.randrange(8)  # the operator's rules of the second profile
        lab.put_isd_p(0x13, S.DISABLED, pol1=rules & 0x06, granted=0x4000, used=3000)
        for number in range(60):
            where = f"seed {seed}, operation {done} ({number} on this card, POL1 {rules & 6})"
            host = lab.open_isd_r()
            for _ in range(random.randrange(1, 4)):
                reply = happen(lab, random, host)
                assert reply[-4:-2] in LEGAL, f"{where}: {reply}"
                done += 1
            if random.random() < 0.5:
                lab.card.reset()
            elif random.random() < 0.3:
                lab.restart()
            check(lab, where)
        assert not lab.recorder.errors


def test_atk_24_answers_that_are_never_seen() -> None:
    """A thousand CreateISDP whose answers an attacker drops: the SM-SR repeats the same AID, and one ISD-P is there."""
    lab = card_with(MEDIA[None])
    free = lab.card.registry.free()
    for number in range(1000):
        host = lab.open_isd_r()
        assert answer(host, create(THIRD)) == ("009000" if number == 0 else "6A80")
        if number % 3 == 0:
            lab.restart()
    assert len(list(lab.card.registry.isd_ps())) == 2
    assert answer(lab.open_isd_r(), delete(THIRD)) == "009000"
    assert lab.card.registry.free() == free
