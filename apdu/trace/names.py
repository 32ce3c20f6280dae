# SPDX-License-Identifier: Apache-2.0
"""Which fields of an event are secret by their name, and how they are hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from apdu.trace.events import Json

__all__ = ["HIDDEN", "hide", "is_secret"]

HIDDEN: Final = "[redacted]"
"""What stands in a field instead of its value."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS: Final = frozenset(
    (
        "adm",
        "ck",
        "dek",
        "enc",
        "ik",
        "k",
        "kc",
        "kek",
        "key",
        "keys",
        "keyset",
        "ki",
        "kic",
        "kid",
        "mac",
        "op",
        "opc",
        "package",
        "passphrase",
        "password",
        "pin",
        "pins",
        "plain",
        "psk",
        "puk",
        "puks",
        "secret",
        "secrets",
        "seed",
        "segment",
        "top",
        "topc",
        "upp",
    )
)
_DESCRIBING_WORDS: Final = frozenset(
    (
        "algorithm",
        "check",
        "count",
        "counter",
        "id",
        "identifier",
        "index",
        "kcv",
        "kvn",
        "length",
        "name",
        "number",
        "public",
        "reference",
        "references",
        "size",
        "status",
        "type",
        "usage",
        "version",
    )
)
_KEY_OR_NUMBER: Final = frozenset(("kic", "kid"))
"""In SCP80 a key or the byte that names it: the byte is shown."""


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name.replace("OPc", "Opc"))]


def is_secret(name: str) -> bool:
    """Whether a field of this name holds a key, a PIN or a package, and not only what describes one."""
    words = _words(name)
    return any(word in _SECRET_WORDS for word in words) and not any(word in _DESCRIBING_WORDS for word in words)


def hide(name: str, value: Json) -> Json:
    """Hide all leaves below a secret name but those that describe; the shape stays readable."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {part: value[part] if _describes(part) else hide(part, value[part]) for part in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(hide(name, part) for part in value)
    if name.lower() in _KEY_OR_NUMBER and (isinstance(value, int) or len(str(value)) <= 2):
        return value
    return HIDDEN


def _describes(name: str) -> bool:
    return any(word in _DESCRIBING_WORDS for word in _words(name))
