# SPDX-License-Identifier: Apache-2.0
"""What a passphrase shows."""

from __future__ import annotations

import pickle

import pytest

from smsr.kit.passphrase import Passphrase


def test_a_passphrase_is_in_no_text() -> None:
    secret = Passphrase(b"correct horse")
    assert secret.reveal() == b"correct horse"
    for text in (repr(secret), str(secret), f"{secret}", repr({"passphrase": secret})):
        assert "horse" not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)
