# SPDX-License-Identifier: Apache-2.0
"""ATK-18: points that are none of the curve, through the card's 3A02 and through a host's reading; ATK-19: challenges.

An invalid-curve attack sends a point of another curve whose order is small, and learns the static key from the answers.
The card must refuse every such point before its key meets it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from apdu.errors import M2mError
from apdu.keys.certificate import read_public_key
from apdu.keys.ec import Curve
from apdu.keys.entropy import SeededEntropy
from emulator.entropy import CheckedEntropy
from emulator.errors import CardError
from tests.protocol.test_isd_p_keys import ISD_P, OTHER, ready
from tests.scale import count
from tests.support.fixtures import MakeLab
from tests.support.sm_dp import SmDp, challenge, point, private_key, run, tlv
from tools.entropy import SystemEntropy

CURVES = {
    Curve.P256: (
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        -3,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    Curve.BRAINPOOL_P256R1: (
        0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9,
        0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6,
    ),
}
"""p, a, b (FIPS 186-4 D.1.2.3, RFC 5639 3.4)."""


def coded(x: int, y: int, *, form: int = 0x04) -> bytes:
    return bytes((form,)) + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def on_curve(curve: Curve, x: int, y: int) -> bool:
    p, a, b = CURVES[curve]
    return x < p and y < p and (y * y - x * x * x - a * x - b) % p == 0


def root(square: int, p: int) -> int | None:
    """A square root modulo p = 3 mod 4, if there is one."""
    y = pow(square, (p + 1) // 4, p)
    return y if y * y % p == square % p else None


def invalid_points(curve: Curve) -> dict[str, bytes]:
    p, a, b = CURVES[curve]
    good = point(private_key(b"\x11" * 32, curve))
    x, y = int.from_bytes(good[1:33], "big"), int.from_bytes(good[33:], "big")
    assert on_curve(curve, x, y)
    found = {
        "y + 1": coded(x, (y + 1) % p),
        "x + 1": coded((x + 1) % p, y),
        "exchanged": coded(y, x),
        "0, 0": coded(0, 0),
        "0, 1": coded(0, 1),
        "1, 0": coded(1, 0),
        "p, y": coded(p, y),
        "x, p": coded(x, p),
        "p - 1 twice": coded(p - 1, p - 1),
        "2^256 - 1": coded((1 << 256) - 1, (1 << 256) - 1),
        "infinity": b"\x00",
        "infinity, long": bytes(65),
        "compressed even": bytes((0x02,)) + good[1:33],
        "compressed odd": bytes((0x03,)) + good[1:33],
        "hybrid even": coded(x, y, form=0x06),
        "hybrid odd": coded(x, y, form=0x07),
        "form 05": coded(x, y, form=0x05),
        "64 bytes off the curve": coded(x, (y + 1) % p)[1:],
        "66 bytes": good + b"\x00",
        "empty": b"",
        "other curve named": tlv(0xB0, good) + bytes((0xF0, 1, 3 - curve)),
    }
    if y + p < 1 << 256:
        found["y + p"] = coded(x, y + p)
    other = Curve.P256 if curve is Curve.BRAINPOOL_P256R1 else Curve.BRAINPOOL_P256R1
    found["a point of the other curve"] = point(private_key(b"\x11" * 32, other))
    draw = SeededEntropy(b"points")
    for number in range(30):  # each lies on a curve with this a and another b: what an invalid-curve attack sends
        found[f"other b {number}"] = coded(
            int.from_bytes(draw.draw(32), "big") % p, int.from_bytes(draw.draw(32), "big") % p
        )
    number = 0
    while f"twist {29}" not in found:  # x of the twist: no y fits; sent with a root of the other sign
        at = int.from_bytes(draw.draw(32), "big") % p
        square = (at * at * at + a * at + b) % p
        if root(square, p) is None:
            found[f"twist {number}"] = coded(at, root(-square % p, p) or 0)
            number += 1
    return found


@pytest.mark.parametrize("curve", list(CURVES))
def test_atk_18_invalid_points_through_the_card(make_lab: MakeLab, curve: Curve) -> None:
    lab = make_lab(curve=curve)
    host, dp = ready(lab)
    before = None
    for name, key in invalid_points(curve).items():
        rc = challenge(host, dp, ISD_P)
        before = before or lab.snapshot()
        assert run(host, dp.second(dp.payload(rc, key=key))) == "6A80", name
        assert lab.snapshot() == before, name
    assert before is not None


@pytest.mark.parametrize("curve", list(CURVES))
def test_atk_18_valid_points_give_the_right_receipt(make_lab: MakeLab, curve: Curve) -> None:
    lab = make_lab(curve=curve)
    host, _ = ready(lab)
    draw = SeededEntropy(b"scalars")
    for scalar in (1, 2, 3, 1 << 255, *(int.from_bytes(draw.draw(32), "big") >> 1 for _ in range(16))):
        dp = SmDp(lab, ephemeral_scalar=scalar.to_bytes(32, "big"))
        receipt = dp.receipt(dp.keys()).hex().upper()
        assert run(host, dp.second(dp.payload(challenge(host, dp, ISD_P)))) == f"8610{receipt}9000"


@pytest.mark.parametrize("curve", list(CURVES))
def test_atk_18_invalid_points_in_certificates(curve: Curve) -> None:
    """The reader that both ends use for keys in certificates."""
    for name, key in invalid_points(curve).items():
        with pytest.raises(M2mError):
            read_public_key(tlv(0xB0, key) + bytes((0xF0, 1, curve)), curve)
            pytest.fail(name)


def test_atk_19_challenges_are_unique(make_lab: MakeLab) -> None:
    """RC of one ISD-P, of another, after a reset, after a power cut: never the same (FIA_UAU.4)."""
    lab = make_lab()
    seen: set[bytes] = set()
    for round_ in range(20):
        host, dp = ready(lab, ISD_P, OTHER)
        for _ in range(5):
            for aid in (ISD_P, OTHER):
                rc = challenge(host, dp, aid)
                assert rc not in seen
                assert len(set(rc)) > 4
                seen.add(rc)
        if round_ % 2:
            lab.card.reset()
        else:
            lab.restart()
    assert len(seen) == 200


class Stuck:
    """A generator that fails: from the n-th draw on it gives what `stuck` says."""

    def __init__(self, good: int, stuck: Callable[[int], bytes]) -> None:
        self._left = good
        self._stuck = stuck
        self._good = SeededEntropy(b"good")

    def draw(self, n: int) -> bytes:
        self._left -= 1
        return self._good.draw(n) if self._left >= 0 else self._stuck(n)


STUCK: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "ones": lambda n: b"\xff" * n,
    "one byte": lambda n: b"\x5a" * n,
    "the same block": lambda n: bytes(range(n)),
    "the same beginning": lambda n: bytes(range(8)) + SeededEntropy(n.to_bytes(2, "big")).draw(n - 8),
    "too little": lambda n: SeededEntropy(b"short").draw(n - 1),
    "nothing": lambda n: b"",
}


@pytest.mark.parametrize("good", [0, 1, 2, 5])
@pytest.mark.parametrize("name", STUCK)
def test_atk_19_a_stuck_generator_gives_no_challenge(make_lab: MakeLab, name: str, good: int) -> None:
    """Health test: RCs are drawn as long as the source is good, then never again, and the card goes on."""
    lab = make_lab()
    host, dp = ready(lab)
    lab.card.entropy = CheckedEntropy(Stuck(good, STUCK[name]))
    given: list[str] = []
    for _ in range(good + 3):
        given.append(run(host, [dp.personalize(ISD_P), *dp.first()]))
    accepted = [answer for answer in given if answer.startswith("8510")]
    assert len(accepted) == len(set(accepted))
    assert len(accepted) <= good  # one draw of the good ones is for the start-up test, one may be stuck's first
    assert given[len(accepted) :] == ["6400"] * (len(given) - len(accepted))
    assert run(host, dp.second(dp.payload(bytes(16)))) in ("6985", "6A86")
    assert lab.open_isd_r().command("80CAFF2100").sw == 0x9000
    assert not lab.recorder.errors


class Given:
    """A generator that gives these blocks, one at each draw."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = iter(blocks)

    def draw(self, n: int) -> bytes:
        return next(self._blocks)


