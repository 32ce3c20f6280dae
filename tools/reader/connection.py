# SPDX-License-Identifier: Apache-2.0
"""A card in a reader, opened: transmits, resets, traces, and says in one line what went wrong with the hardware.

with open_card(options) as card:
    response = card.send(CommandApdu(0x00, 0xA4, 0x00, 0x04, bytes.fromhex("3F00"), 256))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace import Event, LinkEvent
from apdu.trace.events import LinkKind, Side
from tools.entropy import Source
from tools.errors import ToolError
from tools.reader.channel import CLI_HINTS
from tools.reader.options import ReaderOptions
from tools.reader.show import ApduLines
from tools.reader.sources import PyscardReader, find_reader
from tools.trace.files import spare
from tools.tracefile import TraceFile

__all__ = ["OpenCard", "open_card"]

T = TypeVar("T")

_SALT: Final = 16
_SHARING: Final = 0x8010000B
_UNRESPONSIVE: Final = 0x80100066
_UNPOWERED: Final = 0x80100067
_RESET: Final = 0x80100068
_REMOVED: Final = 0x80100069
_NO_SERVICE: Final = (0x8010001D, 0x8010001E)
_REASONS: Final = {
    _SHARING: "another program uses the card in {name}: end that, or give --pcsc-shared to both",
    _UNRESPONSIVE: "the card in {name} is mute: put it in again, chip first and the right way up",
    _UNPOWERED: "the card in {name} has no power: put it in again",
    _RESET: "another program has reset the card in {name}: run the command again",
    _REMOVED: "the card was pulled out of {name}: put it in again and repeat the command",
    **dict.fromkeys(_NO_SERVICE, "the PC/SC service (pcscd) has stopped: start it again (systemctl start pcscd)"),
}
_WORDS: Final = {"mute": _REASONS[_UNRESPONSIVE], "not connected": _REASONS[_REMOVED]}


class OpenCard:
    """One card that is connected. It is a CardTransport and a CardLink, and observes what others do with it."""

    hints = CLI_HINTS

    def __init__(self, reader: PyscardReader, options: ReaderOptions, source: Source) -> None:
        self._reader = reader
        self._name = str(reader.name)
        self._connection: Any = self._do(reader.createConnection)
        self._options = options
        self._sinks: list[Callable[[Event], None]] = []
        self._hide: list[Callable[[bytes], None]] = []
        self.source = source
        self.atr = b""

    @property
    def reader_name(self) -> str:
        """The reader it is in."""
        return self._name

    @property
    def key_set(self) -> KeySet | None:
        """The keys that were given."""
        given = self._options.keys
        if given is None:
            return None
        return KeySet(self._options.key_version, *(SecretKey(key) for key in (given.enc, given.mac, given.dek)))

    def require_keys(self) -> KeySet:
        """The keys that were given; ToolError when there are none."""
        keys = self.key_set
        if keys is None:
            raise ToolError("this needs the keys of the security domain: give them with -k ENC:MAC:DEK")
        return keys

    def send(self, command: CommandApdu) -> ResponseApdu:
        """One command with its whole response: 61xx and 6Cxx are followed."""
        return exchange(self, command)

    def transmit(self, command: bytes) -> bytes:
        """One command as bytes, nothing followed."""
        self._report(LinkKind.COMMAND, command)
        data, sw1, sw2 = self._do(lambda: self._connection.transmit(list(command)))
        response = bytes(data) + bytes((sw1, sw2))
        self._report(LinkKind.RESPONSE, response)
        return response

    def reset(self) -> bytes:
        """Warm reset; returns the ATR."""
        self._do(lambda: self._connection.reconnect(mode=self._mode()))
        return self._answer_to_reset()

    # --- connecting

    def connect(self) -> None:
        """Power the card on."""
        self._do(lambda: self._connection.connect(mode=self._mode()))
        self._answer_to_reset()

    def reconnect(self) -> bytes:
        """Begin anew with whatever card is in the reader now; returns the ATR."""
        self.disconnect()
        self._connection = self._do(self._reader.createConnection)
        self.connect()
        return self.atr

    def disconnect(self) -> None:
        """Leave the card to others; a card or a service that is gone already is no error."""
        from smartcard.Exceptions import SmartcardException

        for step in (self._connection.disconnect, self._connection.release):
            try:
                step()
            except SmartcardException:
                # pyscard would try again when the object goes, and complain on standard error
                getattr(self._connection, "component", self._connection).hcontext = None

    def _mode(self) -> int:
        from smartcard.scard import SCARD_SHARE_EXCLUSIVE, SCARD_SHARE_SHARED

        return int(SCARD_SHARE_SHARED if self._options.shared else SCARD_SHARE_EXCLUSIVE)

    def _answer_to_reset(self) -> bytes:
        self.atr = bytes(self._do(self._connection.getATR))
        self._report(LinkKind.ATR, self.atr)
        return self.atr

    def _do(self, action: Callable[[], T]) -> T:
        from smartcard.Exceptions import NoCardException, SmartcardException

        try:
            return action()
        except SmartcardException as error:
            known = _REASONS.get(error.hresult & 0xFFFFFFFF)
            if known is None and not error.hresult:  # a reader of this process says it in words
                known = next((text for word, text in _WORDS.items() if word in str(error)), None)
            if known is not None:
                raise ToolError(known.format(name=self._name)) from None
            if isinstance(error, NoCardException):
                raise ToolError(f"there is no card in {self._name}: put one in") from None
            raise ToolError(f"{self._name}: {' '.join(str(error).split())}; is the card still in it?") from None

    # --- trace

    def watch(self, sink: Callable[[Event], None], hide: Callable[[bytes], None]) -> None:
        """Give every event to a sink as well; `hide` is told every secret."""
        self._sinks.append(sink)
        self._hide.append(hide)
        given = self._options.keys
        if given is not None:
            for key in (given.enc, given.mac, given.dek):
                hide(key)

    def keep_secret(self, *secrets: bytes) -> None:
        """Hide these values in traces wherever they occur."""
        for hide in self._hide:
            for secret in secrets:
                hide(secret)

    def event(self, event: Event) -> None:
        """An event of somebody who works with the card."""
        for sink in self._sinks:
            sink(event)

    def internal_error(self, error: BaseException) -> None:
        """A virtual card that failed in itself: nothing that a user could mend is hidden."""
        raise error

    def _report(self, kind: LinkKind, data: bytes) -> None:
        if self._sinks:
            self.event(LinkEvent(time=self.source.clock(), side=Side.READER, kind=kind, data=data))


@contextmanager
def open_card(options: ReaderOptions, lines: ApduLines | None = None) -> Iterator[OpenCard]:
    """Find the reader, connect to its card, trace as asked; at the end the card is left to others.

    `lines` are written to in any case; without them the options say whether there are any.
    """
    source = Source()
    with ExitStack() as stack:
        reader = find_reader(options)
        close = getattr(reader, "close", None)
        if close is not None:
            stack.callback(close)
        card = OpenCard(reader, options, source)
        trace = None
        if options.trace_file is not None:
            spare(options.trace_file)
            trace = stack.enter_context(TraceFile(options.trace_file, source.entropy("trace").draw(_SALT)))
            card.watch(trace.write, trace.register)
        if lines is None and options.apdu_trace:
            lines = ApduLines(source.entropy("lines").draw(_SALT))
        if lines is not None:
            card.watch(lines.write, lines.redactor.register)
        stack.callback(card.disconnect)
        card.connect()
        yield card
        if trace is not None:
            trace.check()
