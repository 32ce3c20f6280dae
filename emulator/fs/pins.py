# SPDX-License-Identifier: Apache-2.0
"""PINs, administrative keys and unblocking keys of a profile (TS 102 221 9, SAIP 8.4).

What the package defines is the start; a card keeps only what changed: the counter, the value, whether it is enabled.
A retry counter goes down durably before the comparison, so neither a power cut nor a difference in time buys a try.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final, NamedTuple, Self

from apdu.command.fcp import UNIVERSAL_PIN
from apdu.command.status import SW
from emulator.errors import CardError
from emulator.memory.store import Memory
from emulator.profile.base import Directory, PinSpec, ProfileBase

__all__ = ["PIN_LENGTH", "PinKey", "PinState", "PinStore", "is_application_pin", "is_local"]

PIN_LENGTH: Final = 8
_ENABLED: Final = 0x01
_REPLACED: Final = 0x02
_TRIES_LEFT: Final = 0x63C0


def is_local(reference: int) -> bool:
    """Whether a key reference belongs to one application or DF (second application PINs, TS 102 221 9.5.1)."""
    return 0x81 <= reference <= 0x88


def is_application_pin(reference: int) -> bool:
    """Whether it is one of the eight global application PINs."""
    return 0x01 <= reference <= 0x08


class PinKey(NamedTuple):
    """Which PIN: the directory that it belongs to (0 for global ones) and its key reference."""

    context: int
    reference: int


class PinState(NamedTuple):
    """Everything about a PIN that can change."""

    tries: int
    enabled: bool
    replaced: bool
    """Disabled in favour of the universal PIN (TS 102 221 9.5.2)."""
    value: bytes

    @classmethod
    def of(cls, spec: PinSpec) -> Self:
        """As the package defines it."""
        return cls(spec.tries, bool(spec.attributes & 0x01), False, spec.value)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what `encode` wrote."""
        return cls(raw[0], bool(raw[1] & _ENABLED), bool(raw[1] & _REPLACED), raw[2:])

    def encode(self) -> bytes:
        """Counter, flags, value."""
        return bytes((self.tries, self.enabled | self.replaced << 1)) + self.value

    def __repr__(self) -> str:
        return f"PinState(tries={self.tries}, enabled={self.enabled}, replaced={self.replaced})"


class PinStore:
    """The PINs and PUKs of one profile on one card."""

    __slots__ = ("_base", "_memory", "_prefix", "generation")

    def __init__(self, base: ProfileBase, memory: Memory, prefix: str) -> None:
        self._base = base
        self._memory = memory
        self._prefix = prefix
        self.generation = int(any(self._differs(key, raw) for key, raw in memory.items(f"{prefix}/pin/")))
        """Counts the changes of what PIN status templates say; 0 while that is what the package says."""

    def _differs(self, name: str, raw: bytes) -> bool:
        """Whether a stored state enables or disables a PIN otherwise than the package does."""
        context, reference = name[len(self._prefix) + len("/pin/") :].split("/")
        spec = self._base.pins.get((int(context), int(reference, 16)))
        return spec is not None and PinState.decode(raw)[1:3] != PinState.of(spec)[1:3]

    def key(self, reference: int, directory: Directory | None, adf: Directory | None) -> PinKey | None:
        """The PIN that a reference means in a directory, None when there is none.

        A local reference is looked up in the context of the directory, and under the MF in that of the active ADF.
        """
        context = 0
        if is_local(reference):
            context = directory.context if directory is not None else 0
            if not context and adf is not None:
                context = adf.context
        found = PinKey(context, reference)
        return found if found in self._base.pins else None

    def spec(self, key: PinKey) -> PinSpec:
        """What the package says about an existing PIN."""
        return self._base.pins[key]

    def state(self, key: PinKey) -> PinState:
        """The state of an existing PIN."""
        raw = self._memory.get(self._name(key))
        return PinState.of(self._base.pins[key]) if raw is None else PinState.decode(raw)

    def store(self, key: PinKey, state: PinState) -> None:
        """Change a PIN when the command ends well."""
        old = self.state(key)
        if (old.enabled, old.replaced) != (state.enabled, state.replaced):
            self.generation += 1
        if old.value != state.value:
            self._memory.put_secret(self._name(key), state.encode())
        elif old != state:
            self._memory.put(self._name(key), state.encode())

    def present(self, key: PinKey, value: bytes) -> PinState:
        """Try a value: the state with its full counter, not yet stored; 63Cx when it is wrong, 6983 when blocked."""
        state = self.state(key)
        if not state.tries:
            raise CardError(SW.AUTHENTICATION_BLOCKED)
        left = state.tries - 1
        self._memory.early({self._name(key): state._replace(tries=left).encode()})
        if not compare_digest(value, state.value):
            raise CardError(_TRIES_LEFT | left)
        return state._replace(tries=self._base.pins[key].max_tries)

    def unblock(self, puk: int, value: bytes) -> None:
        """Try an unblocking key: its counter is full again when it is right; 63Cx or 6983 otherwise."""
        spec = self._base.puks[puk]
        left = self.puk_tries(puk) - 1
        if left < 0:
            raise CardError(SW.AUTHENTICATION_BLOCKED)
        self._memory.early({self._puk_name(puk): bytes((left,))})
        if not compare_digest(value, spec.value):
            raise CardError(_TRIES_LEFT | left)
        self._memory.put(self._puk_name(puk), bytes((spec.max_tries,)))

    def puk_of(self, key: PinKey) -> int | None:
        """The reference of the unblocking key of a PIN, None when it has none."""
        puk = self._base.pins[key].puk
        return puk if puk in self._base.puks else None

    def puk_tries(self, puk: int) -> int:
        """Tries left of an existing unblocking key."""
        raw = self._memory.get(self._puk_name(puk))
        return self._base.puks[puk].tries if raw is None else raw[0]

    def universal(self) -> PinKey | None:
        """The universal PIN, where the profile has one."""
        return self.key(UNIVERSAL_PIN, None, None)

    def _name(self, key: PinKey) -> str:
        return f"{self._prefix}/pin/{key.context}/{key.reference:02X}"

    def _puk_name(self, puk: int) -> str:
        return f"{self._prefix}/puk/{puk:02X}"
