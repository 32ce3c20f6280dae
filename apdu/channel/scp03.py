# SPDX-License-Identifier: Apache-2.0
"""SCP03: what both ends agree on, and the state machine of a session (GPCS Amendment D v1.2).

The ends themselves are `Scp03Host` (apdu.channel.scp03_host) and `Scp03Card` (apdu.channel.scp03_card).

Theory of operation. INITIALIZE UPDATE and EXTERNAL AUTHENTICATE open a session; from then on every command carries a
C-MAC and, by level, encrypted data, and the card's successful answers carry an R-MAC. One fault ends it: the card
answers 6982 to everything until the next INITIALIZE UPDATE, and it answers the same whether MAC, padding or level was
at fault, because the difference would tell an attacker how far he came.
"""

from __future__ import annotations

from enum import Enum, IntEnum, IntFlag, unique
from typing import Final, NamedTuple

from apdu.command.cla import CLASSES
from apdu.command.status import SW

__all__ = [
    "INS_EXTERNAL_AUTHENTICATE",
    "INS_INITIALIZE_UPDATE",
    "TRANSITIONS",
    "Event",
    "Parameter",
    "SecurityLevel",
    "State",
    "Transition",
]

INS_INITIALIZE_UPDATE: Final = 0x50
INS_EXTERNAL_AUTHENTICATE: Final = 0x82
SCP_IDENTIFIER: Final = 0x03


class Parameter(IntFlag):
    """Bits of the SCP parameter i (Amendment D table 5-1)."""

    NONE = 0x00
    S16 = 0x01
    S16_ALTERNATIVE = 0x08
    """(U) Some implementations put S16 here, which table 5-1 leaves RFU; it is understood, and never set by us."""
    PSEUDO_RANDOM = 0x10
    R_MAC = 0x20
    R_ENCRYPTION = 0x40


def block_length(parameter: int) -> int:
    """Bytes of challenges, cryptograms and MACs: 8 in S8 mode, 16 in S16 mode."""
    return 16 if parameter & (Parameter.S16 | Parameter.S16_ALTERNATIVE) else 8


@unique
class SecurityLevel(IntEnum):
    """P1 of EXTERNAL AUTHENTICATE (Amendment D table 7-6): the combinations that exist."""

    AUTHENTICATED = 0x00
    C_MAC = 0x01
    C_MAC_C_DECRYPTION = 0x03
    C_MAC_R_MAC = 0x11
    C_MAC_C_DECRYPTION_R_MAC = 0x13
    ALL = 0x33


C_MAC: Final = 0x01
C_DECRYPTION: Final = 0x02
R_MAC: Final = 0x10
R_ENCRYPTION: Final = 0x20
LEVELS: Final = frozenset(SecurityLevel)


def needs(level: int) -> int:
    """The bits of i without which a card cannot serve a level."""
    return (Parameter.R_MAC if level & R_MAC else 0) | (Parameter.R_ENCRYPTION if level & R_ENCRYPTION else 0)


# --- the session's states


@unique
class State(Enum):
    """Where a session stands, at the card."""

    NONE = "no session"
    INITIATED = "INITIALIZE UPDATE was answered"
    OPEN = "session open"
    ABORTED = "session aborted"


@unique
class Event(Enum):
    """What happens to it. A command is good when it is protected as the present level demands."""

    INITIALIZE_UPDATE = "INITIALIZE UPDATE"
    AUTHENTICATION_GOOD = "EXTERNAL AUTHENTICATE verifies"
    AUTHENTICATION_BAD = "EXTERNAL AUTHENTICATE does not verify"
    COMMAND_GOOD = "command protected as agreed"
    COMMAND_BAD = "command not protected as agreed"
    END = "selection, channel closed, reset"


class Transition(NamedTuple):
    """The next state, and the status word when the command is refused."""

    state: State
    refused: SW | None = None


