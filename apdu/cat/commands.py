# SPDX-License-Identifier: Apache-2.0
"""Every proactive command, one class each (TS 102 223 6.6, TS 31.111 6.6); commands of BIP are in `apdu.cat.bip`.

`read_command` reads any of them into its class. A command whose type has no class is read as a ProactiveCommand.
"""

from __future__ import annotations

from dataclasses import dataclass

from apdu.cat.bip import ACCESS_NAME
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.tags import CatTag
from apdu.cat.values import (
    ADDRESS,
    ALPHA,
    DURATION,
    ITEM,
    RESPONSE_LENGTH,
    TEXT_STRING,
    TIMER_VALUE,
    Alpha,
    Duration,
    Item,
    ResponseLength,
    TextString,
)
from apdu.sms.address import Address
from apdu.tlv.declare import BYTE, FLAG, RAW, tlv

__all__ = [
    "Activate",
    "CardCommand",
    "ContactlessStateChanged",
    "DisplayText",
    "GeographicalLocationRequest",
    "GetInkey",
    "GetInput",
    "LanguageNotification",
    "LaunchBrowser",
    "MoreTime",
    "MultimediaMessage",
    "PlayTone",
    "PollInterval",
    "PollingOff",
    "ProvideLocalInformation",
    "RunAtCommand",
    "SelectItem",
    "SendDtmf",
    "SendShortMessage",
    "SendSs",
    "SendUssd",
    "SetFrames",
    "SetUpCall",
    "SetUpEventList",
    "SetUpIdleModeText",
    "SetUpMenu",
    "Shown",
    "TimerManagement",
]


