# SPDX-License-Identifier: Apache-2.0
"""Commands that end in the network: messages, calls, USSD, pages (TS 102 223 and TS 31.111 6.4.10 to 6.4.13)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import GeneralResult, LocationStatus, TerminalProblem
from apdu.cat.commands import LaunchBrowser, SendDtmf, SendShortMessage, SendSs, SendUssd, SetUpCall
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.errors import DecodeError
from apdu.sms.coding import Alphabet, alphabet_of, packed_scheme
from apdu.sms.tpdu import Submit
from emulator.device.answers import Refusal, answer
from emulator.network.network import Network
from emulator.network.sms import SentMessage

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = [
    "launch_browser",
    "pack",
    "send_dtmf",
    "send_short_message",
    "send_ss",
    "send_ussd",
    "set_up_call",
]

_PACKING_REQUIRED: Final = 0x01
_OTHERS_STAY: Final = (0x02, 0x03, 0x04, 0x05)
"""Qualifiers of SET UP CALL that hold other calls or end them (TS 102 223 8.6)."""
_NO_CAUSE: Final = b"\x00"
_BEARER_UNAVAILABLE: Final = b"\x01"
_UNKNOWN_SERVICE: Final = b"\x00"
"""Additional information with a USSD return error: no specific cause (TS 31.111 8.12.5)."""


def _network(device: Device) -> Network:
    """The network, when there is full service."""
    if device.network is None or device.service is not LocationStatus.NORMAL:
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_SERVICE,)))
    return device.network


def _confirm(device: Device, command: ProactiveCommand) -> None:
    if not device.user.confirms(command):
        raise Refusal(GeneralResult.USER_DECLINED)


def pack(submit: Submit) -> Submit:
    """A message whose text is a character a byte, in the packed default alphabet (TS 31.111 6.4.10)."""
    if alphabet_of(submit.dcs) is not Alphabet.DATA:
        return submit
    return replace(submit, dcs=packed_scheme(submit.dcs))


def send_short_message(device: Device, command: SendShortMessage) -> TerminalAnswer:
    """Hand a message to the service centre: packed, numbered, the centre by default that of EF.SMSP."""
    if command.tpdu is None:
        raise Refusal(GeneralResult.VALUES_MISSING)
    _confirm(device, command)
    network = _network(device)
    if network.sms is None:
        raise Refusal(GeneralResult.NETWORK_UNABLE, _NO_CAUSE)
    try:
        submit = Submit.decode(command.tpdu)
    except DecodeError:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD) from None
    if command.details.qualifier & _PACKING_REQUIRED:
        submit = pack(submit)
    numbered = replace(submit, reference=device.next_reference())
    cause = network.sms.submit(SentMessage(numbered.encode(), command.service_centre or device.service_centre))
    if cause is not None:
        raise Refusal(GeneralResult.SMS_RP_ERROR, bytes((cause,)))
    return answer(command)


def set_up_call(device: Device, command: SetUpCall) -> TerminalAnswer:
    """Call a number. Another call goes on hold, or ends, where the qualifier says so."""
    _confirm(device, command)
    if device.call is not None and command.details.qualifier not in _OTHERS_STAY:
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.BUSY_ON_CALL,)))
    _network(device)
    device.call = command.address
    return answer(command)


def send_dtmf(device: Device, command: SendDtmf) -> TerminalAnswer:
    """Tones in a call."""
    if device.call is None:
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NOT_IN_SPEECH_CALL,)))
    return answer(command)


def send_ss(device: Device, command: SendSs) -> TerminalAnswer:
    """A supplementary service's control string."""
    _confirm(device, command)
    _network(device)
    return answer(command)


def send_ussd(device: Device, command: SendUssd) -> TerminalAnswer:
    """A USSD string; the answer brings the network's text."""
    if not command.ussd:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    _confirm(device, command)
    network = _network(device)
    try:
        reply = network.ussd(command.ussd)
    except DecodeError:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD) from None
    if reply is None:
        raise Refusal(GeneralResult.USSD_ERROR, _UNKNOWN_SERVICE)
    return replace(answer(command), texts=(reply,))


def launch_browser(device: Device, command: LaunchBrowser) -> TerminalAnswer:
    """Open a page, as far as there is a bearer for it."""
    _confirm(device, command)
    if device.network is None or device.service is not LocationStatus.NORMAL:
        raise Refusal(GeneralResult.LAUNCH_BROWSER_ERROR, _BEARER_UNAVAILABLE)
    return answer(command)
