# SPDX-License-Identifier: Apache-2.0
"""SCP03t: what both ends agree on, and the state machine of a session (SGP.02 v4.2 4.1.3.3).

SCP03 for TLVs instead of APDUs: 84 opens, 85 authenticates, 86 carries protected data, 87 replaces the session keys;
the card answers with the same tag, or with an error 9F44 to 9F47 and one code. There is one security level, 33. The
ends themselves are `Scp03tHost` (apdu.channel.scp03t_host) and `Scp03tCard` (apdu.channel.scp03t_card).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from typing import Final, NamedTuple

from apdu.channel.scp03 import Parameter, SecurityLevel
from apdu.channel.session import BLOCK, SessionKeys
from apdu.errors import DecodeError, SecurityError
from apdu.keys.secret import SecretKey
from apdu.tlv.declare import RAW, Template, fixed, tlv

__all__ = [
    "BLOCK_LIMIT",
    "ErrorCode",
    "Event",
    "KeyReplacement",
    "MAX_CLEAR",
    "Scp03tError",
    "State",
    "TRANSITIONS",
    "Tag",
    "Transition",
    "segments",
]

LEVEL: Final = SecurityLevel.ALL
PARAMETER: Final = Parameter.PSEUDO_RANDOM | Parameter.R_MAC | Parameter.R_ENCRYPTION
MAC_LENGTH: Final = 8
CHALLENGE_LENGTH: Final = 8

BLOCK_LIMIT: Final = 1024
"""(U) Bytes of one TLV at most, tag and length included."""
MAX_CLEAR: Final = 1007
"""Clear bytes that a TLV of that size carries: padded to 1008, 8 of MAC, 4 of tag and length."""


@unique
class Tag(IntEnum):
    """The commands."""

    INITIALIZE_UPDATE = 0x84
    EXTERNAL_AUTHENTICATE = 0x85
    PROTECTED = 0x86
    REPLACE_KEYS = 0x87


@unique
class ErrorCode(IntEnum):
    """What an error TLV says."""

    STRUCTURE = 0x01
    SECURITY = 0x02
    NOT_FOUND = 0x03


_UNKNOWN_COMMAND: Final = b"\x90"
"""Tag of the answer to a TLV that is no command at all (TS 102 226 5.2.2: bad format)."""


class Scp03tError(SecurityError):
    """A command that the card refuses: at the card when it does, at the host when it is told so."""

    def __init__(self, tag: int, code: int, reason: str = "") -> None:
        self.tag = tag
        self.code = code
        try:
            name = ErrorCode(code).name.lower().replace("_", " ")
        except ValueError:
            name = "unknown"
        super().__init__(f"SCP03t command {tag:02X} refused, {code:02X} ({name}){': ' + reason if reason else ''}")

    @property
    def tlv(self) -> bytes:
        """The card's answer: 9F4x 01 and the code, by the command's tag."""
        tag = bytes((0x9F, 0x40 | self.tag & 0x0F)) if 0x84 <= self.tag <= 0x87 else _UNKNOWN_COMMAND
        return tag + bytes((1, self.code))


# --- the session's states


@unique
class State(Enum):
    """Where a session stands, at the card."""

    NONE = "no session"
    INITIATED = "84 was answered"
    OPEN = "session open"


@unique
class Event(Enum):
    """What happens to it."""

    INITIALIZE_GOOD = "84 with a key set"
    INITIALIZE_BAD = "84 refused"
    AUTHENTICATE_GOOD = "85 verifies"
    AUTHENTICATE_BAD = "85 does not verify"
    DATA_GOOD = "86 verifies"
    DATA_BAD = "86 does not verify"
    KEYS_GOOD = "87 verifies"
    KEYS_BAD = "87 does not verify"
    MALFORMED = "a TLV of wrong structure"
    END = "selection, deletion, reset"


class Transition(NamedTuple):
    """The next state, and the code of the error when the command is refused."""

    state: State
    refused: ErrorCode | None = None


_GONE: Final = Transition(State.NONE, ErrorCode.SECURITY)
TRANSITIONS: Final[dict[tuple[State, Event], Transition]] = {
    # 84 begins anew from anywhere; what it lacks is told by a code of its own.
    (State.NONE, Event.INITIALIZE_GOOD): Transition(State.INITIATED),
    (State.INITIATED, Event.INITIALIZE_GOOD): Transition(State.INITIATED),
    (State.OPEN, Event.INITIALIZE_GOOD): Transition(State.INITIATED),
    (State.NONE, Event.INITIALIZE_BAD): Transition(State.NONE, ErrorCode.NOT_FOUND),
    (State.INITIATED, Event.INITIALIZE_BAD): Transition(State.NONE, ErrorCode.NOT_FOUND),
    (State.OPEN, Event.INITIALIZE_BAD): Transition(State.NONE, ErrorCode.NOT_FOUND),
    # 85 right after 84 only.
    (State.NONE, Event.AUTHENTICATE_GOOD): _GONE,
    (State.INITIATED, Event.AUTHENTICATE_GOOD): Transition(State.OPEN),
    (State.OPEN, Event.AUTHENTICATE_GOOD): _GONE,
    (State.NONE, Event.AUTHENTICATE_BAD): _GONE,
    (State.INITIATED, Event.AUTHENTICATE_BAD): _GONE,
    (State.OPEN, Event.AUTHENTICATE_BAD): _GONE,
    # 86 and 87 in an open session only; one that does not verify ends it.
    (State.NONE, Event.DATA_GOOD): _GONE,
    (State.INITIATED, Event.DATA_GOOD): _GONE,
    (State.OPEN, Event.DATA_GOOD): Transition(State.OPEN),
    (State.NONE, Event.DATA_BAD): _GONE,
    (State.INITIATED, Event.DATA_BAD): _GONE,
    (State.OPEN, Event.DATA_BAD): _GONE,
    (State.NONE, Event.KEYS_GOOD): _GONE,
    (State.INITIATED, Event.KEYS_GOOD): _GONE,
    (State.OPEN, Event.KEYS_GOOD): Transition(State.OPEN),
    (State.NONE, Event.KEYS_BAD): _GONE,
    (State.INITIATED, Event.KEYS_BAD): _GONE,
    (State.OPEN, Event.KEYS_BAD): _GONE,
    # A wrong length or an unknown tag ends it too: the sequence of commands is broken.
    (State.NONE, Event.MALFORMED): Transition(State.NONE, ErrorCode.STRUCTURE),
    (State.INITIATED, Event.MALFORMED): Transition(State.NONE, ErrorCode.STRUCTURE),
    (State.OPEN, Event.MALFORMED): Transition(State.NONE, ErrorCode.STRUCTURE),
    (State.NONE, Event.END): Transition(State.NONE),
    (State.INITIATED, Event.END): Transition(State.NONE),
    (State.OPEN, Event.END): Transition(State.NONE),
}


# --- TLVs


def header(tag: int, length: int) -> bytes:
    """Tag and length as they are sent and go into the MAC."""
    if length < 0x80:
        return bytes((tag, length))
    return bytes((tag, 0x81, length)) if length < 0x100 else bytes((tag, 0x82, length >> 8, length & 0xFF))


class Block(NamedTuple):
    """One TLV: its tag, the offset where its value begins, and all its bytes."""

    tag: int
    start: int
    data: bytes


def read_block(data: bytes) -> Block:
    """Read exactly one TLV with a tag of one byte and a length of up to three; DecodeError for anything else."""
    size = len(data)
    if size < 2:
        raise DecodeError("a TLV has at least two bytes", offset=size)
    length, start = data[1], 2
    if length >= 0x80:
        start = {0x81: 3, 0x82: 4}.get(length, size + 1)
        length = int.from_bytes(data[2:start], "big")
    if start + length != size:
        raise DecodeError(f"the TLV says {length} bytes, {size} came in all", offset=1)
    return Block(data[0], start, data)


def segments(package: bytes, size: int = MAX_CLEAR) -> Iterator[bytes]:
    """Cut a profile package, without regard to what is in it (SGP.02 v4.2 4.1.3.3)."""
    if not 1 <= size <= MAX_CLEAR:
        raise ValueError(f"a segment has 1 to {MAX_CLEAR} bytes, not {size}")
    return (package[at : at + size] for at in range(0, len(package), size))


# --- replacement of the session keys

# (U) the four inner tags are those of SGP.22's ReplaceSessionKeysRequest, continued for the R-MAC key.
_TAG_CHAIN: Final = 0x80
_TAG_ENC: Final = 0x81
_TAG_MAC: Final = 0x82
_TAG_RMAC: Final = 0x83


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReplacement(Template, tag=Tag.REPLACE_KEYS, clause="SGP.02 v4.2 4.1.3.3"):
    """The clear content of an 87 command: new session keys, usually those that a profile was protected with beforehand.

    (U) they count from the beginning: the next command has encryption counter 1.
    """

    chain: bytes = tlv(_TAG_CHAIN, fixed(BLOCK))
    enc: bytes = tlv(_TAG_ENC, RAW)
    mac: bytes = tlv(_TAG_MAC, RAW)
    rmac: bytes = tlv(_TAG_RMAC, RAW)

    @classmethod
    def from_keys(cls, keys: SessionKeys, chain: bytes) -> KeyReplacement:
        """Name keys and the MAC chaining value to go on with."""
        return cls(chain=chain, enc=keys.enc.reveal(), mac=keys.mac.reveal(), rmac=keys.rmac.reveal())

    def keys(self, present: SessionKeys) -> SessionKeys:
        """The new keys; DecodeError when they are not as long as the present ones."""
        if {len(self.enc), len(self.mac), len(self.rmac)} != {len(present.enc)}:
            raise DecodeError("the new session keys have another length")
        return SessionKeys(SecretKey(self.enc), SecretKey(self.mac), SecretKey(self.rmac))

    def __repr__(self) -> str:
        return f"KeyReplacement(AES-{len(self.enc) * 8})"
