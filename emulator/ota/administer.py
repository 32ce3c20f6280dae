# SPDX-License-Identifier: Apache-2.0
"""A script that came over HTTPS: whether it may be carried out, for whom, and its answer (GP Amendment B 4.4, 4.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from apdu.errors import DecodeError
from apdu.ids import ECASD, ISD_R, Aid
from apdu.ota.admin import (
    COMMAND_TYPES,
    PROTOCOL,
    PROTOCOL_VALUE,
    TARGETED,
    ScriptStatus,
    parse_targeted,
)
from apdu.ota.remote import BadFormat, ResponseItem, ResponseTag, ScriptTag, build_response_script
from emulator.channels import Authority
from emulator.ota.https import Response
from emulator.ota.targets import Addressed
from emulator.sd.isdp import IsdP
from emulator.sd.isdr import IsdR

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["Answer", "carry_out", "is_text"]

_SCRIPTS: Final = (ScriptTag.COMMANDS, ScriptTag.COMMANDS_INDEFINITE)
_NO_SCRIPT: Final = build_response_script(
    0, (ResponseItem(ResponseTag.BAD_FORMAT, bytes((BadFormat.UNKNOWN_TAG,))),), indefinite=True
)
_TEXT: Final = re.compile(r"[\x21-\x7e]+")


class Answer(NamedTuple):
    """What is posted for a script; without a body where it was not carried out."""

    status: ScriptStatus
    content_type: str = ""
    body: bytes | None = None


def is_text(text: str) -> bool:
    """Whether a text may stand in a request line."""
    return _TEXT.fullmatch(text) is not None


def carry_out(card: Card, authority: Authority, response: Response) -> Answer:
    """Carry out the script of a response in the name of the connection's key set."""
    if response.headers.get(PROTOCOL.lower()) != PROTOCOL_VALUE:
        return Answer(ScriptStatus.SECURITY_ERROR)
    kind = "".join(response.headers.get("content-type", "").split()).lower()
    answered = COMMAND_TYPES.get(kind, "")
    if response.body and not answered:
        return Answer(ScriptStatus.SECURITY_ERROR)
    target = _target(card, authority, response.headers.get(TARGETED.lower()))
    if isinstance(target, ScriptStatus):
        return Answer(target)
    content_type = answered or next(iter(COMMAND_TYPES.values()))
    if not response.body:
        return Answer(ScriptStatus.OK, content_type, b"")
    if response.body[0] not in _SCRIPTS:
        return Answer(ScriptStatus.OK, content_type, _NO_SCRIPT)
    return Answer(ScriptStatus.OK, content_type, card.ota.scripts.run(target, response.body))


def _target(card: Card, authority: Authority, name: str | None) -> Addressed | ScriptStatus:
    """Who is addressed; why nobody is.

    The SM-SR's session reaches the ISD-R and ISD-Ps. ECASD and an operator's domains are there, but not for it.
    """
    try:
        aid = ISD_R if name is None else parse_targeted(name)
    except DecodeError:
        return ScriptStatus.UNKNOWN_APPLICATION
    if aid == ISD_R:
        return Addressed(IsdR(card), authority)
    if card.registry.find(aid) is not None:
        return Addressed(IsdP(card, aid), None)
    return _elsewhere(card, aid)


def _elsewhere(card: Card, aid: Aid) -> ScriptStatus:
    """What a script is answered that is for neither ISD-R nor ISD-P."""
    profile = card.profile
    if aid == ECASD:
        return ScriptStatus.SECURITY_ERROR
    if profile is None:
        return ScriptStatus.UNKNOWN_APPLICATION
    record = profile.application(aid)
    if record is not None:
        return ScriptStatus.SECURITY_ERROR if record.is_domain else ScriptStatus.NOT_A_SECURITY_DOMAIN
    known = any(adf.aid == aid for adf in profile.files.base.adfs)
    return ScriptStatus.NOT_A_SECURITY_DOMAIN if known else ScriptStatus.UNKNOWN_APPLICATION
