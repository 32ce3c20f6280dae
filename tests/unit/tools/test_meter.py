# SPDX-License-Identifier: Apache-2.0
"""The counts of `--timings`: each operation once for each time that it runs, and none where it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from apdu.channel.session import Session, SessionKeys
from apdu.ids import Eid
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.entropy import SeededEntropy
from apdu.keys.kdf import diversify, one_step_sha256, scp03_kdf, x963_sha256
from apdu.keys.secret import KeySet, SecretKey
from smsr.kit.oid import Oid
from smsr.kit.pki import Validity, issue_ci
from tools.meter import Meter, Operation

VALIDITY = Validity(datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC))
KEY = SecretKey(bytes(range(16)))
KEYS = KeySet(0x30, KEY, KEY, KEY)
PRIVATE = PrivateKey.from_entropy(SeededEntropy(b"meter"), Curve.P256)
SIGNATURE = PRIVATE.sign(b"message")
SESSION = Session(SessionKeys.derive(KEYS, bytes(16)))
G, S, V, A, K, M, C = Operation


def one_cmac() -> None:
    mac = KEY.cmac()
    mac.update(b"message")
    mac.finalize()


def cmacs_around_a_derivation() -> None:
    one_cmac()
    scp03_kdf(KEY, 4, bytes(16), 128)
    one_cmac()


def one_certificate() -> None:
    issue_ci("Test CI", Oid("2.999.1"), VALIDITY, entropy=SeededEntropy(b"ci"))


def nothing() -> None:
    bytes(16).hex()


# what is run, and how often each operation ran in it
CASES: list[tuple[Callable[[], object], dict[Operation, int]]] = [
    (nothing, {}),
    (lambda: PrivateKey.from_entropy(SeededEntropy(b"key"), Curve.BRAINPOOL_P256R1), {G: 1}),
    (lambda: PRIVATE.sign(b"message"), {S: 1}),
    (lambda: PRIVATE.public_key.verify(SIGNATURE, b"message"), {V: 1}),
    (lambda: PRIVATE.ecdh(PRIVATE.public_key), {A: 1}),
    (lambda: x963_sha256(bytes(32), 64), {K: 1}),
    (lambda: one_step_sha256(bytes(32), 32), {K: 1}),
    (lambda: diversify(KEY, Eid.create("89001012"), "label", 16), {K: 1}),
    (lambda: scp03_kdf(KEY, 4, bytes(16), 256), {K: 1}),  # two CMACs inside, which belong to it
    (lambda: SessionKeys.derive(KEYS, bytes(16)), {K: 3}),
    (one_cmac, {M: 1}),
    (lambda: SESSION.command_mac(bytes(40)), {M: 1}),
    (lambda: SESSION.decrypt(7, SESSION.encrypt(7, bytes(40))), {C: 2}),
    (lambda: KEY.decrypt_cbc(KEY.encrypt_cbc(bytes(32))), {C: 2}),
    (cmacs_around_a_derivation, {K: 1, M: 2}),
    (one_certificate, {G: 1, S: 1}),
]


@pytest.mark.parametrize("run, counts", CASES)
def test_counts(run: Callable[[], object], counts: dict[Operation, int]) -> None:
    meter = Meter()
    with meter.watch():
        run()
    usages = meter.usages()
    assert {usage.operation: usage.count for usage in usages} == counts
    assert all(usage.seconds > 0 for usage in usages)


def test_only_what_is_watched() -> None:
    meter = Meter()
    one_cmac()
    with meter.watch():
        one_cmac()
    one_cmac()
    with meter.watch():
        one_cmac()
    (usage,) = meter.usages()
    assert (usage.operation, usage.count) == (M, 2)


def test_a_failure_inside_ends_the_watch() -> None:
    meter = Meter()
    with pytest.raises(ZeroDivisionError), meter.watch():
        _ = 1 // 0
    one_cmac()
    assert meter.usages() == []


def test_time_of_cmacs_in_a_derivation_is_not_counted_twice() -> None:
    meter = Meter()
    with meter.watch():
        for _ in range(200):
            scp03_kdf(KEY, 4, bytes(16), 256)
        one_cmac()
    times = {usage.operation: usage.seconds for usage in meter.usages()}
    assert times[M] < times[K] / 20
