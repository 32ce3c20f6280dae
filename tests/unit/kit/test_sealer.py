# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: bound to key and place; where the master key comes from."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from apdu.errors import SecurityError
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from smsr.kit.keys import UnusableFile
from smsr.kit.sealer import Sealer, create_master_key, derive_master_key, read_master_key

KEY = SecretKey(bytes(range(32)))


def _sealer(key: SecretKey = KEY) -> Sealer:
    return Sealer(key, SeededEntropy(b"nonces"))


def test_a_secret_opens_with_its_key_at_its_place_only() -> None:
    sealed = _sealer().seal(b"secret", b"here")
    assert b"secret" not in sealed
    assert _sealer().open(sealed, b"here") == b"secret"
    for sealer, each, place in [
        (_sealer(), sealed, b"there"),
        (_sealer(SecretKey(bytes(32))), sealed, b"here"),
        (_sealer(), sealed[:-1] + bytes([sealed[-1] ^ 1]), b"here"),
        (_sealer(), b"", b"here"),
        (_sealer(), sealed[:12], b"here"),
    ]:
        with pytest.raises(SecurityError):
            sealer.open(each, place)


def test_nonces_differ() -> None:
    sealer = _sealer()
    assert sealer.seal(b"secret", b"here") != sealer.seal(b"secret", b"here")


def test_a_chain_depends_on_all_of_it_and_on_the_key() -> None:
    sealer = _sealer()
    first = sealer.chain(b"", b"one")
    found = {
        first,
        sealer.chain(b"", b"two"),
        sealer.chain(first, b"one"),
        sealer.chain(first, b"two"),
        _sealer(SecretKey(bytes(32))).chain(b"", b"one"),
    }
    assert len(found) == 5
    assert sealer.chain(b"", b"one") == first


def test_a_master_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "master"
    key = create_master_key(path, SeededEntropy(b"x"))
    assert read_master_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        create_master_key(path, SeededEntropy(b"y"))
    path.chmod(0o640)
    with pytest.raises(UnusableFile, match="can be read by others"):
        read_master_key(path)


@pytest.mark.parametrize("content", ["", "00" * 31, "00" * 33, "zz" * 32, "\xe9" * 64, "0" * 5000])
def test_what_is_no_master_key_is_refused_and_not_shown(content: str, tmp_path: Path) -> None:
    path = tmp_path / "master"
    path.touch(mode=0o600)
    path.write_text(content, "latin-1")
    with pytest.raises(UnusableFile) as caught:
        read_master_key(path)
    assert not content or content not in str(caught.value)
    with pytest.raises(UnusableFile):
        read_master_key(tmp_path / "none")


def test_a_private_key_has_one_master_key() -> None:
    one, two = (PrivateKey.from_entropy(SeededEntropy(seed), Curve.P256) for seed in (b"one", b"two"))
    assert derive_master_key(one) == derive_master_key(one) != derive_master_key(two)
    assert len(derive_master_key(one)) == 32
