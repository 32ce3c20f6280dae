# SPDX-License-Identifier: Apache-2.0
"""SCP03t, the host's end (SGP.02 v4.2 4.1.3.3)."""

from __future__ import annotations

from collections import deque
from hmac import compare_digest
from typing import NamedTuple, NoReturn

from apdu.channel.scp03_host import HostState, check_answer
from apdu.channel.scp03t import (
    CHALLENGE_LENGTH,
    LEVEL,
    MAC_LENGTH,
    MAX_CLEAR,
    KeyReplacement,
    Scp03tError,
    Tag,
    header,
    read_block,
)
from apdu.channel.session import BLOCK, RESPONSE, Session, SessionKeys
from apdu.errors import DecodeError, EncodeError, LocalProtocolError, SecurityError
from apdu.keys.secret import KeySet

__all__ = ["Scp03tHost"]


class _Expected(NamedTuple):
    """What the answer to one command needs: tag, session keys, chaining value, counter."""

    tag: int
    session: Session
    chain: bytes
    counter: int


def _read_answer(tag: int, answer: bytes) -> tuple[int, bytes]:
    """Offset of the value in an answer with this tag, and the value; `Scp03tError` when it is an error TLV.

    Errors are 9F44 to 9F47; some cards are said to answer with 9F8x, and 90 is the answer to a TLV that is no command.
    """
    if len(answer) == 4 and answer[0] == 0x9F and answer[1] & 0xF0 in (0x40, 0x80) and answer[2] == 1:
        raise Scp03tError(0x80 | answer[1] & 0x0F, answer[3])
    if len(answer) == 3 and answer[:2] == b"\x90\x01":
        raise Scp03tError(tag, answer[2])
    block = read_block(answer)
    if block.tag != tag:
        raise DecodeError(f"an answer {tag:02X} expected, not {block.tag:02X}")
    return block.start, answer[block.start :]


class Scp03tHost:
    """One session with an ISD-P.

        host = Scp03tHost(keys, host_challenge, isd_p)
        answer = send(host.initialize_update())
        answer = send(host.external_authenticate(answer))
        host.authenticated(answer)
        for segment in segments(package):
            said = host.receive(send(host.protect(segment)))

    Several commands may be protected before their answers are received, in the same order.
    """

    __slots__ = ("_aid", "_challenge", "_expected", "_keys", "_session", "_state")

    def __init__(self, keys: KeySet, host_challenge: bytes, aid: bytes) -> None:
        if len(host_challenge) != CHALLENGE_LENGTH:
            raise ValueError(f"a host challenge has {CHALLENGE_LENGTH} bytes, not {len(host_challenge)}")
        self._keys = keys
        self._challenge = host_challenge
        self._aid = aid
        self._state = HostState.NEW
        self._session: Session | None = None
        self._expected: deque[_Expected] = deque()

    @property
    def state(self) -> HostState:
        """Where the session stands."""
        return self._state

    def initialize_update(self) -> bytes:
        """The 84 that begins the session."""
        value = bytes((self._keys.kvn, 0)) + self._challenge
        return header(Tag.INITIALIZE_UPDATE, len(value)) + value

    def external_authenticate(self, answer: bytes) -> bytes:
        """Check the answer to 84 and build the 85 that authenticates the host."""
        self._demand(HostState.NEW)
        self._state = HostState.FAILED
        _, value = _read_answer(Tag.INITIALIZE_UPDATE, answer)
        session, _, cryptogram = check_answer(value, self._keys, self._challenge, self._aid, LEVEL)
        sent = header(Tag.EXTERNAL_AUTHENTICATE, 1 + len(cryptogram) + MAC_LENGTH) + bytes((LEVEL,)) + cryptogram
        session.chain = session.command_mac(sent)
        self._session = session
        self._state = HostState.AUTHENTICATING
        return sent + session.chain[:MAC_LENGTH]

    def authenticated(self, answer: bytes) -> None:
        """Take the answer to 85: from here on data are protected."""
        self._demand(HostState.AUTHENTICATING)
        self._state = HostState.FAILED
        _, value = _read_answer(Tag.EXTERNAL_AUTHENTICATE, answer)
        if value:
            raise DecodeError("an answer to 85 with data")
        self._state = HostState.OPEN

    def protect(self, data: bytes) -> bytes:
        """The 86 that carries up to 1007 bytes."""
        return self._protect(Tag.PROTECTED, data)

    def replace_keys(self, keys: SessionKeys, chain: bytes) -> bytes:
        """The 87 that puts other session keys and another MAC chaining value in place, for what follows."""
        present = self._open()
        if {len(keys.enc), len(keys.mac), len(keys.rmac)} != {len(present.keys.enc)} or len(chain) != BLOCK:
            raise EncodeError("new session keys are as long as the present ones, a chaining value has 16 bytes")
        sent = self._protect(Tag.REPLACE_KEYS, KeyReplacement.from_keys(keys, chain).value())
        self._session = Session(keys, chain)
        return sent

    def receive(self, answer: bytes) -> bytes:
        """Check the next answer and return its clear data, b"" when there are none; an error ends the session."""
        self._open()
        if not self._expected:
            raise LocalProtocolError("an answer without a command")
        tag, session, chain, counter = self._expected.popleft()
        self._state = HostState.FAILED
        start, value = _read_answer(tag, answer)
        if value:
            if tag != Tag.PROTECTED or len(value) < BLOCK + MAC_LENGTH:
                self._fail("the answer is not protected")
            mac = session.response_mac(chain + answer[:-MAC_LENGTH])
            if not compare_digest(mac[:MAC_LENGTH], answer[-MAC_LENGTH:]):
                self._fail("the R-MAC does not verify")
            value = session.decrypt(counter | RESPONSE, answer[start:-MAC_LENGTH])
        self._state = HostState.OPEN
        return value

    def _protect(self, tag: Tag, data: bytes) -> bytes:
        session = self._open()
        if not 1 <= len(data) <= MAX_CLEAR:
            raise EncodeError(f"a command carries 1 to {MAX_CLEAR} bytes, not {len(data)}")
        counter = session.count()
        body = session.encrypt(counter, data)
        sent = header(tag, len(body) + MAC_LENGTH) + body
        mac = session.command_mac(sent)
        session.chain = mac
        self._expected.append(_Expected(tag, session, mac, counter))
        return sent + mac[:MAC_LENGTH]

    def _open(self) -> Session:
        self._demand(HostState.OPEN)
        assert self._session is not None
        return self._session

    def _demand(self, state: HostState) -> None:
        if self._state is not state:
            raise LocalProtocolError(f"SCP03t {self._state.value}: this step needs {state.name}")

    def _fail(self, message: str) -> NoReturn:
        self._state = HostState.FAILED
        raise SecurityError(message)
