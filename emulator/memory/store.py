# SPDX-License-Identifier: Apache-2.0
"""The one transactional store that every persistent value of a card goes through.

A command's writes are buffered and committed as one batch when it succeeds; what must not be undone by a failure that
follows (PIN and AKA counters, sequence counters, consumed challenges) is written by `early`, a batch of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from emulator.memory.journal import Batch

__all__ = ["Backend", "Memory"]

_NOTHING: Final = "-"
"""A key that never has a value: deleting it makes a backend rewrite its medium."""


class Backend(Protocol):
    """Where batches become durable."""

    def get(self, key: str) -> bytes | None:
        """The value of a key, None where there is none."""
        ...

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Keys that start with a prefix, with their values, sorted by key."""
        ...

    def commit(self, batch: Batch) -> None:
        """Make a batch durable, wholly or not at all; None deletes a key."""
        ...


class Memory:
    """A backend with the running command's writes laid over it."""

    __slots__ = ("_backend", "_buffer")

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._buffer: dict[str, bytes | None] = {}

    def get(self, key: str) -> bytes | None:
        """The value of a key as the running command sees it."""
        if self._buffer and key in self._buffer:
            return self._buffer[key]
        return self._backend.get(key)

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Keys that start with a prefix, with their values, sorted, as the running command sees them."""
        if not self._buffer:
            return self._backend.items(prefix)
        merged: dict[str, bytes | None] = dict(self._backend.items(prefix))
        merged.update((key, value) for key, value in self._buffer.items() if key.startswith(prefix))
        return iter(sorted((key, value) for key, value in merged.items() if value is not None))

    def put(self, key: str, value: bytes) -> None:
        """Write a value when the command ends well."""
        self._buffer[key] = value

    def delete(self, key: str) -> None:
        """Remove a key when the command ends well; an absent one is no error."""
        if self._backend.get(key) is not None:
            self._buffer[key] = None
        else:
            self._buffer.pop(key, None)

    def put_secret(self, key: str, value: bytes) -> None:
        """Write a value when the command ends well; the one that it replaces is gone from the medium then."""
        if self.get(key) not in (None, value):
            self._buffer[_NOTHING] = None
        self.put(key, value)

    def delete_all(self, prefix: str) -> None:
        """Remove every key that starts with a prefix when the command ends well."""
        for key, _ in list(self.items(prefix)):
            self.delete(key)

    @property
    def dirty(self) -> bool:
        """Whether the running command has written anything."""
        return bool(self._buffer)

    def commit(self) -> None:
        """Make the command's writes durable."""
        if self._buffer:
            batch, self._buffer = self._buffer, {}
            self._backend.commit(batch)

    def rollback(self) -> None:
        """Forget the command's writes."""
        if self._buffer:
            self._buffer = {}

    def early(self, batch: Batch) -> None:
        """Make values durable at once, whatever becomes of the command."""
        for key in batch:
            self._buffer.pop(key, None)
        self._backend.commit(batch)
