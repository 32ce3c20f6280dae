# SPDX-License-Identifier: Apache-2.0
"""What SCP03 and SCP03t, host and card, have in common: session keys, cryptograms, MAC chain, counter-driven CBC.

GPCS Amendment D v1.2 4.1.5 and 6.2. One `Session` belongs to one set of session keys and is never used again.

Theory of operation. Every context is keyed once per session:
- a CMAC context is copied for each MAC (a copy costs 0.3 us, a key schedule 2 us);
- AES-CBC with an ICV of its own per message runs on one encryptor that is never finalised. CBC encrypts
  E(block xor previous cipher block), so feeding `counter block xor previous cipher block` gives E(counter block), which
  is the ICV by definition (6.2.6), and leaves it as the chain for the data that follow. ICV and data are one call, and
  the ICV is the first block of its output;
- the decryptor runs likewise: the ICV is fed as the first cipher block, and the first block of output thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import CipherContext
from cryptography.hazmat.primitives.cmac import CMAC

from apdu.channel.errors import ChannelError
from apdu.command.status import SW
from apdu.errors import SecurityError
from apdu.keys.kdf import scp03_kdf
from apdu.keys.secret import KeySet, SecretKey

__all__ = [
    "BLOCK",
    "ENCRYPTION_COUNTER_LIMIT",
    "RESPONSE",
    "SEQUENCE_COUNTER_LIMIT",
    "Handshake",
    "Session",
    "SessionKeys",
    "card_challenge",
    "next_sequence_counter",
    "shake_hands",
]

BLOCK: Final = 16
# Derivation constants (Amendment D table 4-1).
_CARD_CRYPTOGRAM: Final = 0x00
_HOST_CRYPTOGRAM: Final = 0x01
_CARD_CHALLENGE: Final = 0x02
_S_ENC: Final = 0x04
_S_MAC: Final = 0x06
_S_RMAC: Final = 0x07

SEQUENCE_COUNTER_LIMIT: Final = 0xFFFFFF
ENCRYPTION_COUNTER_LIMIT: Final = (1 << 120) - 1
"""The top byte of the counter block tells command from response (6.2.7), so the counter itself has 15 bytes."""
RESPONSE: Final = 0x80 << 120
"""Marks a counter as the one of a response."""

_PADDING: Final = tuple(b"\x80" + bytes(BLOCK - 1 - length) for length in range(BLOCK))
"""What completes a message, by its length modulo 16 (GPCS B.2.3)."""


def next_sequence_counter(stored: int) -> int:
    """The sequence counter of the next INITIALIZE UPDATE; at its maximum a key set opens no more sessions (6.2.2.1)."""
    if stored >= SEQUENCE_COUNTER_LIMIT:
        raise ChannelError("the sequence counter is used up", SW.CONDITIONS_OF_USE)
    return stored + 1


def card_challenge(enc: SecretKey, counter: int, aid: bytes, length: int) -> bytes:
    """The pseudo-random card challenge of a sequence counter, in a session with the application `aid` (6.2.2.1)."""
    return scp03_kdf(enc, _CARD_CHALLENGE, counter.to_bytes(3, "big") + aid, length * 8)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """S-ENC, S-MAC and S-RMAC of one session."""

    enc: SecretKey
    mac: SecretKey
    rmac: SecretKey

    @classmethod
    def derive(cls, keys: KeySet, context: bytes) -> SessionKeys:
        """Derive them from a key set, for host challenge || card challenge (6.2.1)."""
        bits = len(keys.enc) * 8
        return cls(
            SecretKey(scp03_kdf(keys.enc, _S_ENC, context, bits)),
            SecretKey(scp03_kdf(keys.mac, _S_MAC, context, bits)),
            SecretKey(scp03_kdf(keys.mac, _S_RMAC, context, bits)),
        )


class Handshake(NamedTuple):
    """What both ends know after INITIALIZE UPDATE."""

    session: Session
    card_cryptogram: bytes
    host_cryptogram: bytes


def shake_hands(keys: KeySet, host_challenge: bytes, card_challenge: bytes) -> Handshake:
    """Session and cryptograms of a pair of challenges; cryptograms are as long as these (6.2.1, 6.2.2)."""
    context = host_challenge + card_challenge
    bits = len(card_challenge) * 8
    session_keys = SessionKeys.derive(keys, context)
    return Handshake(
        Session(session_keys),
        scp03_kdf(session_keys.mac, _CARD_CRYPTOGRAM, context, bits),
        scp03_kdf(session_keys.mac, _HOST_CRYPTOGRAM, context, bits),
    )


class Session:
    """One end of one session: keys, MAC chaining value and encryption counter."""

    __slots__ = (
        "_decryptor",
        "_encryptor",
        "_icv",
        "_last",
        "_mac",
        "_rmac",
        "chain",
        "counter",
        "keys",
    )

    def __init__(self, keys: SessionKeys, chain: bytes = bytes(BLOCK)) -> None:
        self.keys = keys
        self.chain = chain
        self.counter = 0
        self._mac: CMAC = keys.mac.cmac()
        self._rmac: CMAC = keys.rmac.cmac()
        self._encryptor: CipherContext | None = None
        self._decryptor: CipherContext | None = None
        self._last = 0

    # --- MACs

    def command_mac(self, message: bytes) -> bytes:
        """CMAC over chaining value || message with S-MAC, 16 bytes: the next chaining value (6.2.4)."""
        context = self._mac.copy()
        context.update(self.chain + message)
        return context.finalize()

    def response_mac(self, message: bytes) -> bytes:
        """CMAC over a response with S-RMAC, 16 bytes; `message` begins with the chaining value (6.2.5)."""
        context = self._rmac.copy()
        context.update(message)
        return context.finalize()

    # --- encryption

    def count(self) -> int:
        """Count one more command (6.2.6)."""
        counter = self.counter = self.counter + 1
        if counter > ENCRYPTION_COUNTER_LIMIT:
            raise ChannelError("the encryption counter is used up", SW.SECURITY_STATUS)
        return counter

    def encrypt(self, counter: int, data: bytes) -> bytes:
        """Pad and encrypt under a command's counter, or that counter | RESPONSE for its response (6.2.6, 6.2.7)."""
        if self._encryptor is None:
            self._encryptor = self.keys.enc.cbc_encryptor()
        fed = (counter ^ self._last).to_bytes(BLOCK, "big") + data + _PADDING[len(data) % BLOCK]
        output = self._encryptor.update(fed)
        self._last = int.from_bytes(output[-BLOCK:], "big")
        return output[BLOCK:]

    def decrypt(self, counter: int, data: bytes) -> bytes:
        """Undo `encrypt`; SecurityError when the padding is wrong."""
        if self._decryptor is None:
            self._decryptor = self.keys.enc.cbc_decryptor()
            self._icv = self.keys.enc.ecb_encryptor()
        if not data or len(data) % BLOCK:
            raise SecurityError("encrypted data are not whole blocks")
        padded = self._decryptor.update(self._icv.update(counter.to_bytes(BLOCK, "big")) + data)
        clear = padded.rstrip(b"\x00")
        # the mark must stand in the last block; before the data there is one block of no meaning
        if not clear.endswith(b"\x80") or len(padded) - len(clear) >= BLOCK:
            raise SecurityError("wrong padding")
        return clear[BLOCK:-1]
