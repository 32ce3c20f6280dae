# SPDX-License-Identifier: Apache-2.0
"""Opening what holds private keys: passphrases and PINs come from the environment, or are asked for at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from smsr.kit.keys import PassphraseNeeded
from smsr.kit.passphrase import Passphrase
from tools.errors import ToolError
from tools.pkidir.vault import Vault

__all__ = ["opened", "with_keys"]

T = TypeVar("T")


@contextmanager
def opened(
    *,
    passphrase_env: str | None,
    token: Path | None,
    token_label: str,
    token_pin_env: str | None,
    passphrase: bytes | None = None,
) -> Iterator[Vault]:
    """The keys as the options of a command name them."""
    found = passphrase if passphrase is not None else _from_environment(passphrase_env)
    given = None if found is None else Passphrase(found)
    if token is None:
        yield Vault(given)
        return
    from smsr.kit.token import TokenKeys

    pin = _from_environment(token_pin_env)
    text = pin.decode() if pin is not None else _asked("PIN of the token", "--token-pin-env")
    with TokenKeys(token, token_label, text) as keys:
        yield Vault(given, keys)


def with_keys(where: Mapping[str, Any], action: Callable[[Vault], T]) -> T:
    """Do it; when the keys turn out to be under a passphrase that was not given, ask for it at a terminal."""
    with opened(**where) as vault:
        try:
            return action(vault)
        except PassphraseNeeded as error:
            if not sys.stdin.isatty():
                raise ToolError(f"{error}: name its environment variable with --passphrase-env") from None
        return action(Vault(Passphrase(_asked("Passphrase", "--passphrase-env").encode()), vault.token))


def _from_environment(name: str | None) -> bytes | None:
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        raise ToolError(f"the environment variable {name} is not set, or empty")
    return value.encode()


def _asked(what: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise ToolError(f"{what.lower()}: name its environment variable with {option}")
    return str(click.prompt(what, hide_input=True, err=True))
