# SPDX-License-Identifier: Apache-2.0
"""The state of a shell: the card, its logical channels, what is selected on each, and where a reset leaves all that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import M2mError, StatusError
from apdu.files import catalogue
from apdu.keys.secret import KeySet
from apdu.trace import Event, LinkEvent
from apdu.trace.events import LinkKind
from tools.errors import ToolError
from tools.reader.channel import Hints, LogicalChannel
from tools.reader.connection import OpenCard
from tools.reader.content import require_kind
from tools.reader.desk import Desk, open_desk
from tools.reader.domain import SecurityDomain
from tools.reader.files import Application, Files, Place
from tools.reader.options import DOMAINS, ReaderOptions
from tools.shell.route import adf_of, domain_name, domain_of, steps_from

__all__ = ["Session"]

_HINTS: Final = Hints(
    code="verify_chv or verify_adm presents the code",
    keys="establish_scp03 opens a session",
    tree="`dir` shows what is",
    level="--security-level names another",
    version="--key-ver",
)
_MANAGE_CHANNEL: Final = 0x70
_OPEN, _CLOSE = 0x00, 0x80
_BASIC: Final = 0


class _Lane:
    """A logical channel and what is selected on it."""

    def __init__(self, card: OpenCard, number: int) -> None:
        self.access = LogicalChannel(card, number, _HINTS)
        self.files = Files(self.access)
        self.place: Place | None = None
        self.directory: Place | None = None
        self.domain: SecurityDomain | None = None
        self.level = 0

    def enter(self, place: Place, parent: Place | None = None) -> None:
        """Note a file that was selected, and the directory that it lies in."""
        self.place, self.domain = place, None
        self.directory = place if place.fcp.descriptor.is_directory else parent

    def walk(self, steps: list[str]) -> None:
        """Select by steps from the MF, or by one from the directory that is current."""
        here = self.directory
        if here is not None and _is_child(steps, here):
            steps = steps[-1:]
        else:
            here = self.files.root()
        parent = place = here
        for step in steps:
            parent, place = place, self.files.step(place, step)
        self.enter(place, parent)

    def back(self) -> None:
        """Select again what was selected, after the card did something else."""
        if self.domain is not None:
            self.domain = SecurityDomain(self.access, self.domain.aid, self.domain.keys, self.level or 0x33)
        elif self.place is not None:
            self.place = self.files.go(self.place.path)


def _is_child(steps: list[str], directory: Place) -> bool:
    """Whether one SELECT by identifier gets there."""
    return bool(steps) and steps[:-1] == directory.path.split("/")[1:] and adf_of(steps[-1]) is None


class Session:
    """One card at work."""

    def __init__(self, card: OpenCard, options: ReaderOptions) -> None:
        self.card = card
        self.as_json = options.as_json
        self.key_version = options.key_version
        self.applications: tuple[Application, ...] = ()
        self.isd_ps: tuple[str, ...] = ()
        """AIDs that were listed last; completion offers them."""
        self.present: dict[str, tuple[str, ...]] = {}
        """Names that were found, by the path of their directory."""
        self._keys: dict[bytes, KeySet] = {}
        self._number = _BASIC
        self._lanes = {_BASIC: _Lane(card, _BASIC)}
        card.watch(self._notice, lambda _: None)

    def start(self) -> None:
        """Begin at the MF, where there is one."""
        self.present.clear()
        self.applications = ()
        with suppress(M2mError):  # a list that is refused or cannot be read is missed by completion only
            self.applications = self.files.applications()
        with suppress(ToolError, StatusError):  # no profile is enabled
            self._lane.enter(self.files.root())

    def _notice(self, event: Event) -> None:
        """A reset, whoever caused it, leaves the basic channel with nothing selected."""
        if isinstance(event, LinkEvent) and event.kind == LinkKind.ATR:
            self._number = _BASIC
            self._lanes = {_BASIC: _Lane(self.card, _BASIC)}

    # --- what is selected

    @property
    def _lane(self) -> _Lane:
        return self._lanes[self._number]

    @property
    def files(self) -> Files:
        """The file system as the current channel sees it."""
        return self._lane.files

    @property
    def access(self) -> LogicalChannel:
        """The current channel."""
        return self._lane.access

    @property
    def directory(self) -> Place | None:
        """The directory that is current, if it is known."""
        return self._lane.directory

    @property
    def path(self) -> str:
        """What is selected, in words."""
        lane = self._lane
        if lane.domain is not None:
            return f"{domain_name(lane.domain.aid)}{' SCP03' if lane.domain.keys is not None else ''}"
        return lane.place.path if lane.place is not None else "?"

    @property
    def prompt(self) -> str:
        """Channel and path."""
        return f"euicc ({self._number:02d}:{self.path})> "

    @property
    def place(self) -> Place:
        """The file that is selected; ToolError when none is."""
        place = self._lane.place
        if place is None:
            raise ToolError("no file is selected: select one, for example MF")
        return place

    def file(self, *kinds: str) -> Place:
        """The selected file, which must be of one of those kinds."""
        require_kind(self.place, *kinds)
        return self.place

    @property
    def domain(self) -> SecurityDomain:
        """The security domain that is selected; ToolError when none is."""
        if self._lane.domain is None:
            raise ToolError("no security domain is selected: select one, for example isd-r")
        return self._lane.domain

    @property
    def secured(self) -> bool:
        """Whether an SCP03 session is open."""
        return self._lane.domain is not None and self._lane.domain.keys is not None

    # --- selecting

    def select(self, text: str) -> None:
        """A file by name, identifier or path, or an application by name or AID."""
        lane = self._lane
        aid = domain_of(text)
        adf = None if aid is None else adf_of(aid.hex())
        if aid is not None and adf is None:
            lane.domain, lane.level = SecurityDomain(lane.access, aid), 0
            lane.place = lane.directory = None
        elif aid is not None and adf is not None:
            fcp = lane.files.select_adf(aid)
            if fcp is None:
                raise ToolError(f"the card has no application {text.upper()}")
            lane.enter(Place(f"MF/{catalogue.label(adf)}", adf, fcp))
        else:
            directory = lane.directory.path if lane.directory is not None else "MF"
            self._go(steps_from(text, directory, lane.place.path if lane.place is not None else directory))

    def _go(self, steps: list[str]) -> None:
        lane = self._lane
        try:
            lane.walk(steps)
        except M2mError:
            with suppress(M2mError):  # the first error says what is wrong
                lane.back()
            raise

    def lost(self) -> None:
        """Somebody may have selected something else with a raw command."""
        lane = self._lane
        lane.place = lane.directory = lane.domain = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let something else be selected meanwhile; a reset begins anew."""
        before = self._lane
        try:
            yield
        finally:
            if self._lane is before:
                with suppress(StatusError, ToolError):  # what was selected may be gone
                    before.back()
            else:
                self.start()

    # --- security domains

    def keys(self, aid: bytes) -> KeySet | None:
        """The keys that a session with this domain was opened with, or those of the command line."""
        return self._keys.get(bytes(aid), self.card.key_set)

    def establish(self, keys: KeySet | None, level: int) -> None:
        """Open an SCP03 session with the selected domain."""
        lane, aid = self._lane, self.domain.aid
        chosen = keys or self.keys(aid)
        if chosen is None:
            raise ToolError("give the keys with --key-enc, --key-mac and --key-dek, or start the shell with -k")
        lane.domain, lane.level = SecurityDomain(lane.access, aid), 0
        lane.domain, lane.level = SecurityDomain(lane.access, aid, chosen, level), level
        self._keys[aid] = chosen

    def release(self) -> None:
        """End the session: the domain is selected again."""
        lane = self._lane
        lane.domain, lane.level = SecurityDomain(lane.access, self.domain.aid), 0

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Work with the ISD-R's keys; it takes place on the basic channel."""
        keys = self.keys(DOMAINS["isd-r"])
        if keys is None:
            raise ToolError("this needs the keys of the ISD-R: start the shell with -k, or establish_scp03 there first")
        if self._number != _BASIC:
            raise ToolError("profiles are managed on the basic channel: switch_channel 0")
        with self.aside(), open_desk(self.card, keys) as desk:
            yield desk

    # --- channels, reset

    def open_channel(self, number: int) -> int:
        """MANAGE CHANNEL: open that one, or with 0 one of the card's choice."""
        response = self.access.send(CommandApdu(0x00, _MANAGE_CHANNEL, _OPEN, number, b"", None if number else 1))
        if not response.status.is_success:
            raise StatusError("MANAGE CHANNEL", response.sw)
        opened = number or response.data[0]
        lane = self._lanes[opened] = _Lane(self.card, opened)
        with suppress(ToolError, StatusError):
            lane.enter(lane.files.root())
        return opened

    def close_channel(self, number: int) -> None:
        """MANAGE CHANNEL: close it; the basic channel is current then, if it was that one."""
        response = self._lanes[_BASIC].access.send(CommandApdu(0x00, _MANAGE_CHANNEL, _CLOSE, number))
        if not response.status.is_success and response.sw != SW.CHANNEL_ALREADY_CLOSED:
            raise StatusError("MANAGE CHANNEL", response.sw)
        if self._lanes.pop(number, None) is None or response.sw == SW.CHANNEL_ALREADY_CLOSED:
            raise ToolError(f"channel {number} was not open")
        self._number = _BASIC if self._number == number else self._number

    def switch_channel(self, number: int) -> None:
        """Let commands go to another channel."""
        if number not in self._lanes:
            raise ToolError(f"channel {number} is not open: open_channel {number} opens it")
        self._number = number

    def reset(self) -> bytes:
        """Warm reset; where the card does not take part, begin with it anew."""
        try:
            self.card.reset()
        except ToolError:
            self.card.reconnect()
        self.start()
        return self.card.atr

    def reconnect(self) -> bytes:
        """Begin with whatever card is in the reader now."""
        self.card.reconnect()
        self._keys.clear()
        self.isd_ps = ()
        self.start()
        return self.card.atr
