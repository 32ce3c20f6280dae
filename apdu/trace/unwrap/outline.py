# SPDX-License-Identifier: Apache-2.0
"""A profile element as JSON without its secrets: for traces, which must not hold keys, PINs or private file contents.

What is left out is decided by type: components declared `secret`, and the contents of every file that is not in the
list below. Their lengths stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, Final

from apdu.profile.compound import Sequence
from apdu.profile.elements.element import ProfileElement
from apdu.profile.elements.files import DoNotCreate, Fcp, FilePath
from apdu.profile.elements.other import UnknownElement
from apdu.profile.elements.template import TemplateElement
from apdu.tlv.scan import Tlv
from apdu.trace.events import Json

__all__ = ["OPEN_FILES", "outline"]

_OPEN_FILES: Final = """
    ef-pl ef-iccid ef-dir ef-arr ef-arr-usim ef-umpc ef-imsi ef-hpplmn ef-ust ef-spn ef-est ef-acc ef-fplmn ef-ad
    ef-ecc ef-netpar ef-li ef-gid1 ef-gid2 ef-plmnwact ef-oplmnwact ef-hplmnwact ef-pnn ef-opl ef-spdi ef-ehplmn
    ef-ehplmnpi ef-lrplmnsi ef-spni ef-pnni ef-threshold ef-start-hfn ef-loci ef-psloci ef-epsloci ef-5gs3gpploci
    ef-5gsn3gpploci ef-uac-aic ef-opl5g ef-routing-indicator ef-impi ef-impu ef-domain ef-ist ef-nasconfig
"""
OPEN_FILES: Final = frozenset(_OPEN_FILES.split())
"""Files whose contents are shown: identity of card and subscriber, networks, services. None holds a key."""
_HEADERS: Final = ("-header", "-Header")
_RENAMED: Final = {"pinCodes": "codes", "pukCodes": "codes", "pinAttributes": "attributes", "pinconfig": "list"}
"""Names that say PIN where none is, which the redaction by names would hide."""
_CLOSED: Final = frozenset(("loadBlockObject", "content", "applicationSpecificParametersC9"))
"""Bytes of which nothing says what they are: code, contents of an issuer's own, parameters of applets."""
_TRIES: Final = "maxNumOfAttemps-retryNumLeft"


def outline(element: ProfileElement) -> Mapping[str, Json]:
    """The fields of an element."""
    if isinstance(element, UnknownElement):
        return {"tag": f"{element.tag:X}", "length": len(element.value)}
    if isinstance(element, TemplateElement):
        files = {name: _file(content, name in OPEN_FILES) for name, content in element.files.items()}
        return {"header": _value(element.header), "template": str(element.template), "files": files}
    content = _value(element)
    assert isinstance(content, Mapping)
    return content


def _value(value: Any) -> Json:
    if isinstance(value, Sequence):
        return _sequence(value)
    if isinstance(value, (bool, int)) or value is None:
        return value
    if isinstance(value, Tlv):
        return {"tag": f"{value.tag:X}", "length": len(value.value)}
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, (tuple, list)):
        return _list(value)
    return value.name if isinstance(value, Enum) else str(value)


def _list(values: tuple[Any, ...] | list[Any]) -> Json:
    """A list of values; one that holds FCPs tells of files, whose contents are not shown."""
    if any(isinstance(value, (Fcp, FilePath)) for value in values):
        return _file(tuple(values), False)
    return [_value(value) for value in values]


def _sequence(value: Sequence) -> Json:
    shown: dict[str, Json] = {}
    for item in fields(value):  # type: ignore[arg-type]  # every subclass is a dataclass
        if "asn1" not in item.metadata:
            continue
        content = getattr(value, item.name)
        if content is None or content is False:
            continue
        name = str(item.metadata["asn1"][0])
        name = "header" if name.endswith(_HEADERS) else _RENAMED.get(name, name)
        if not item.repr or name in _CLOSED:  # the first: secret
            shown[name] = _size(content)
        else:
            shown["tries" if name == _TRIES else name] = _value(content)
    return shown


def _size(content: Any) -> Json:
    if isinstance(content, bytes):
        return f"({len(content)} bytes)"
    return [_size(each) for each in content]


def _file(items: tuple[Any, ...], shown: bool) -> Json:
    steps: list[Json] = []
    for item in items:
        if isinstance(item, DoNotCreate):
            steps.append("do not create")
        elif isinstance(item, FilePath):
            steps.append({"path": item.hex().upper()})
        elif isinstance(item, Fcp):
            steps.append(_sequence(item))
        elif isinstance(item, int):
            steps.append({"offset": item})
        elif isinstance(item, bytes):
            steps.append({"content": item.hex().upper()} if shown else {"length": len(item)})
        else:
            steps.append(_value(item))
    return steps
