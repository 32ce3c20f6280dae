# SPDX-License-Identifier: Apache-2.0
"""Whether the template that SELECT answers with is sound (TS 102 221 11.1.1.3, GPCS 11.9.3.1)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from apdu.errors import DecodeError
from apdu.tlv.scan import split

__all__ = ["template_fault"]

_FCP, _FCI = 0x62, 0x6F
_REQUIRED: Final = {_FCP: {0x82: "file descriptor"}, _FCI: {0x84: "name"}}
_DESCRIPTOR_SIZES: Final = range(2, 7)


@lru_cache(maxsize=512)
def template_fault(data: bytes) -> str:
    """What is wrong with it; empty when nothing is. The same few are answered again and again."""
    if data[0] not in _REQUIRED:
        return ""  # a proprietary answer, which ISO/IEC 7816-4 leaves open
    try:
        objects = split(data)
        if len(objects) != 1:
            return f"{len(objects)} objects instead of one"
        inner = split(objects[0].value)
    except DecodeError as error:
        return str(error)
    tags = dict(inner)
    for tag, name in _REQUIRED[data[0]].items():
        if tag not in tags:
            return f"it has no {name} ({tag:02X})"
    if data[0] == _FCP and len(tags[0x82]) not in _DESCRIPTOR_SIZES:
        return f"a file descriptor of {len(tags[0x82])} bytes"
    return ""
