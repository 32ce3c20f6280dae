# SPDX-License-Identifier: Apache-2.0
"""Type of command, or tag of envelope, to the class that reads it."""

from __future__ import annotations

from typing import Final

from apdu.cat import bip, commands, envelope
from apdu.cat.codes import CommandType, EnvelopeTag
from apdu.cat.comprehension import Comprehension
from apdu.cat.proactive import ProactiveCommand, Refresh
from apdu.errors import DecodeError
from apdu.tlv.scan import split

__all__ = ["COMMANDS", "ENVELOPES", "command_name", "read_command", "read_envelope"]

COMMANDS: Final[dict[int, type[ProactiveCommand]]] = {
    CommandType.REFRESH: Refresh,
    CommandType.MORE_TIME: commands.MoreTime,
    CommandType.POLL_INTERVAL: commands.PollInterval,
    CommandType.POLLING_OFF: commands.PollingOff,
    CommandType.SET_UP_EVENT_LIST: commands.SetUpEventList,
    CommandType.SET_UP_CALL: commands.SetUpCall,
    CommandType.SEND_SS: commands.SendSs,
    CommandType.SEND_USSD: commands.SendUssd,
    CommandType.SEND_SHORT_MESSAGE: commands.SendShortMessage,
    CommandType.SEND_DTMF: commands.SendDtmf,
    CommandType.LAUNCH_BROWSER: commands.LaunchBrowser,
    CommandType.GEOGRAPHICAL_LOCATION_REQUEST: commands.GeographicalLocationRequest,
    CommandType.PLAY_TONE: commands.PlayTone,
    CommandType.DISPLAY_TEXT: commands.DisplayText,
    CommandType.GET_INKEY: commands.GetInkey,
    CommandType.GET_INPUT: commands.GetInput,
    CommandType.SELECT_ITEM: commands.SelectItem,
    CommandType.SET_UP_MENU: commands.SetUpMenu,
    CommandType.PROVIDE_LOCAL_INFORMATION: commands.ProvideLocalInformation,
    CommandType.TIMER_MANAGEMENT: commands.TimerManagement,
    CommandType.SET_UP_IDLE_MODE_TEXT: commands.SetUpIdleModeText,
    CommandType.PERFORM_CARD_APDU: commands.CardCommand,
    CommandType.POWER_ON_CARD: commands.CardCommand,
    CommandType.POWER_OFF_CARD: commands.CardCommand,
    CommandType.GET_READER_STATUS: commands.CardCommand,
    CommandType.RUN_AT_COMMAND: commands.RunAtCommand,
    CommandType.LANGUAGE_NOTIFICATION: commands.LanguageNotification,
    CommandType.OPEN_CHANNEL: bip.OpenChannel,
    CommandType.CLOSE_CHANNEL: bip.CloseChannel,
    CommandType.RECEIVE_DATA: bip.ReceiveData,
    CommandType.SEND_DATA: bip.SendData,
    CommandType.GET_CHANNEL_STATUS: bip.GetChannelStatus,
    CommandType.SERVICE_SEARCH: bip.ServiceSearch,
    CommandType.GET_SERVICE_INFORMATION: bip.GetServiceInformation,
    CommandType.DECLARE_SERVICE: bip.DeclareService,
    CommandType.SET_FRAMES: commands.SetFrames,
    CommandType.GET_FRAMES_STATUS: ProactiveCommand,
    CommandType.RETRIEVE_MULTIMEDIA_MESSAGE: commands.MultimediaMessage,
    CommandType.SUBMIT_MULTIMEDIA_MESSAGE: commands.MultimediaMessage,
    CommandType.DISPLAY_MULTIMEDIA_MESSAGE: commands.MultimediaMessage,
    CommandType.ACTIVATE: commands.Activate,
    CommandType.CONTACTLESS_STATE_CHANGED: commands.ContactlessStateChanged,
    CommandType.COMMAND_CONTAINER: ProactiveCommand,
    CommandType.ENCAPSULATED_SESSION_CONTROL: ProactiveCommand,
}

ENVELOPES: Final[dict[int, type[Comprehension]]] = {
    EnvelopeTag.SMS_PP_DOWNLOAD: envelope.SmsPpDownload,
    EnvelopeTag.CELL_BROADCAST_DOWNLOAD: envelope.CellBroadcastDownload,
    EnvelopeTag.MENU_SELECTION: envelope.MenuSelection,
    EnvelopeTag.CALL_CONTROL: envelope.CallControl,
    EnvelopeTag.MO_SMS_CONTROL: envelope.MoSmsControl,
    EnvelopeTag.EVENT_DOWNLOAD: envelope.EventDownload,
    EnvelopeTag.TIMER_EXPIRATION: envelope.TimerExpiration,
    EnvelopeTag.USSD_DOWNLOAD: envelope.UssdDownload,
}


def command_name(type: int) -> str:
    """The standard's name of a type of command."""
    try:
        return CommandType(type).name.replace("_", " ")
    except ValueError:
        return f"command {type:02X}"


def read_command(raw: bytes) -> ProactiveCommand:
    """Read a proactive command, tag D0 included, into the class of its type; DecodeError where that does not fit."""
    objects = ProactiveCommand.objects(raw)
    common = ProactiveCommand.from_objects(objects)
    return COMMANDS.get(common.details.type, ProactiveCommand).from_objects(objects)


def read_envelope(raw: bytes) -> Comprehension:
    """Read the data of an ENVELOPE command; DecodeError for a kind that is not known."""
    objects = split(raw)
    found = ENVELOPES.get(objects[0].tag) if len(objects) == 1 else None
    if found is None:
        raise DecodeError("an envelope is one object with a tag from D1 to D9")
    return found.from_tlv(raw)
