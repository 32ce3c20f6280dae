# SPDX-License-Identifier: Apache-2.0
"""One SCP03 session in a trace: its protected commands and responses, verified and decrypted where the keys are there.

GPCS Amendment D v1.2 6.2. Unlike an end of the channel it goes on after a fault, because the trace does: the MAC
chaining value after a command that does not verify is a guess, and the next MAC that verifies confirms it. What does
not verify is not shown in clear, since a wrong counter or key turns it into noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from apdu.channel.scp03 import C_DECRYPTION, PLAIN_CLASS, R_ENCRYPTION, R_MAC, mac_header, protected_status
from apdu.channel.session import BLOCK, RESPONSE, Session
from apdu.command.apdu import CommandApdu
from apdu.errors import SecurityError
from apdu.trace.events import Octets
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.outcome import Found, covered

__all__ = ["SECURE_MESSAGING_ERRORS", "OpenSession", "Unwrapped", "accepted"]

SECURE_MESSAGING_ERRORS: Final = (0x6982, 0x6987, 0x6988)
"""How cards say that a MAC is wrong."""
_CHANGED: Final = "the command was changed, or commands before it are missing in the trace"
_GAP: Final = 8
"""Missing commands in a row that are looked for."""


def accepted(response: bytes) -> bool:
    """Whether the card carried the command out, warnings included."""
    return len(response) >= 2 and response[-2] in (0x90, 0x91, 0x61, 0x62, 0x63)


@dataclass(slots=True)
class Unwrapped:
    """Both sides of one exchange without protection."""

    plain: Octets
    response: Octets
    verified: bool | None
    wrong: bool = False
    """The C-MAC does not verify."""


@dataclass(slots=True)
class OpenSession:
    """A session after EXTERNAL AUTHENTICATE."""

    kvn: int
    level: int
    length: int
    """Bytes of MACs: 8 (S8) or 16 (S16)."""
    crypt: Session | None
    """None: there are no keys for it; `why` says more."""
    why: str = ""
    chains: list[bytes] = field(default_factory=list)
    """The MAC chaining values that may be the right one; one, while everything verifies."""
    lost: bool = False
    """The chain was lost, and that was said."""
    counted: bool = True
    """The encryption counter is known; not after commands that may be missing."""
    doubt: bytes = b""
    """A chaining value that only says that the host went on from it (S16): commands before it may be missing."""

    def unwrap(self, raw: bytes, command: CommandApdu, response: bytes, found: Found) -> Unwrapped:
        """One protected exchange; `response` is empty where the trace has none."""
        size = len(command.data) - self.length
        if size < 0 or (self.level & C_DECRYPTION and size % BLOCK):
            if accepted(response):
                found.add(Rules.LENGTH, f"{len(command.data)} bytes of data")
            return Unwrapped(raw, response, None if self.crypt is None else False, wrong=True)
        body = command.data[:size]
        crypt = self.crypt
        if crypt is None:
            self._check_response_form(response, found)
            return Unwrapped(self._hidden_command(raw, command, body), self._hidden_response(response), None)
        counter = crypt.count()
        was_lost = self.lost
        good = self._command_mac(crypt, command, body)
        answered = self._response_mac(crypt, response, found, quiet=not good or was_lost)
        trusted = good or answered is True
        if not good:
            self._distrust(response, found, trusted)
        if not (self.counted and trusted):
            counter = self._recount(crypt, body, response, counter, found)
        trusted = trusted and self.counted
        plain = self._decrypted_command(crypt, counter, raw, command, body, trusted, found)
        if not trusted or answered is False:
            return Unwrapped(plain, self._hidden_response(response), good and answered is not False, wrong=not good)
        shown = self._decrypted_response(crypt, counter, response, found)
        return Unwrapped(plain, shown, good, wrong=not good)

    # --- MACs

    def _command_mac(self, crypt: Session, command: CommandApdu, body: bytes) -> bool:
        """Whether the C-MAC follows from a chaining value that may be the right one."""
        cla, ins, p1, p2, data, _, extended = command
        sent = data[len(body) :]
        guesses: list[bytes] = []
        for chain in self.chains:
            crypt.chain = chain
            mac = crypt.command_mac(mac_header(cla, ins, p1, p2, len(data), extended) + body)
            if compare_digest(mac[: self.length], sent):
                self.chains = [mac]
                self.lost = False
                self.counted = self.counted and chain != self.doubt
                return True
            guesses.append(mac)
        if self.length == BLOCK:  # the whole value crossed the link
            guesses.append(sent)
            self.doubt = sent
        self.chains = guesses[-2:]
        return False

    def _response_mac(self, crypt: Session, response: bytes, found: Found, *, quiet: bool) -> bool | None:
        """Whether the R-MAC verifies; None where there is none to verify."""
        form = self._check_response_form(response, found)
        if not form:
            return form
        status = protected_status(response[-2] << 8 | response[-1])
        assert status is not None
        body, sent = response[: -2 - self.length], response[-2 - self.length : -2]
        for chain in self.chains:
            if compare_digest(crypt.response_mac(chain + body + status)[: self.length], sent):
                self.chains = [chain]
                self.counted = self.counted and chain != self.doubt
                return True
        if not quiet:
            found.add(Rules.R_MAC)
        return False

    def _check_response_form(self, response: bytes, found: Found) -> bool | None:
        """Whether the answer has the form of a protected one; None where it is not to be protected."""
        if not self.level & R_MAC or len(response) < 2 or response[-2] == 0x61:
            return None
        size = len(response) - 2
        if protected_status(response[-2] << 8 | response[-1]) is None:
            if size:
                found.add(Rules.ERROR_DATA, f"{size} bytes")
            return None
        if size < self.length:
            found.add(Rules.NO_R_MAC, f"{size} bytes of data")
            return False
        if self.level & R_ENCRYPTION and (size - self.length) % BLOCK:
            found.add(Rules.LENGTH, f"{size} bytes in the answer")
            return False
        return True

    # --- a command that does not verify

    def _distrust(self, response: bytes, found: Found, trusted: bool) -> None:
        """Say once what is wrong."""
        if self.lost:
            return
        if response and not accepted(response):
            found.add(Rules.C_MAC_REFUSED, _CHANGED)
        else:
            found.add(Rules.C_MAC, "the answer belongs to another one" if trusted else _CHANGED)
        self.lost = not trusted

    def _recount(self, crypt: Session, body: bytes, response: bytes, counter: int, found: Found) -> int:
        """Look for the counter that a command really has: it shapes the first block only, so one block tells it."""
        blocks = [(0, body)] if self.level & C_DECRYPTION and len(body) == BLOCK else []
        if self.level & R_ENCRYPTION and accepted(response) and len(response) == BLOCK + self.length + 2:
            blocks.append((RESPONSE, response[:BLOCK]))
        fitting = [
            step
            for step in range(_GAP + 1)
            if all(_is_padded(crypt, counter + step | side, block) for side, block in blocks)
        ]
        if len(fitting) == 1:
            self.counted, self.doubt = True, b""
            if fitting[0]:
                found.add(Rules.MISSING, f"{fitting[0]} of them")
                crypt.counter = counter + fitting[0]
        return crypt.counter

    # --- what was inside

    def _decrypted_command(
        self, crypt: Session, counter: int, raw: bytes, command: CommandApdu, body: bytes, trusted: bool, found: Found
    ) -> Octets:
        if body and self.level & C_DECRYPTION:
            if not trusted:
                return self._hidden_command(raw, command, body)
            try:
                body = crypt.decrypt(counter, body)
            except SecurityError:
                if not self.lost:
                    found.add(Rules.PADDING)
                return self._hidden_command(raw, command, body)
        return command._replace(cla=PLAIN_CLASS[command.cla], data=body).encode()

    def _decrypted_response(self, crypt: Session, counter: int, response: bytes, found: Found) -> Octets:
        if not self.level & R_MAC or len(response) < 2 + self.length:
            return response
        body, status = response[: -2 - self.length], response[-2:]
        if protected_status(status[0] << 8 | status[1]) is None or response[-2] == 0x61:
            return response
        if body and self.level & R_ENCRYPTION:
            try:
                body = crypt.decrypt(counter | RESPONSE, body)
            except SecurityError:
                found.add(Rules.PADDING, "in the answer")
                return self._hidden_response(response)
        return body + status

    def _hidden_command(self, raw: bytes, command: CommandApdu, body: bytes) -> Octets:
        """The command without its MAC, its data covered where they are encrypted."""
        plain = command._replace(cla=PLAIN_CLASS[command.cla], data=body).encode()
        if not body or not self.level & C_DECRYPTION:
            return plain
        start = 7 if plain[4] == 0 else 5
        return covered(plain[:start], len(body), plain[start + len(body) :])

    def _hidden_response(self, response: bytes) -> Octets:
        """The response without its MAC, its data covered where they are encrypted."""
        if not self.level & R_MAC or len(response) < 2 + self.length or response[-2] in (0x61, 0x6C):
            return response
        body, status = response[: -2 - self.length], response[-2:]
        if protected_status(status[0] << 8 | status[1]) is None:
            return response
        return covered(b"", len(body), status) if self.level & R_ENCRYPTION else body + status


def _is_padded(crypt: Session, counter: int, body: bytes) -> bool:
    try:
        crypt.decrypt(counter, body)
    except SecurityError:
        return False
    return True