START, GOOD = bytes(range(8)), bytes(range(100, 116))


@pytest.mark.parametrize(
    "block, more, accepted",
    [
        (b"\x01" * 5 + bytes(range(2, 13)), GOOD, True),
        (b"\x01" * 6 + bytes(range(2, 12)), GOOD, False),
        (bytes(range(10)) + b"\x01" * 6, GOOD, False),
        (bytes(range(50, 63)) + b"\x64" * 3, b"\x64" * 2 + GOOD[1:15], True),  # a run that goes on in the next draw
        (bytes(range(50, 63)) + b"\x64" * 3, b"\x64" * 3 + GOOD[:13], False),
        (START + bytes(8), GOOD, False),
        (GOOD, GOOD[:8] + START, False),
    ],
)
def test_atk_19_runs_and_repetitions_at_their_limits_and_an_alarm_that_stays(
    block: bytes, more: bytes, accepted: bool
) -> None:
    entropy = CheckedEntropy(Given(START, block, more, *(bytes((number,)) + GOOD[1:] for number in range(9))))
    drawn: list[bytes] = []
    for _ in range(6):
        with suppress(CardError):
            drawn.append(entropy.draw(16))
    if accepted:
        assert drawn[:2] == [block, more]
        assert len(drawn) == 6
    else:
        assert drawn == [block][: len(drawn)]  # nothing any more, though the source is good again


def test_atk_19_a_million_challenges_are_unique_and_raise_no_alarm() -> None:
    """What RCs are drawn from, on the machine's generator."""
    entropy = CheckedEntropy(SystemEntropy())
    wanted = count("drawn_challenges")
    assert len({entropy.draw(16) for _ in range(wanted)}) == wanted


def test_atk_19_card_challenges_and_cryptograms_are_unique(make_lab: MakeLab) -> None:
    lab = make_lab()
    seen: set[str] = set()
    for round_ in range(300):
        lab.send("00A4040010A0000005591010FFFFFFFF890000010000")
        answer = lab.send("8050300008000000000000000000")
        assert answer[26:58] not in seen
        seen.add(answer[26:58])
        if round_ % 50 == 49:
            lab.restart()


def test_atk_19_replay_of_a_whole_key_establishment(make_lab: MakeLab) -> None:
    """What was recorded once opens nothing the second time, on the same card or a twin of it."""
    lab = make_lab()
    host, dp = ready(lab)
    rc = challenge(host, dp, ISD_P)
    recorded = dp.second(dp.payload(rc))
    assert run(host, recorded)[-4:] == "9000"
    before = lab.snapshot()
    challenge(host, dp, ISD_P)
    assert run(host, recorded) == "6A80"
    assert lab.snapshot() == before
    twin = make_lab(seed=2)
    other_host, other_dp = ready(twin)
    challenge(other_host, other_dp, ISD_P)
    assert run(other_host, recorded) == "6A80"
