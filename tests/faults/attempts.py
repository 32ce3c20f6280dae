# SPDX-License-Identifier: Apache-2.0
"""Attempts at what a card counts down or up: PINs, unblocking keys, challenges; and what they may leave behind.

Each attempt says what its counters are after the n-th commit that became durable, so a power cut anywhere in it can be
judged. All is asked from the card by commands: tries by VERIFY and UNBLOCK PIN without data, SQNms by AUTS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from apdu.aka.milenage import Milenage
from apdu.aka.tokens import Auts, join_sqn, make_autn, open_auts, split_sqn
from tests.support.profile import ADM1, USIM, subscriber

MAX: Final = {"pin": 3, "adm": 10, "puk": 10}
_PIN, _PUK = "9876", "22222222"
_RAND: Final = bytes(range(16))
_RIGHT: Final = {"pin": _PIN, "adm": ADM1}
_REFERENCE: Final = {"pin": "81", "adm": "0A"}
_ALGORITHM: Final = Milenage(subscriber(1).k, subscriber(1).opc)

Send = Callable[[str], str]


class Counters(NamedTuple):
    """Tries left of PIN 81, of ADM1 and of the PUK of PIN 81; SEQ of the newest challenge that was accepted."""

    pin: int
    adm: int
    puk: int
    seq: int

    @property
    def low(self) -> bool:
        """Whether an attempt has to come to its end: nothing brings the last tries of ADM1 and PUK back."""
        return min(self.adm, self.puk) < 3


@dataclass(frozen=True)
class Attempt:
    """A command, its answer's beginning, and the counters after each durable commit, the first before any."""

    name: str
    command: str
    answer: str
    after: tuple[Counters, ...]


def code(digits: str) -> str:
    return digits.encode().ljust(8, b"\xff").hex()


def challenge(seq: int, *, spoilt: bool = False) -> str:
    """AUTHENTICATE in the 3G context with an AUTN of the home network."""
    autn = bytearray(make_autn(_ALGORITHM, _RAND, join_sqn(seq, seq % 32), b"\x80\x00").encode())
    autn[-1] ^= spoilt
    return f"008800812210{_RAND.hex()}10{autn.hex()}00"


def begin(send: Send) -> None:
    """Select the USIM."""
    assert send(f"00A4040C{len(USIM) // 2:02X}{USIM}") == "9000"


def counters(send: Send) -> Counters:
    """Ask for all of them; nothing changes by it. The first challenge is stale, so its answer is AUTS."""
    tries = [int(answer[3], 16) for answer in map(send, ("00200081", "0020000A", "002C0081")) if answer[:3] == "63C"]
    answer = bytes.fromhex(send(challenge(1)))
    assert answer[:2] == b"\xdc\x0e", answer.hex()
    pin, adm, puk = tries
    return Counters(pin, adm, puk, split_sqn(open_auts(_ALGORITHM, _RAND, Auts.parse(answer[2:16])))[0])


def next_attempt(now: Counters, chance: Random) -> Attempt:
    """What is tried next; of ADM1 and PUK the right values when few tries are left."""
    kind = chance.choices(("pin", "adm", "puk", "aka"), (45, 15, 10, 30))[0]
    right = chance.random() < 0.25
    if kind == "aka":
        return _authenticate(now, right, chance)
    if kind == "puk" or (kind == "pin" and not now.pin and right):
        return _unblock(now, right or now.puk < 3)
    return _verify(kind, now, right or (kind == "adm" and now.adm < 3))


def _verify(kind: str, now: Counters, right: bool) -> Attempt:
    given = _RIGHT[kind] if right else "0000"
    command = f"002000{_REFERENCE[kind]}08{code(given)}"
    left = getattr(now, kind) - 1
    if left < 0:
        return Attempt("blocked", command, "6983", (now,))
    less = now._replace(**{kind: left})
    if right:
        return Attempt(f"right {kind}", command, "9000", (now, less, now._replace(**{kind: MAX[kind]})))
    return Attempt(f"wrong {kind}", command, f"63C{left:X}", (now, less))


def _unblock(now: Counters, right: bool) -> Attempt:
    command = f"002C008110{code(_PUK if right else '00000000')}{code(_PIN)}"
    less = now._replace(puk=now.puk - 1)
    if right:
        return Attempt("right puk", command, "9000", (now, less, now._replace(puk=MAX["puk"], pin=MAX["pin"])))
    return Attempt("wrong puk", command, f"63C{less.puk:X}", (now, less))


def _authenticate(now: Counters, stale: bool, chance: Random) -> Attempt:
    if stale:
        old = chance.random() < 0.5
        return Attempt(
            "stale" if old else "wrong MAC", challenge(now.seq, spoilt=not old), "DC" if old else "9862", (now,)
        )
    new = now.seq + chance.randint(1, 3)
    return Attempt("challenge", challenge(new), "DB08", (now, now._replace(seq=new)))
