# SPDX-License-Identifier: Apache-2.0
"""Looks for secrets in whatever programs put out, in every form that a careless line of code gives them."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Final

__all__ = ["FORMS", "Scanner"]

_SHORTEST: Final = 6
"""Bytes: shorter ones are found by accident."""
_DIGITS: Final = 4
"""Different bytes that it takes at least, for the same reason."""


def _inner(encode: Callable[[bytes], bytes]) -> Callable[[bytes], Iterator[bytes]]:
    """The part of a base64 text that does not depend on what is around it, wherever the value stands in the whole."""

    def forms(value: bytes) -> Iterator[bytes]:
        for before in range(3):
            text = encode(bytes(before) + value).rstrip(b"=")
            whole = (before + len(value)) * 4 // 3
            yield text[-(-before * 4 // 3) if before else 0 : whole]

    return forms


def _decimals(value: bytes) -> Iterator[bytes]:
    for comma in (", ", ",", " "):
        yield comma.join(map(str, value)).encode()


def _spaced(value: bytes) -> Iterator[bytes]:
    for mark in (" ", ":"):
        yield value.hex(mark).encode()
        yield value.hex(mark).upper().encode()


FORMS: Final[Mapping[str, Callable[[bytes], Iterator[bytes]]]] = {
    "raw": lambda value: iter((value,)),
    "reversed": lambda value: iter((value[::-1], value[::-1].hex().encode())),
    "hexadecimal": lambda value: iter((value.hex().encode(), value.hex().upper().encode())),
    "spaced": _spaced,
    "base64": _inner(b64encode),
    "base64 for addresses": _inner(urlsafe_b64encode),
    "decimal": _decimals,
    "repr": lambda value: iter((repr(value)[2:-1].encode(), repr(bytearray(value))[12:-2].encode())),
    "repr in JSON": lambda value: iter((repr(value)[2:-1].replace("\\", "\\\\").encode(),)),
}
"""What a value may look like."""


class Scanner:
    """Secrets by name. Those that are too short or too simple to be told from anything else are left out."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self.secrets = {
            name: value for name, value in secrets.items() if len(value) >= _SHORTEST and len(set(value)) >= _DIGITS
        }
        self._needles = {
            needle: f"{name}, {form}"
            for name, value in self.secrets.items()
            for form, forms in FORMS.items()
            for needle in forms(value)
        }

    def find(self, data: bytes) -> list[str]:
        """Which secrets are in here, and in which form."""
        return sorted({what for needle, what in self._needles.items() if needle in data})
