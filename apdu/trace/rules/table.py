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
    # --- bearers
    TLS_BROKEN: Final = Rule("tls-broken", _ERROR, "RFC 5246 6.2", "bytes that are no TLS record")
    TLS_MAC: Final = Rule("tls-mac", _ERROR, "RFC 5246 6.2.3; RFC 5288 3", "the MAC or tag of a TLS record is wrong")
    TLS_KEY: Final = Rule(
        "tls-key", _WARNING, "RFC 5246 7.4.9", "the first protected record does not verify: it has another key"
    )
    TLS_ALERT: Final = Rule("tls-alert", _WARNING, "RFC 5246 7.2", "a fatal alert ends the connection")
    TLS_CHOICE: Final = Rule(
        "tls-choice", _ERROR, "SGP.02 2.4.4.2", "TLS of another version or cipher suite than SCP81 has"
    )
    HTTP: Final = Rule("http-malformed", _ERROR, "RFC 9112", "this is no HTTP message")
    HTTP_CUT: Final = Rule("http-cut", _WARNING, "RFC 9112 8", "the connection ended inside an HTTP message")
    ADMIN_PROTOCOL: Final = Rule(
        "admin-protocol", _ERROR, "GP Amendment B 4.4", "the X-Admin-Protocol header is missing, or another"
    )
    SCRIPT: Final = Rule("remote-script", _ERROR, "TS 102 226 5.2", "the remote script is malformed")
    PACKET: Final = Rule("scp80-packet", _ERROR, "TS 102 225 5.1", "the secured packet is malformed")
    PACKET_CHECK: Final = Rule("scp80-check", _WARNING, "TS 102 225 5.1", "the secured packet does not verify")
    PACKET_COUNTER: Final = Rule(
        "scp80-counter", _WARNING, "TS 102 225 5.1.4", "the counter is not higher than that of a packet before"
    )
    PACKET_ACCEPTED: Final = Rule(
        "scp80-accepted", _ERROR, "TS 102 225 5.1", "the card carried out a packet that it has to refuse"
    )
    # --- transport
    COMMAND_FORM: Final = Rule("command-form", _ERROR, "ISO/IEC 7816-3 12.1.2", "a command without a header")
    COMMAND_LENGTH: Final = Rule(
        "command-length", _ERROR, "ISO/IEC 7816-3 12.1.2", "the command is not as long as its length field says"
    )
    RESPONSE_FORM: Final = Rule("response-form", _ERROR, "ISO/IEC 7816-4 5.6", "a response without a status word")
    DATA_WITH_ERROR: Final = Rule(
        "data-with-error", _ERROR, "ISO/IEC 7816-4 5.6", "data beside a status word that says there are none"
    )
    LONG: Final = Rule("response-long", _ERROR, "ISO/IEC 7816-3 12.1.2", "more bytes than Le asked for")
    NO_STATUS: Final = Rule("no-status-word", _ERROR, "ISO/IEC 7816-4 5.6", "this is no status word")
    UNKNOWN_STATUS: Final = Rule("status-unknown", _NOTE, "ISO/IEC 7816-4 5.6", "a status word that is not known here")
    CARD_FAILED: Final = Rule("card-failed", _WARNING, "ISO/IEC 7816-4 5.6", "the card failed")
    NOT_CONTINUED: Final = Rule(
        "response-not-fetched", _NOTE, "TS 102 221 7.3.1.1", "61xx: the rest of the response was not asked for"
    )
    NOT_REPEATED: Final = Rule(
        "command-not-repeated", _NOTE, "TS 102 221 7.3.1.1", "6Cxx: the command was not sent again with the right Le"
    )
    NOTHING_WAITS: Final = Rule(
        "get-response", _ERROR, "TS 102 221 7.3.1.1", "GET RESPONSE was answered although nothing waited"
    )
    SHORT: Final = Rule(
        "response-short", _ERROR, "TS 102 221 10.1.6", "fewer bytes than Le, and no warning or 6Cxx that says so"
    )
    CHANNEL: Final = Rule(
        "channel-not-open", _ERROR, "TS 102 221 10.1.1", "a command was accepted on a logical channel that is not open"
    )
    STATUS: Final = Rule(
        "status-word", _WARNING, "TS 102 221 10.2.2; GPCS 11.1.3", "this command does not have this status word"
    )
    # --- contents
    TEMPLATE: Final = Rule(
        "template", _ERROR, "TS 102 221 11.1.1.3; GPCS 11.9.3.1", "SELECT answered a malformed template"
    )
    STORE_BLOCK: Final = Rule(
        "store-data-block", _ERROR, "GPCS 11.11.2.2", "a STORE DATA block out of its order was accepted"
    )
    PIN_TRIES: Final = Rule(
        "pin-tries", _ERROR, "TS 102 221 9.5.1", "the retry counter is not what the verifications before leave of it"
    )
    # --- toolkit
    FETCH_LENGTH: Final = Rule(
        "fetch-length", _WARNING, "TS 102 221 7.4.2.1", "FETCH with another length than 91xx announced"
    )
    PROACTIVE: Final = Rule("proactive-command", _ERROR, "TS 102 223 6.6", "the proactive command is malformed")
    TERMINAL_RESPONSE: Final = Rule(
        "terminal-response", _WARNING, "TS 102 223 6.8.1", "TERMINAL RESPONSE to another command than the one fetched"
    )
    NOT_FETCHED: Final = Rule("not-fetched", _NOTE, "TS 102 221 7.4.2.1", "the proactive command was not fetched")
    # --- authentication
    AUTN_TWICE: Final = Rule("autn-twice", _ERROR, "TS 33.102 6.3.3", "the same AUTN was accepted twice")
    AUTN_MAC: Final = Rule("autn-mac", _WARNING, "TS 33.102 6.3.3", "the MAC of AUTN does not verify: another key")
    # --- profiles
    PROFILE: Final = Rule("profile-malformed", _WARNING, "SAIP 7", "the profile package cannot be read")


RULES: Final[tuple[Rule, ...]] = tuple(rule for rule in vars(Rules).values() if isinstance(rule, Rule))
"""Every rule."""
