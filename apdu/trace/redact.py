# SPDX-License-Identifier: Apache-2.0
"""Redaction: what leaves the process as a trace holds no clear key material, unless `UNREDACTED` was asked for.

The rules, each for itself sufficient to hide:

1.  Known values. Whoever owns keys registers them; every occurrence is hidden, in bytes and, as hexadecimal or text,
    in fields. CK, IK and Kc that were seen in an answer to AUTHENTICATE are remembered too, because a terminal
    writes them to EF.Keys.
2.  Commands. The data of VERIFY, CHANGE, ENABLE, DISABLE and UNBLOCK PIN always; PUT KEY behind the key version
    number and the data groupings 8000 to 8FFF of STORE DATA (8113 keys, 8137 private keys) where they are readable,
    that is without secure messaging on the link, and always in the plain side of a secure channel. In answers to
    AUTHENTICATE: CK, IK and Kc. Reads and updates of the files that keep such keys, on a link.
3.  Secure channels. The plain side of SCP03, SCP80 and SCP81 is a command or response and goes by rule 2. SCP03t's is
    withheld: it carries the profile package, with Ki, OPc, PINs and security domain keys at places that only an
    interpreter of the whole package finds. The answers are kept, they hold status only. The plain side of any
    other layer is withheld as well.
4.  Bearers. Messages of SMS, SCP80, TLS and BIP are kept, they are protected themselves or go by rule 1. Bodies of HTTP
    that are remote scripts are kept with their commands and responses by rule 2; all others, and messages of other
    layers, are withheld.
5.  Fields. Names that say key, PIN, secret, package ... hide all that stands below them, except what describes a
    key (version, identifier, type, length, check value) or is public.

Withheld bytes leave their length. A digest of them is kept only under a salt which the caller draws and does not store:
a segment whose only unknown part is a PIN would otherwise be found by trying all PINs.

Not covered: key material that crosses a link inside secure messaging without encryption and was not registered
(GlobalPlatform encrypts it under a DEK there), and files with secrets of which no specification says so.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, Protocol, TypeAlias, TypeVar

from apdu.aka.authenticate import UmtsAnswer, parse_umts_answer
from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.ota.remote import ResponseTag
from apdu.ota.remote import Tag as ScriptTags
from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    HeaderEvent,
    Json,
    Layer,
    LinkEvent,
    LinkKind,
    Masked,
    Octets,
    Withheld,
)
from apdu.trace.names import HIDDEN, hide, is_secret
from apdu.trace.scripts import is_command_script, parts_of
from apdu.trace.secretfiles import SecretFiles
from apdu.trace.spans import (
    INS_AUTHENTICATE,
    DgiStream,
    Header,
    Span,
    answer_spans,
    find_all,
    header,
    pin_spans,
    put_key_spans,
    rest,
)

__all__ = ["HIDDEN", "UNREDACTED", "Redaction", "Redactor"]

K = TypeVar("K")
V = TypeVar("V")
_Stream: TypeAlias = tuple[str, str, str]
"""Layer, side and reader."""
_MIN_SECRET: Final = 8
_REMEMBERED: Final = 64
"""Session keys of the last AUTHENTICATE commands: more than a trace needs to hide their copies in EF.Keys."""
_DIGEST_LENGTH: Final = 8
_STREAMS: Final = 1024
"""Links, channels and chains that are followed at once; of one that was forgotten everything is hidden."""
_PUBLIC_KINDS: Final = frozenset((LinkKind.ATR, LinkKind.PPS, LinkKind.POWER_OFF))
_OPEN_BEARERS: Final = frozenset((Layer.SMS, Layer.SCP80, Layer.TLS, Layer.BIP))
_OF_COMMANDS: Final = frozenset((Layer.SCP80, Layer.SCP81))
"""Secure channels that carry, among other things, commands and responses."""


class Redaction(Protocol):
    """Turns an event into what may be written."""

    def redact(self, event: AnyEvent) -> AnyEvent:
        """The event as it may be written; called once for each event, in order."""
        ...


class _Unredacted:
    """Lets everything through."""

    __slots__ = ()

    def redact(self, event: AnyEvent) -> AnyEvent:
        """The event itself."""
        return event

    def __repr__(self) -> str:
        return "UNREDACTED"


UNREDACTED: Final[Redaction] = _Unredacted()


class _Origin:
    """The command that responses on a link belong to."""

    __slots__ = ("answered", "command", "secret")

    def __init__(self, command: Header, *, secret: bool = False) -> None:
        self.command = command
        self.secret = secret
        self.answered = False


class _Link:
    """One link: its files that hold secrets, and the command under way; None while that is not known."""

    __slots__ = ("files", "origin")

    def __init__(self) -> None:
        self.files = SecretFiles()
        self.origin: _Origin | None = None


class _Latest(dict[K, V]):
    """The values that were put in last: a trace may name streams and channels without end."""

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self and len(self) >= _STREAMS:
            del self[next(iter(self))]
        super().__setitem__(key, value)


class Redactor:
    """Applies the rules of this module to the events of one trace, in order."""

    __slots__ = ("_chains", "_links", "_salt", "_scripts", "_secrets", "_sessions")

    def __init__(self, *, salt: bytes = b"") -> None:
        self._salt = salt
        self._secrets: set[bytes] = set()
        self._sessions: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._links: _Latest[_Stream, _Link] = _Latest()
        self._chains: _Latest[tuple[str, ...], DgiStream] = _Latest()
        self._scripts: _Latest[str, deque[_Origin]] = _Latest()
        """By side: the commands of the remote script whose responses come next."""

    def register(self, secret: bytes) -> None:
        """Hide this value wherever it occurs; at least 8 bytes. One byte repeated is no secret and is ignored."""
        if len(secret) < _MIN_SECRET:
            raise ValueError(f"a registered secret has at least {_MIN_SECRET} bytes, not {len(secret)}")
        if len(set(secret)) > 1:
            self._secrets.add(bytes(secret))

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} known values)"

    def redact(self, event: AnyEvent) -> AnyEvent:
        """The event without what the rules hide."""
        extra = self._mapping(event.extra) if event.extra else event.extra
        match event:
            case LinkEvent():
                data = self._link(event)
                same = data is event.data and extra is event.extra
                return event if same else replace(event, data=data, extra=extra)
            case ChannelEvent():
                return replace(self._channel(event), extra=extra)
            case BearerEvent():
                data = self._bearer(event)
                name, fields = self._text(event.name), self._mapping(event.fields)
                return replace(event, name=name, data=data, fields=fields, extra=extra)
            case FunctionEvent():
                fields, outcome = self._mapping(event.fields), self._text(event.outcome)
                return replace(event, fields=fields, outcome=outcome, extra=extra)
            case HeaderEvent() | ForeignEvent():
                return replace(event, extra=extra)

    # Links and channels: bytes with a structure

    def _link(self, event: LinkEvent) -> Octets:
        octets = event.data
        stream = (event.layer, event.side, event.reader)
        link = self._links.get(stream)
        if link is None:
            link = self._links[stream] = _Link()
        if event.kind in _PUBLIC_KINDS:
            link.origin = None
            link.files.reset()
            return self._known(octets)
        if isinstance(octets, Withheld):
            link.origin = None
            return octets
        data = octets if isinstance(octets, bytes) else octets.data  # what a trace hides already stays hidden
        if event.kind == LinkKind.COMMAND:
            return self._known(octets, self._link_command(link, stream, data))
        if event.kind == LinkKind.RESPONSE:
            return self._known(octets, self._link_response(link, octets, data))
        return self._withhold(octets)

    def _link_command(self, link: _Link, stream: _Stream, data: bytes) -> list[Span]:
        head = header(data)
        if head is None:
            link.origin = None
            return []
        repeated = head.is_get_response
        if head.secure:  # key material inside is encrypted, under the session's or the domain's key
            secret, spans = False, pin_spans(head, len(data))
        else:
            secret = not repeated and link.files.command(head, data)
            spans = self._command(("link", *stream), head, data)
        if not repeated:
            link.origin = _Origin(head, secret=secret)
        return [*spans, *rest(head.body, len(data))] if secret else spans

    def _link_response(self, link: _Link, octets: Octets, data: bytes) -> list[Span]:
        origin = link.origin
        if origin is None:  # a trace that starts in the middle: the response may be to anything
            return rest(0, len(data) - 2)
        link.files.answer(data[-2] if len(data) > 1 else 0)
        return rest(0, len(data) - 2) if origin.secret else self._answer(origin, data, whole=octets is data)

    def _command(self, stream: tuple[str, ...], head: Header, data: bytes) -> list[Span]:
        if head.puts_keys:
            return put_key_spans(head, len(data))
        if head.stores_data:
            return self._store_data((*stream, str(head.channel)), head, data)
        return pin_spans(head, len(data))

    def _store_data(self, chain: tuple[str, ...], head: Header, data: bytes) -> list[Span]:
        if head.p1 & 0x18 != 0x08:  # not a block of data groupings
            return []
        walk = self._chains.pop(chain, None)
        everything = rest(head.body, len(data))
        if head.p2 == 0:  # a new chain; if the one before ended inside a key, the host may number its blocks wrongly
            spans = everything if walk is not None and walk.inside_secret else []
            walk = DgiStream()
        elif walk is None:  # the start of the chain is not in the trace
            return everything
        else:
            spans = []
        spans += [(head.body + at, size) for at, size in walk.feed(data[head.body : head.end])]
        if not head.p1 & 0x80:
            self._chains[chain] = walk
        return spans

    def _answer(self, origin: _Origin, response: bytes, *, whole: bool = True) -> list[Span]:
        if origin.command.ins != INS_AUTHENTICATE:
            return []
        data = response[:-2]
        spans = answer_spans(origin.command, data, first=not origin.answered)
        if data:
            origin.answered = True
        if spans and whole:
            self._remember(data)
        return spans

    def _remember(self, data: bytes) -> None:
        """Keep the session keys of an answer to AUTHENTICATE as values to hide."""
        try:
            answer = parse_umts_answer(data)
        except DecodeError:
            return
        if isinstance(answer, UmtsAnswer):
            keys = (answer.ck, answer.ik, answer.kc)
            self._sessions.extend(key for key in keys if key is not None and len(set(key)) > 1)

    def _bearer(self, event: BearerEvent) -> Octets:
        if event.layer in _OPEN_BEARERS:
            return self._known(event.data)
        if event.layer != Layer.HTTP or not isinstance(event.data, bytes):
            return self._withhold(event.data)
        try:
            return self._known(event.data, self._script(event.side, event.data) if event.data else ())
        except DecodeError:
            return self._withhold(event.data)

    def _script(self, side: str, script: bytes) -> list[Span]:
        """Rule 2 for the commands of a remote script, or for the responses to those of the one before."""
        parts = parts_of(script)
        if is_command_script(script):
            self._scripts[side] = origins = deque[_Origin]()
        else:
            origins = self._scripts.pop(side, deque())
        spans: list[Span] = []
        for tag, start, end in parts:
            value = script[start:end]
            if tag == ScriptTags.C_APDU:
                head = header(value)
                found = rest(0, len(value)) if head is None else self._command((Layer.HTTP, side), head, value)
                if head is not None:
                    origins.append(_Origin(head))
            elif tag == ResponseTag.R_APDU:
                origin = origins.popleft() if origins else None
                found = rest(0, len(value) - 2) if origin is None else self._answer(origin, value)
            else:
                continue
            spans += [(start + at, size) for at, size in found]
        return spans

    def _channel(self, event: ChannelEvent) -> ChannelEvent:
        if event.layer == Layer.SCP03 or (event.layer in _OF_COMMANDS and _is_command(event.plain)):
            return self._exchange(event)
        answer = self._known(event.response_plain)
        return replace(
            event,
            protected=self._known(event.protected),
            plain=self._withhold(event.plain),
            response_protected=self._known(event.response_protected),
            response_plain=answer if event.layer == Layer.SCP03T else self._withhold(event.response_plain),
        )

    def _exchange(self, event: ChannelEvent) -> ChannelEvent:
        """What is hidden in a plain command is hidden in the protected one too: it may not be encrypted."""
        plain, answer = event.plain, event.response_plain
        spans: list[Span] = []
        answer_hidden: list[Span] = []
        if isinstance(plain, bytes) and (head := header(plain)) is not None:
            spans = self._command((event.layer, event.side, event.target), head, plain)
            if isinstance(answer, bytes):
                answer_hidden = self._answer(_Origin(head), answer)
        return replace(
            event,
            protected=self._known(event.protected, _copies(event.protected, plain, spans)),
            plain=self._known(plain, spans),
            response_protected=self._known(
                event.response_protected, _copies(event.response_protected, answer, answer_hidden)
            ),
            response_plain=self._known(answer, answer_hidden),
        )

    # Values

    def _known(self, octets: Octets, spans: Sequence[Span] = ()) -> Octets:
        """Hide spans and all registered values."""
        if isinstance(octets, Withheld) or not (spans or self._secrets or self._sessions):
            return octets
        data = octets if isinstance(octets, bytes) else octets.data
        found = list(spans) if isinstance(octets, bytes) else [*spans, *octets.spans]
        for secret in (*self._secrets, *self._sessions):
            found.extend(find_all(data, secret))
        return Masked(data, tuple(found)) if found else octets

    def _withhold(self, octets: Octets) -> Octets:
        if isinstance(octets, Withheld) or not len(octets):
            return octets
        digest = b""
        if self._salt and isinstance(octets, bytes):
            digest = sha256(self._salt + octets).digest()[:_DIGEST_LENGTH]
        return Withheld(len(octets), digest)

    # Fields

    def _mapping(self, fields: Mapping[str, Json]) -> Mapping[str, Json]:
        return {name: self._field(name, value) for name, value in fields.items()}

    def _field(self, name: str, value: Json) -> Json:
        if is_secret(name):
            value = hide(name, value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sequence):
            return tuple(self._field("", part) for part in value)
        return value

    def _text(self, text: str) -> str:
        for secret in (*self._secrets, *self._sessions):
            text = re.sub(secret.hex(), HIDDEN, text, flags=re.IGNORECASE)
            shown = secret.rstrip(b"\xff")
            if len(shown) >= _MIN_SECRET and shown.isascii():
                text = text.replace(shown.decode("ascii"), HIDDEN)
        return text


def _is_command(octets: Octets) -> bool:
    """Whether it can be read as a command; what came from afar may be anything else."""
    try:
        return isinstance(octets, bytes) and bool(CommandApdu.parse(octets))
    except DecodeError:
        return False


def _copies(octets: Octets, source: Octets, spans: Sequence[Span]) -> list[Span]:
    """Where the hidden parts of one string stand in another."""
    if not (isinstance(octets, bytes) and isinstance(source, bytes)):
        return []
    hidden = [source[at : at + size] for at, size in spans if size >= _MIN_SECRET]
    return [span for value in hidden for span in find_all(octets, value)]