TRANSITIONS: Final[dict[tuple[State, Event], Transition]] = {
    # No session: commands pass unverified, the application decides what they may do (5.6); a command that claims a
    # protection which nobody can check is refused.
    (State.NONE, Event.INITIALIZE_UPDATE): Transition(State.INITIATED),
    (State.NONE, Event.AUTHENTICATION_GOOD): Transition(State.NONE, SW.CONDITIONS_OF_USE),
    (State.NONE, Event.AUTHENTICATION_BAD): Transition(State.NONE, SW.CONDITIONS_OF_USE),
    (State.NONE, Event.COMMAND_GOOD): Transition(State.NONE),
    (State.NONE, Event.COMMAND_BAD): Transition(State.NONE, SW.SECURITY_STATUS),
    (State.NONE, Event.END): Transition(State.NONE),
    # A failed authentication is started anew from INITIALIZE UPDATE (5.2); 6300 by 7.1.2.7.
    (State.INITIATED, Event.INITIALIZE_UPDATE): Transition(State.INITIATED),
    (State.INITIATED, Event.AUTHENTICATION_GOOD): Transition(State.OPEN),
    (State.INITIATED, Event.AUTHENTICATION_BAD): Transition(State.NONE, SW.AUTHENTICATION_FAILED),
    (State.INITIATED, Event.COMMAND_GOOD): Transition(State.INITIATED),
    (State.INITIATED, Event.COMMAND_BAD): Transition(State.NONE, SW.SECURITY_STATUS),
    (State.INITIATED, Event.END): Transition(State.NONE),
    # EXTERNAL AUTHENTICATE must follow INITIALIZE UPDATE (7.1.2.1), in an open session too.
    (State.OPEN, Event.INITIALIZE_UPDATE): Transition(State.INITIATED),
    (State.OPEN, Event.AUTHENTICATION_GOOD): Transition(State.ABORTED, SW.CONDITIONS_OF_USE),
    (State.OPEN, Event.AUTHENTICATION_BAD): Transition(State.ABORTED, SW.CONDITIONS_OF_USE),
    (State.OPEN, Event.COMMAND_GOOD): Transition(State.OPEN),
    (State.OPEN, Event.COMMAND_BAD): Transition(State.ABORTED, SW.SECURITY_STATUS),
    (State.OPEN, Event.END): Transition(State.NONE),
    # Aborted is not terminated: everything is a security error until a new session or the end of this one (5.6).
    (State.ABORTED, Event.INITIALIZE_UPDATE): Transition(State.INITIATED),
    (State.ABORTED, Event.AUTHENTICATION_GOOD): Transition(State.ABORTED, SW.SECURITY_STATUS),
    (State.ABORTED, Event.AUTHENTICATION_BAD): Transition(State.ABORTED, SW.SECURITY_STATUS),
    (State.ABORTED, Event.COMMAND_GOOD): Transition(State.ABORTED, SW.SECURITY_STATUS),
    (State.ABORTED, Event.COMMAND_BAD): Transition(State.ABORTED, SW.SECURITY_STATUS),
    (State.ABORTED, Event.END): Transition(State.NONE),
}


# --- the class byte


def _secured(cla: int) -> int:
    return cla | (0x20 if cla & 0x40 else 0x04)


def _plain(cla: int) -> int:
    return cla & (0xDF if cla & 0x40 else 0xFB)


IS_SECURE: Final = tuple(entry is not None and entry.secure for entry in CLASSES)
"""Whether a class byte says that the command is protected."""
SECURE_CLASS: Final = bytes(_secured(cla) for cla in range(256))
"""A class byte with the secure messaging bit: b3, or b6 for channels 4 to 19 (GPCS tables 11-11 and 11-12)."""
PLAIN_CLASS: Final = bytes(_plain(cla) for cla in range(256))
MAC_CLASS: Final = bytes((cla & 0x90) | 0x04 for cla in range(256))
"""The class byte that goes into the C-MAC: channel zero, b4 zero, b3 set; on every channel (6.2.4)."""


# --- headers and responses


def mac_header(cla: int, ins: int, p1: int, p2: int, length: int, extended: bool) -> bytes:
    """The header that goes into the C-MAC; Lc counts the MAC and is coded as it is sent: 3 bytes if extended.

    So hosts do it that always use extended lengths, yubikey-manager among them; GPCS 11.1.5 asks for 3 bytes above 255.
    """
    if length < 256 and not extended:
        return bytes((MAC_CLASS[cla], ins, p1, p2, length))
    return bytes((MAC_CLASS[cla], ins, p1, p2, 0, length >> 8, length & 0xFF))


def protected_status(sw: int) -> bytes | None:
    """The two bytes that go into the R-MAC; None for an error, whose answer is not protected (6.2.5).

    61xx and 91xx belong to the card's transport: the application ended with 9000, the R-MAC was made over that, and the
    transport put "more bytes" or "a proactive command waits" in its place (TS 102 221 7.3.1.1.5 and 7.4.2).
    """
    if sw == 0x9000:
        return b"\x90\x00"
    sw1 = sw >> 8
    if sw1 in (0x62, 0x63):
        return sw.to_bytes(2, "big")
    return b"\x90\x00" if sw1 in (0x61, 0x91) else None
