# SPDX-License-Identifier: Apache-2.0
"""What a name at the prompt means: an application, or a way to a file."""

from __future__ import annotations

from typing import Final

from apdu.files import catalogue
from tools.errors import ToolError
from tools.reader.options import DOMAINS

__all__ = ["adf_of", "domain_name", "domain_of", "steps_from"]

_MF: Final = ("mf", "3f00")
_NAMES: Final = {aid: name.upper() for name, aid in DOMAINS.items()}


def domain_of(text: str) -> bytes | None:
    """The AID that is meant: the name of a security domain, or 5 to 16 bytes; None when it is a file."""
    known = DOMAINS.get(text.casefold())
    if known is not None:
        return known
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if 5 <= len(raw) <= 16 else None


def domain_name(aid: bytes) -> str:
    """How an application is called."""
    return _NAMES.get(aid, aid.hex().upper())


def adf_of(text: str) -> str | None:
    """The catalogue's name of a network access application: by its name, or by an AID in hexadecimal."""
    name = text.casefold().replace(".", "-")
    if name in catalogue.ADFS:
        return name
    return next((adf for adf, aid in catalogue.ADFS.items() if name.startswith(aid.hex())), None)


def steps_from(text: str, directory: str, here: str) -> list[str]:
    """The steps from the MF, when a path is typed in a directory, while perhaps a file in it is selected."""
    parts = [part for part in text.replace("\\", "/").split("/") if part and part != "."]
    if not parts and not text.startswith("/"):
        raise ToolError("name a file: EF.ICCID, 2FE2, ADF.USIM/EF.IMSI, or ..")
    steps = [] if text.startswith("/") else (here if parts[0] == ".." else directory).split("/")[1:]
    for part in parts:
        if part == "..":
            steps = steps[:-1]
        elif part.casefold() in _MF or adf_of(part) is not None:
            steps = [] if part.casefold() in _MF else [part]
        else:
            steps = [*steps, part]
    return steps
