# SPDX-License-Identifier: Apache-2.0
"""What the contents of a file say, found by the name of the file: one table for traces and for `euicc fs read`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apdu.files.item import Content, Item, blank
from apdu.files.networkfiles import NETWORK_FILES
from apdu.files.uiccfiles import UICC_FILES
from apdu.files.usimfiles import USIM_FILES

__all__ = ["CONTENTS", "brief", "content_of", "read_contents"]

CONTENTS: Final[Mapping[str, Content]] = {**UICC_FILES, **USIM_FILES, **NETWORK_FILES}
"""By name in the catalogue of files. Files of a CSIM have names of their own meaning and are not here."""
_FOREIGN: Final = "adf-csim"
_LIMIT: Final = 0x10000


def content_of(directory: str, file: str) -> Content | None:
    """How the contents of a file are read; None where nothing here knows it."""
    return None if directory == _FOREIGN else CONTENTS.get(file)


def read_contents(content: Content, data: bytes) -> tuple[Item, ...]:
    """What a transparent file or one record says; DecodeError where it is not what the specification says."""
    if blank(data):
        return (Item("contents", "empty", data),)
    return tuple(content.decode(data[:_LIMIT]))


def brief(content: Content, data: bytes) -> str:
    """The contents in a few words; empty where they need more than that."""
    if not content.brief:
        return ""
    if blank(data):
        return "empty"
    first = next(iter(content.decode(data[:_LIMIT])), None)
    return "" if first is None else first.value
