# SPDX-License-Identifier: Apache-2.0
"""What a BIP channel carries: TLS records, with the key of the connection HTTP, and its scripts (SGP.02 v4.2 2.4.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from apdu.errors import DecodeError
from apdu.ids import ISD_R
from apdu.keys.secret import SecretKey
from apdu.ota import admin
from apdu.ota.remote import ScriptTag, parse_response_script, read_script
from apdu.tls.passive import ContentType, PassiveTls, Record
from apdu.tls.passive import Direction as Peer
from apdu.trace.events import Direction, Event, Json, Layer
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.http import HttpMessage, HttpReader
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.outcome import Found
from apdu.trace.unwrap.scripts import RemoteScripts
from apdu.trace.unwrap.seen import Protection, Seen

__all__ = ["ChannelFollower", "script_error"]

_PEERS: Final = {Direction.FROM_CARD: Peer.CLIENT, Direction.TO_CARD: Peer.SERVER}
_COMMANDS: Final = (ScriptTag.COMMANDS, ScriptTag.COMMANDS_INDEFINITE)
_NO_KEY: Final = "no key for this PSK identity"
_NO_HELLO: Final = "the beginning of the connection is not in the trace"
_OTHER: Final = "another version or cipher suite than those of SCP81"
_FATAL: Final = "(fatal)"
_VERIFIED: Final = Protection(True)


class ChannelFollower:
    """One channel from OPEN CHANNEL to its end; `described` is what its events say about it."""

    def __init__(self, described: Mapping[str, Json], ring: KeyRing, scripts: RemoteScripts) -> None:
        self.described = described
        self._ring = ring
        self._scripts = scripts
        self._tls: PassiveTls | None = None
        self._plain = False
        """What is carried is no TLS."""
        self._failed: set[Direction] = set()
        """Directions in which a record did not verify."""
        self._verified: set[Direction] = set()
        self._told_choice = False
        self._readers = {
            Direction.FROM_CARD: HttpReader(requests=True),
            Direction.TO_CARD: HttpReader(requests=False),
        }

    def carry(self, direction: Direction, data: bytes, seen: Seen) -> Iterator[Event]:
        """Bytes of one direction."""
        if self._tls is None and not self._plain:
            self._begin(data)
        if self._tls is None:
            yield seen.message(Layer.BIP, direction, "BIP data", data, fields=self.described)
            return
        for record in self._tls.feed(_PEERS[direction], data):
            yield self._record(direction, record, seen)
            if record.type == ContentType.APPLICATION_DATA and record.verified and record.clear:
                for message in self._readers[direction].feed(record.clear):
                    yield from self._message(direction, message, seen)
        if self._tls.broken:
            found = Found()
            found.add(Rules.TLS_BROKEN)
            yield seen.message(Layer.TLS, direction, "TLS broken off", data, fields=self.described, found=found)
            self._tls, self._plain = None, True

    def end(self, seen: Seen) -> Iterator[Event]:
        """The channel is closed."""
        for direction, reader in self._readers.items():
            for message in reader.feed(b""):
                yield from self._message(direction, message, seen)

    # ---

    def _begin(self, data: bytes) -> None:
        if len(data) > 1 and data[0] in tuple(ContentType) and data[1] == 3:
            self._tls = PassiveTls(self._key)
        else:
            self._plain = True

    def _key(self, identity: str) -> SecretKey | None:
        return self._ring.preshared(identity)

    def _record(self, direction: Direction, record: Record, seen: Seen) -> Event:
        tls = self._tls
        assert tls is not None
        found = Found()
        if not tls.known and not self._told_choice:
            self._told_choice = True
            found.add(Rules.TLS_CHOICE, f"{tls.version}, {tls.suite}")
        if record.verified is False:
            if direction in self._verified:
                found.add(Rules.TLS_MAC)
            elif direction not in self._failed:  # what follows has the same reason
                found.add(Rules.TLS_KEY)
            self._failed.add(direction)
        elif record.verified:
            self._verified.add(direction)
        if _FATAL in record.text:
            found.add(Rules.TLS_ALERT, record.text)
        protection = None if not record.protected else Protection(record.verified, self._why(record))
        fields: dict[str, Json] = {**self.described}
        for name, value in (("version", tls.version), ("suite", tls.suite), ("identity", tls.identity)):
            if value:
                fields[name] = value
        return seen.message(
            Layer.TLS, direction, f"TLS {record.text}", record.raw, fields=fields, protection=protection, found=found
        )

    def _why(self, record: Record) -> str:
        if record.verified is not None:
            return ""
        assert self._tls is not None
        if not self._tls.known:
            return _OTHER
        return _NO_KEY if self._tls.identity else _NO_HELLO

    # --- HTTP

    def _message(self, direction: Direction, message: HttpMessage, seen: Seen) -> Iterator[Event]:
        found = Found()
        if message.broken is not None:
            found.add(message.broken, message.why)
        elif message.header(admin.PROTOCOL) != admin.PROTOCOL_VALUE and (
            direction is Direction.FROM_CARD or message.body
        ):
            found.add(Rules.ADMIN_PROTOCOL, message.header(admin.PROTOCOL))
        error = script_error(message.body) if message.body and message.broken is None else ""
        if error:
            found.add(Rules.SCRIPT, error)
        fields = {**self.described, "headers": dict(message.headers)}
        yield seen.message(
            Layer.HTTP, direction, message.start, message.body, fields=fields, protection=_VERIFIED, found=found
        )
        if not message.body or found:
            return
        if direction is Direction.TO_CARD:
            self._scripts.commands(_target(message), message.body)
        else:
            yield from self._scripts.responses(message.body, seen, _VERIFIED)


def _target(message: HttpMessage) -> bytes:
    """For whom the script is: the ISD-R where nothing is said."""
    try:
        return bytes(admin.parse_targeted(message.header(admin.TARGETED)))
    except DecodeError:
        return bytes(ISD_R)


def script_error(body: bytes) -> str:
    """What is wrong with a script of commands or of responses; empty where it is whole."""
    if body[0] in _COMMANDS:
        bad = next((item.bad for item in read_script(body) if item.bad is not None), None)
        return "" if bad is None else bad.name.lower().replace("_", " ")
    try:
        parse_response_script(body)
    except DecodeError as error:
        return error.message
    return ""
