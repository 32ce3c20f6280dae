# SPDX-License-Identifier: Apache-2.0
"""Commands of GlobalPlatform and SGP.02 in the table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.gp.codes import Ins
from apdu.gp.describe import describe
from apdu.trace.decode.model import Node
from apdu.trace.decode.table import Command, View, register

__all__: list[str] = []

_PLACES: Final = {
    Ins.GET_DATA: (INTERINDUSTRY, PROPRIETARY),
    Ins.GET_DATA_BER: (INTERINDUSTRY,),
}
_SHARED: Final = (Ins.SELECT, Ins.MANAGE_CHANNEL, Ins.GET_RESPONSE)


def _title(view: View) -> str:
    return describe(view.command)


def _nothing(_: View) -> Iterable[Node]:
    return ()


for _ins in Ins:
    if _ins not in _SHARED:
        for _kind in _PLACES.get(_ins, (PROPRIETARY,)):
            register(_kind, _ins, Command(_ins.name.replace("_", " "), _title, _nothing, "GPCS 11"))
