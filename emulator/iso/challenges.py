# SPDX-License-Identifier: Apache-2.0
"""What a card keeps about the challenges of one network access application (TS 33.102 annex C, SAIP 8.4.2).

The accepted sequence number is durable before the answer leaves the card: a challenge that was answered once is never
answered again, whatever happens to the power. The number of authentications, where a profile limits it, likewise.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.usim import MacFailure, SqnState, Success, SyncFailure, authenticate_3g
from apdu.command.status import SW
from emulator.errors import CardError
from emulator.iso.naa import Naa, algorithm_of
from emulator.profile.base import NaaSpec

__all__ = ["Keys", "challenge", "count_run", "keys_of"]

_COUNT_LENGTH: Final = 4


class Keys(NamedTuple):
    """The keys of an application, and where the card keeps what belongs to them."""

    naa: Naa
    spec: NaaSpec
    number: int

    def name(self, kind: str) -> str:
        """A key of the memory."""
        return f"{self.naa.files.prefix}/{kind}/{self.number}"


class _Stored(NamedTuple):
    """What the card keeps for one application: runs of the algorithm so far, and the accepted sequence numbers."""

    runs: int
    sqn: SqnState

    def encode(self) -> bytes:
        return self.runs.to_bytes(_COUNT_LENGTH, "big") + self.sqn.encode()


def keys_of(naa: Naa) -> Keys:
    """The keys of an application; 6985 where the profile has none."""
    for index, spec in enumerate(naa.files.base.naas):
        if spec.adf is naa.adf:
            return Keys(naa, spec, index)
    raise CardError(SW.CONDITIONS_OF_USE)


def count_run(keys: Keys) -> None:
    """Count a run of the algorithm that no sequence number goes with."""
    old = _load(keys)
    _keep(keys, old, _counted(old, keys.spec))


def challenge(keys: Keys, rand: bytes, autn: bytes) -> Success | SyncFailure:
    """Judge a challenge and remember it; 9862 when the network's MAC is wrong."""
    old = _load(keys)
    stored = _counted(old, keys.spec)
    outcome = authenticate_3g(algorithm_of(keys.spec), old.sqn, rand, autn)
    if isinstance(outcome, Success):
        stored = stored._replace(sqn=outcome.state)
    _keep(keys, old, stored)
    if isinstance(outcome, MacFailure):
        raise CardError(SW.AKA_WRONG_MAC)
    return outcome


def _load(keys: Keys) -> _Stored:
    spec = keys.spec
    rules = SqnState(spec.sqn_init, spec.sqn_options, spec.sqn_delta, spec.sqn_age_limit)
    raw = keys.naa.files.memory.get(keys.name("aka"))
    if raw is None:
        return _Stored(0, rules)
    return _Stored(int.from_bytes(raw[:_COUNT_LENGTH], "big"), rules.with_accepted(raw[_COUNT_LENGTH:]))


def _counted(stored: _Stored, spec: NaaSpec) -> _Stored:
    """One run of the algorithm more, right or wrong; 6985 when the profile allows none (authCounterMax, SAIP 8.4.2)."""
    if spec.counter_max is None or spec.algorithm == AlgorithmId.TEST:
        return stored
    if stored.runs >= spec.counter_max:
        raise CardError(SW.CONDITIONS_OF_USE)
    return stored._replace(runs=stored.runs + 1)


def _keep(keys: Keys, old: _Stored, new: _Stored) -> None:
    if new != old:
        keys.naa.files.memory.early({keys.name("aka"): new.encode()})
