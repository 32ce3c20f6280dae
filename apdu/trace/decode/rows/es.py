# SPDX-License-Identifier: Apache-2.0
"""Functions of SGP.02 as a layer: which application a command is for, and the node that names the function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.ids import ISD_R, Aid
from apdu.trace.decode.model import Node
from apdu.trace.decode.table import View
from apdu.trace.events import Layer

__all__ = ["application", "is_isd_p", "layer_of", "within"]

_CLAUSES: Final = {
    "ES5.CreateISDP": "SGP.02 v4.2 4.1.1.1",
    "ES5.EnableProfile": "SGP.02 v4.2 4.1.1.2",
    "ES5.DisableProfile": "SGP.02 v4.2 4.1.1.3",
    "ES5.DeleteProfile": "SGP.02 v4.2 4.1.1.4",
    "ES5.eUICCCapabilityAudit": "SGP.02 v4.2 4.1.1.5",
    "ES5.MasterDelete": "SGP.02 v4.2 4.1.1.6",
    "ES5.SetFallBackAttribute": "SGP.02 v4.2 4.1.1.7",
    "ES5.EstablishISDRKeySet": "SGP.02 v4.2 4.1.1.8",
    "ES5.FinaliseISDRhandover": "SGP.02 v4.2 4.1.1.9",
    "ES5.UpdateSMSRAddressingParameters": "SGP.02 v4.2 4.1.1.10",
    "ES5.HandleNotificationConfirmation": "SGP.02 v4.2 4.1.1.12",
    "ES6.UpdatePOL1byMNO": "SGP.02 v4.2 4.1.2.1",
    "ES6.UpdateConnectivityParametersByMNO": "SGP.02 v4.2 4.1.2.2",
    "ES8.EstablishISDPKeySet": "SGP.02 v4.2 4.1.3.1",
    "ES8.DownloadAndInstallation": "SGP.02 v4.2 4.1.3.3",
    "ES8.UpdateConnectivityParameters": "SGP.02 v4.2 4.1.3.4",
}
_LAYERS: Final = {"ES5": Layer.ES5.value, "ES6": "es6", "ES8": Layer.ES8.value}
_AUDIT: Final = "ES5.eUICCCapabilityAudit"


def application(view: View) -> bytes:
    """The application that gets the command: the one a secure channel is with, else the one that is selected."""
    protected = view.exchange.protected
    if protected is not None and protected.target:
        try:
            return bytes.fromhex(protected.target)
        except ValueError:
            return b""
    return view.exchange.place.application


def is_isd_p(aid: bytes) -> bool:
    """Whether an AID lies in the range of ISD-Ps."""
    return len(aid) == 16 and Aid(aid).is_isd_p


def layer_of(function: str) -> str:
    """The layer of a function: es5, es6, es8."""
    return _LAYERS[function[:3]]


def within(view: View, function: str, nodes: tuple[Node, ...]) -> Iterator[Node]:
    """The nodes, inside one that names their function; an audit is one only with the ISD-R."""
    if not function or (function == _AUDIT and application(view) != ISD_R):
        yield from nodes
    else:
        yield Node(function, children=nodes, layer=layer_of(function), clause=_CLAUSES[function])
