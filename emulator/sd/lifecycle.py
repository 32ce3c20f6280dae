# SPDX-License-Identifier: Apache-2.0
"""The life cycle of an ISD-P, as a table (SGP.02 v4.2 2.2.1.3 and 3.1 to 3.7).

Everything about states of an ISD-P stands here; who may cause an event, and what POL1 says to it, stands with the
functions. An event that a state does not list is refused with 6985 and changes nothing.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Final

from apdu.command.status import SW
from apdu.gp.codes import LifeCycle
from emulator.errors import CardError

__all__ = ["ISD_P", "Event", "next_state"]


@unique
class Event(Enum):
    """What happens to an ISD-P."""

    ESTABLISH_KEY_SET = "EstablishISDPKeySet"
    BEGIN_DOWNLOAD = "SCP03t INITIALIZE UPDATE"
    INSTALL_PROFILE = "PE-End"
    ENABLE = "EnableProfile"
    DISABLE = "DisableProfile"
    DELETE = "DeleteProfile"


_S = LifeCycle
ISD_P: Final[dict[LifeCycle, dict[Event, LifeCycle | None]]] = {
    _S.SELECTABLE: {Event.ESTABLISH_KEY_SET: _S.PERSONALIZED, Event.DELETE: None},
    _S.PERSONALIZED: {
        Event.ESTABLISH_KEY_SET: _S.PERSONALIZED,  # the receipt was lost: the SM-DP asks again
        Event.BEGIN_DOWNLOAD: _S.PERSONALIZED,
        Event.INSTALL_PROFILE: _S.DISABLED,
        Event.DELETE: None,
    },
    _S.DISABLED: {Event.ENABLE: _S.ENABLED, Event.DELETE: None},
    _S.ENABLED: {Event.DISABLE: _S.DISABLED},
}
"""State, event, next state; None is the end of the ISD-P."""


def next_state(state: LifeCycle, event: Event) -> LifeCycle | None:
    """The state after an event, None when the ISD-P ceases to exist; CardError 6985 where the event is not allowed."""
    try:
        return ISD_P[state][event]
    except KeyError:
        raise CardError(SW.CONDITIONS_OF_USE) from None
