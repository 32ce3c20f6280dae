# SPDX-License-Identifier: Apache-2.0
"""Commands that end at a person: texts, keys, menus, tones (TS 102 223 6.4.1 to 6.4.9, 6.4.22, 6.4.26)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import GeneralResult, TerminalProblem
from apdu.cat.commands import (
    DisplayText,
    GetInkey,
    GetInput,
    LanguageNotification,
    PlayTone,
    SelectItem,
    SetUpIdleModeText,
    SetUpMenu,
)
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.values import TextString
from apdu.errors import DecodeError, EncodeError
from emulator.device.answers import Refusal, answer

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = [
    "User",
    "display_text",
    "get_inkey",
    "get_input",
    "language_notification",
    "play_tone",
    "select_item",
    "set_up_idle_mode_text",
    "set_up_menu",
]

_ALPHABET, _UCS2, _YES_NO, _PACKED = 0x01, 0x02, 0x04, 0x08
"""Bits of the qualifiers of GET INKEY and GET INPUT (TS 102 223 8.6)."""
_PLAIN, _UCS2_TEXT = 0x04, 0x08


class User:
    """Who sits before the device: reads everything, says yes, takes the first. Subclasses do otherwise."""

    def confirms(self, command: ProactiveCommand) -> bool:
        """Whether a call, message or page is all right."""
        return True

    def clears(self, command: DisplayText) -> bool:
        """Whether a text is read in time."""
        return True

    def agrees(self, command: GetInkey) -> bool:
        """The answer to a question of yes or no."""
        return True

    def key(self, command: GetInkey) -> str | None:
        """One character; None: no key is pressed."""
        return "1"

    def text(self, command: GetInput) -> str | None:
        """A text: the one that is suggested, or as many digits as there must be."""
        if command.default is not None and command.default.raw:
            return command.default.text
        return "1234567890"[: max(command.length.minimum, 1)].ljust(command.length.minimum, "0")

    def item(self, command: SelectItem) -> int | None:
        """The number of an item."""
        return command.default if command.default else command.items[0].identifier


_NOBODY: Final = GeneralResult.NO_RESPONSE_FROM_USER


def _readable(text: TextString) -> None:
    try:
        text.text  # noqa: B018  # reading it is the test
    except DecodeError:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD) from None


def display_text(device: Device, command: DisplayText) -> TerminalAnswer:
    """Show a text; a null text with an icon says nothing. Normal priority gives way to a busy screen."""
    _readable(command.text)
    if not command.text.raw:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    if device.screen_busy and not command.details.qualifier & 0x01:
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.SCREEN_BUSY,)))
    waits = command.details.qualifier & 0x80 and not command.immediate
    if waits and not device.user.clears(command):
        raise Refusal(_NOBODY)
    return answer(command)


def get_inkey(device: Device, command: GetInkey) -> TerminalAnswer:
    """One key, or yes or no."""
    _readable(command.text)
    qualifier = command.details.qualifier
    if qualifier & _YES_NO:
        said = TextString(_PLAIN, b"\x01" if device.user.agrees(command) else b"\x00")
        return replace(answer(command), texts=(said,))
    key = device.user.key(command)
    if key is None or len(key) != 1:
        raise Refusal(_NOBODY)
    ucs2 = qualifier & _ALPHABET and qualifier & _UCS2
    return replace(answer(command), texts=(_typed(key, _UCS2_TEXT if ucs2 else _PLAIN),))


def get_input(device: Device, command: GetInput) -> TerminalAnswer:
    """A text of the length that the card wants."""
    _readable(command.text)
    if command.default is not None:
        _readable(command.default)
    if command.length.minimum > command.length.maximum:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    text = device.user.text(command)
    if text is None or not command.length.minimum <= len(text) <= command.length.maximum:
        raise Refusal(_NOBODY)
    qualifier = command.details.qualifier
    if qualifier & _ALPHABET and qualifier & _UCS2:
        scheme = _UCS2_TEXT
    else:
        scheme = 0x00 if qualifier & _PACKED else _PLAIN
    return replace(answer(command), texts=(_typed(text, scheme),))


def _typed(text: str, scheme: int) -> TextString:
    try:
        return TextString.of(text, scheme)
    except EncodeError:  # nobody can type what the alphabet asked for has not
        raise Refusal(_NOBODY) from None


def play_tone(device: Device, command: PlayTone) -> TerminalAnswer:
    """The tone is heard by whoever follows the log."""
    return answer(command)


def set_up_menu(device: Device, command: SetUpMenu) -> TerminalAnswer:
    """Take the card's lines into the menu, or out of it."""
    if not command.items:
        raise Refusal(GeneralResult.VALUES_MISSING)
    device.menu = () if command.items[0].identifier == 0 else command.items
    return answer(command)


def select_item(device: Device, command: SelectItem) -> TerminalAnswer:
    """A choice among items."""
    if not command.items:
        raise Refusal(GeneralResult.VALUES_MISSING)
    chosen = device.user.item(command)
    if chosen not in {item.identifier for item in command.items}:
        raise Refusal(_NOBODY)
    return replace(answer(command), item=chosen)


def set_up_idle_mode_text(device: Device, command: SetUpIdleModeText) -> TerminalAnswer:
    """The text of the idle screen."""
    _readable(command.text)
    device.idle_text = command.text.text
    return answer(command)


def language_notification(device: Device, command: LanguageNotification) -> TerminalAnswer:
    """The language of the card's texts; qualifier 00 names none."""
    if command.details.qualifier & 0x01 and command.language is None:
        raise Refusal(GeneralResult.VALUES_MISSING)
    return answer(command)
