# SPDX-License-Identifier: Apache-2.0
"""The rules that findings come from: an identifier, how bad it is, the clause that is broken, and what is wrong.

A rule knows nothing of how it is found out: those of secure channels are raised by `apdu.trace.unwrap`, those of plain
exchanges by `apdu.trace.rules`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["RULES", "Rule", "Rules"]

_ERROR: Final = "error"
_WARNING: Final = "warning"
_NOTE: Final = "note"


class Rule(NamedTuple):
    """One row; `severity` is a value of `apdu.trace.decode.model.Severity`."""

    id: str
    severity: str
    clause: str
    text: str


class Rules:
    """All rules by name."""

    # --- SCP03: opening
    CARD_CRYPTOGRAM: Final = Rule(
        "scp03-card-cryptogram", _ERROR, "GPCS Amendment D 6.2.2.2", "the card's cryptogram does not verify"
    )
    HOST_CRYPTOGRAM: Final = Rule(
        "scp03-host-cryptogram", _ERROR, "GPCS Amendment D 6.2.2.3", "the host's cryptogram does not verify"
    )
    CARD_CHALLENGE: Final = Rule(
        "scp03-card-challenge",
        _ERROR,
        "GPCS Amendment D 6.2.2.1",
        "the card's challenge is not the one of its sequence counter and AID",
    )
    SEQUENCE_COUNTER: Final = Rule(
        "scp03-sequence-counter", _ERROR, "GPCS Amendment D 6.2.2.1", "the sequence counter does not grow"
    )
    INITIALIZE_UPDATE: Final = Rule(
        "scp03-initialize-update", _ERROR, "GPCS Amendment D 7.1.1.6", "an answer to INITIALIZE UPDATE of a wrong form"
    )
    EXTERNAL_AUTHENTICATE: Final = Rule(
        "scp03-external-authenticate",
        _ERROR,
        "GPCS Amendment D 7.1.2.1",
        "the card accepted an EXTERNAL AUTHENTICATE that it has to refuse",
    )
    LEVEL: Final = Rule(
        "scp03-level", _ERROR, "GPCS Amendment D 7.1.2.3", "a level that does not exist, or that i does not serve"
    )
    # --- SCP03: in a session
    C_MAC: Final = Rule("scp03-c-mac", _ERROR, "GPCS Amendment D 6.2.4", "the C-MAC does not verify")
    C_MAC_REFUSED: Final = Rule(
        "scp03-c-mac-refused", _WARNING, "GPCS Amendment D 6.2.4", "the C-MAC does not verify, and the card said so"
    )
    MISSING: Final = Rule(
        "scp03-missing",
        _WARNING,
        "GPCS Amendment D 6.2.6",
        "the encryption counter jumps: protected commands are missing in the trace",
    )
    PADDING: Final = Rule("scp03-padding", _ERROR, "GPCS Amendment D 6.2.6", "the decrypted data are not padded")
    R_MAC: Final = Rule("scp03-r-mac", _ERROR, "GPCS Amendment D 6.2.5", "the R-MAC does not verify")
    NO_R_MAC: Final = Rule(
        "scp03-no-r-mac", _ERROR, "GPCS Amendment D 6.2.5", "the answer carries no R-MAC although the level asks for it"
    )
    ERROR_DATA: Final = Rule(
        "scp03-error-data", _WARNING, "GPCS Amendment D 6.2.5", "an error status word with data in a session with R-MAC"
    )
    LENGTH: Final = Rule(
        "scp03-length", _ERROR, "GPCS Amendment D 6.2.6", "the length is not one of a protected command or response"
    )
    PLAIN_ACCEPTED: Final = Rule(
        "scp03-plain-accepted", _ERROR, "GPCS Amendment D 5.6", "a command without protection was accepted in a session"
    )
    NO_SESSION: Final = Rule(
        "scp03-no-session", _ERROR, "GPCS Amendment D 5.6", "a protected command was accepted outside a session"
    )
    SURVIVES_SELECT: Final = Rule(
        "scp03-survives-select", _ERROR, "GPCS 10.2.3", "the session went on after another selection"
    )
    SURVIVES_ERROR: Final = Rule(
        "scp03-survives-error", _ERROR, "GPCS Amendment D 5.6", "the card accepted a command after a wrong MAC"
    )
    RECORDED: Final = Rule("channel-recorded", _ERROR, "", "what the end recorded is not what its protected bytes hold")
    # --- SCP03t
    T_ANSWER: Final = Rule("scp03t-answer", _ERROR, "SGP.02 4.1.3.3", "an answer of a wrong form")
    T_MAC: Final = Rule("scp03t-mac", _ERROR, "SGP.02 4.1.3.3", "the MAC of the command does not verify")
    T_MAC_REFUSED: Final = Rule(
        "scp03t-mac-refused", _WARNING, "SGP.02 4.1.3.3", "the MAC of the command does not verify, and the card said so"
    )
    T_R_MAC: Final = Rule("scp03t-r-mac", _ERROR, "SGP.02 4.1.3.3", "the MAC of the response does not verify")
    T_PADDING: Final = Rule("scp03t-padding", _ERROR, "SGP.02 4.1.3.3", "the decrypted data are not padded")
    T_LENGTH: Final = Rule("scp03t-length", _ERROR, "SGP.02 4.1.3.3", "a TLV of a length that no protected data have")
    T_NO_SESSION: Final = Rule("scp03t-no-session", _ERROR, "SGP.02 4.1.3.3", "data were accepted outside a session")
    PROFILE: Final = Rule("profile-malformed", _WARNING, "SAIP 7", "the profile package cannot be read")


RULES: Final[tuple[Rule, ...]] = tuple(rule for rule in vars(Rules).values() if isinstance(rule, Rule))
"""Every rule."""