@dataclass(frozen=True, kw_only=True)
class MoreTime(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.4"):
    """The card needs more time for what the terminal asked."""


@dataclass(frozen=True, kw_only=True)
class PollInterval(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.6"):
    """How often the terminal should send STATUS."""

    duration: Duration = tlv(CatTag.DURATION, DURATION)


@dataclass(frozen=True, kw_only=True)
class PollingOff(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.14"):
    """No STATUS is needed any more."""


@dataclass(frozen=True, kw_only=True)
class ProvideLocalInformation(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.15"):
    """The qualifier says what the card wants to know."""

    measurement: int | None = tlv(CatTag.MEASUREMENT_QUALIFIER, BYTE, optional=True)


@dataclass(frozen=True, kw_only=True)
class SetUpEventList(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.16"):
    """The events that the card wants to hear of from now on; none ends all."""

    events: bytes = tlv(CatTag.EVENT_LIST, RAW)


@dataclass(frozen=True, kw_only=True)
class TimerManagement(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.21"):
    """Start, stop or read one of the terminal's timers."""

    timer: int = tlv(CatTag.TIMER_IDENTIFIER, BYTE)
    seconds: int | None = tlv(CatTag.TIMER_VALUE, TIMER_VALUE, optional=True)


@dataclass(frozen=True, kw_only=True)
class LanguageNotification(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.25"):
    """The language of the card's texts; none goes back to the terminal's own."""

    language: bytes | None = tlv(CatTag.LANGUAGE, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class Activate(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.40"):
    """Switch an interface of the card on."""

    target: bytes = tlv(CatTag.ACTIVATE_DESCRIPTOR, RAW)


@dataclass(frozen=True, kw_only=True)
class ContactlessStateChanged(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.41"):
    """Contactless was switched on or off."""

    state: bytes = tlv(CatTag.CONTACTLESS_FUNCTIONALITY_STATE, RAW)


@dataclass(frozen=True, kw_only=True)
class CardCommand(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.17"):
    """PERFORM CARD APDU, POWER ON CARD, POWER OFF CARD, GET READER STATUS: for a card in another reader."""

    c_apdu: bytes | None = tlv(CatTag.C_APDU, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class GeographicalLocationRequest(ProactiveCommand, tag=0xD0, clause="TS 31.111 6.6.36"):
    """Where the terminal is."""

    parameters: bytes = tlv(CatTag.GEOGRAPHICAL_LOCATION_PARAMETERS, RAW)


@dataclass(frozen=True, kw_only=True)
class Shown(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6"):
    """What commands share that may show something: icon, attributes of the text, frame."""

    icon: bytes | None = tlv(CatTag.ICON_IDENTIFIER, RAW, optional=True)
    text_attribute: bytes | None = tlv(CatTag.TEXT_ATTRIBUTE, RAW, optional=True)
    frame: bytes | None = tlv(CatTag.FRAME_IDENTIFIER, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class DisplayText(Shown, tag=0xD0, clause="TS 102 223 6.6.1"):
    """Show a text."""

    text: TextString = tlv(CatTag.TEXT_STRING, TEXT_STRING)
    immediate: bool = tlv(CatTag.IMMEDIATE_RESPONSE, FLAG, optional=True, default=False)
    """Answer at once and let the text stand."""
    duration: Duration | None = tlv(CatTag.DURATION, DURATION, optional=True)


@dataclass(frozen=True, kw_only=True)
class GetInkey(Shown, tag=0xD0, clause="TS 102 223 6.6.2"):
    """Ask for one character."""

    text: TextString = tlv(CatTag.TEXT_STRING, TEXT_STRING)
    duration: Duration | None = tlv(CatTag.DURATION, DURATION, optional=True)


@dataclass(frozen=True, kw_only=True)
class GetInput(Shown, tag=0xD0, clause="TS 102 223 6.6.3"):
    """Ask for a text."""

    text: TextString = tlv(CatTag.TEXT_STRING, TEXT_STRING)
    length: ResponseLength = tlv(CatTag.RESPONSE_LENGTH, RESPONSE_LENGTH)
    default: TextString | None = tlv(CatTag.DEFAULT_TEXT, TEXT_STRING, optional=True)
    duration: Duration | None = tlv(CatTag.DURATION, DURATION, optional=True)


@dataclass(frozen=True, kw_only=True)
class PlayTone(Shown, tag=0xD0, clause="TS 102 223 6.6.5"):
    """Play a tone; without one a general beep."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    tone: int | None = tlv(CatTag.TONE, BYTE, optional=True)
    duration: Duration | None = tlv(CatTag.DURATION, DURATION, optional=True)


@dataclass(frozen=True, kw_only=True)
class SetUpMenu(Shown, tag=0xD0, clause="TS 102 223 6.6.7"):
    """The card's lines in the terminal's menu; one null item takes them away."""

    alpha: Alpha = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA)
    items: tuple[Item, ...] = tlv(CatTag.ITEM, ITEM, many=True)
    next_actions: bytes | None = tlv(CatTag.ITEMS_NEXT_ACTION_INDICATOR, RAW, optional=True)
    item_icons: bytes | None = tlv(CatTag.ITEM_ICON_IDENTIFIER_LIST, RAW, optional=True)
    item_attributes: bytes | None = tlv(CatTag.ITEM_TEXT_ATTRIBUTE_LIST, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class SelectItem(Shown, tag=0xD0, clause="TS 102 223 6.6.8"):
    """Let the user choose."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    items: tuple[Item, ...] = tlv(CatTag.ITEM, ITEM, many=True)
    next_actions: bytes | None = tlv(CatTag.ITEMS_NEXT_ACTION_INDICATOR, RAW, optional=True)
    default: int | None = tlv(CatTag.ITEM_IDENTIFIER, BYTE, optional=True)
    item_icons: bytes | None = tlv(CatTag.ITEM_ICON_IDENTIFIER_LIST, RAW, optional=True)
    item_attributes: bytes | None = tlv(CatTag.ITEM_TEXT_ATTRIBUTE_LIST, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class SetUpIdleModeText(Shown, tag=0xD0, clause="TS 102 223 6.6.22"):
    """The text of the idle screen; the null text takes it away."""

    text: TextString = tlv(CatTag.TEXT_STRING, TEXT_STRING)


@dataclass(frozen=True, kw_only=True)
class SendShortMessage(Shown, tag=0xD0, clause="TS 102 223 6.6.9"):
    """Send an SMS-SUBMIT or SMS-COMMAND; qualifier bit 1: the terminal packs its text."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    service_centre: Address | None = tlv(CatTag.ADDRESS, ADDRESS, optional=True)
    tpdu: bytes | None = tlv(CatTag.SMS_TPDU, RAW, optional=True)
    cdma_tpdu: bytes | None = tlv(CatTag.CDMA_SMS_TPDU, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class SendSs(Shown, tag=0xD0, clause="TS 31.111 6.6.10"):
    """Send a supplementary service control string."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    ss: Address = tlv(CatTag.SS_STRING, ADDRESS)


@dataclass(frozen=True, kw_only=True)
class SendUssd(Shown, tag=0xD0, clause="TS 31.111 6.6.11"):
    """Send a USSD string."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    ussd: bytes = tlv(CatTag.USSD_STRING, RAW)
    """A data coding scheme of cell broadcast (TS 23.038 5), then the text."""


@dataclass(frozen=True, kw_only=True)
class SendDtmf(Shown, tag=0xD0, clause="TS 102 223 6.6.24"):
    """Send tones in a call."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    dtmf: bytes = tlv(CatTag.DTMF_STRING, RAW)


@dataclass(frozen=True, kw_only=True)
class SetUpCall(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.12"):
    """Call a number; the first alpha identifier is for the question to the user, the second for the call."""

    alphas: tuple[Alpha, ...] = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, many=True)
    address: Address = tlv(CatTag.ADDRESS, ADDRESS)
    capability: bytes | None = tlv(CatTag.CAPABILITY_CONFIGURATION, RAW, optional=True)
    subaddress: bytes | None = tlv(CatTag.SUBADDRESS, RAW, optional=True)
    duration: Duration | None = tlv(CatTag.DURATION, DURATION, optional=True)
    icons: tuple[bytes, ...] = tlv(CatTag.ICON_IDENTIFIER, RAW, many=True)
    text_attributes: tuple[bytes, ...] = tlv(CatTag.TEXT_ATTRIBUTE, RAW, many=True)
    frame: bytes | None = tlv(CatTag.FRAME_IDENTIFIER, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class LaunchBrowser(Shown, tag=0xD0, clause="TS 102 223 6.6.26"):
    """Open a page."""

    browser: bytes | None = tlv(CatTag.BROWSER_IDENTITY, RAW, optional=True)
    url: bytes = tlv(CatTag.URL, RAW)
    """Empty: the terminal's own page."""
    bearer: bytes | None = tlv(CatTag.BEARER, RAW, optional=True)
    provisioning_files: tuple[bytes, ...] = tlv(CatTag.PROVISIONING_REFERENCE_FILE, RAW, many=True)
    texts: tuple[TextString, ...] = tlv(CatTag.TEXT_STRING, TEXT_STRING, many=True)
    """Gateway, user name, password."""
    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    access_name: str | None = tlv(CatTag.NETWORK_ACCESS_NAME, ACCESS_NAME, optional=True)


@dataclass(frozen=True, kw_only=True)
class RunAtCommand(Shown, tag=0xD0, clause="TS 102 223 6.6.23"):
    """Let the terminal run an AT command."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    at_command: bytes = tlv(CatTag.AT_COMMAND, RAW)


@dataclass(frozen=True, kw_only=True)
class SetFrames(Shown, tag=0xD0, clause="TS 102 223 6.6.35"):
    """Divide the screen."""

    layout: bytes | None = tlv(CatTag.FRAME_LAYOUT, RAW, optional=True)


@dataclass(frozen=True, kw_only=True)
class MultimediaMessage(Shown, tag=0xD0, clause="TS 102 223 6.6.37"):
    """RETRIEVE, SUBMIT and DISPLAY MULTIMEDIA MESSAGE."""

    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    reference: bytes | None = tlv(CatTag.MULTIMEDIA_MESSAGE_REFERENCE, RAW, optional=True)
    files: bytes | None = tlv(CatTag.FILE_LIST, RAW, optional=True)
    content: bytes | None = tlv(CatTag.MULTIMEDIA_MESSAGE_CONTENT_IDENTIFIER, RAW, optional=True)
    identifiers: bytes | None = tlv(CatTag.MULTIMEDIA_MESSAGE_IDENTIFIER, RAW, optional=True)
    immediate: bool = tlv(CatTag.IMMEDIATE_RESPONSE, FLAG, optional=True, default=False)
