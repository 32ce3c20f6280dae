# SPDX-License-Identifier: Apache-2.0
"""Where readers come from: PC/SC, or a card image that is a reader of its own; and which one is meant.

A card image never needs a running pcscd, so PC/SC is asked only when no image is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from tools.errors import ToolError
from tools.reader.options import ReaderOptions

__all__ = ["VIRTUAL", "PyscardReader", "find_reader", "pcsc_readers", "reader_state"]

VIRTUAL: Final = "virtual:"
_NO_SERVICE: Final = 0x8010001D
_START: Final = "start it (systemctl start pcscd), or name a card image with -r virtual:FILE.card"
_EMPTY: Final = "empty"
_STATES: Final = {
    0x8010000B: "in use by another program",
    0x80100066: "mute card",
    0x8010000C: _EMPTY,
    0x80100069: _EMPTY,
}


class PyscardReader(Protocol):
    """A reader as pyscard has it."""

    @property
    def name(self) -> str:
        """How PC/SC calls it."""
        ...

    def createConnection(self) -> Any:
        """A connection, not yet connected."""
        ...


def pcsc_readers() -> list[PyscardReader]:
    """Every reader that PC/SC has; ToolError when the service does not run."""
    from smartcard.Exceptions import ListReadersException
    from smartcard.pcsc.PCSCExceptions import EstablishContextException
    from smartcard.System import readers

    try:
        return list(readers())
    except (EstablishContextException, ListReadersException) as error:
        if error.hresult & 0xFFFFFFFF == _NO_SERVICE:
            raise ToolError(f"the PC/SC service (pcscd) does not run: {_START}") from None
        raise ToolError(f"PC/SC does not answer: {error}; {_START}") from None


def find_reader(options: ReaderOptions) -> PyscardReader:
    """The one reader that the options mean."""
    wanted = options.name
    if wanted is not None and wanted.startswith(VIRTUAL):
        from tools.reader.image import image_reader

        path = wanted.removeprefix(VIRTUAL)
        if not path:
            raise ToolError("-r virtual: names no card image: write virtual:FILE.card")
        return image_reader(Path(path))
    present = pcsc_readers()
    if not present:
        raise ToolError("PC/SC has no reader: plug one in, or name a card image with -r virtual:FILE.card")
    if options.index is not None:
        if options.index >= len(present):
            raise ToolError(f"there is no reader {options.index}: {_listed(present)}")
        return present[options.index]
    if wanted is None:
        return _only(present, f"several readers, choose one with -p or -r: {_listed(present)}")
    return _by_name(present, wanted)


def reader_state(reader: PyscardReader) -> tuple[str, str]:
    """What is in it, and the ATR if a card is; a card is left as it is."""
    from smartcard.Exceptions import NoCardException, SmartcardException
    from smartcard.scard import SCARD_LEAVE_CARD

    try:
        connection = reader.createConnection()
        connection.connect(disposition=SCARD_LEAVE_CARD)
        atr = bytes(connection.getATR()).hex().upper()
        connection.disconnect()
    except SmartcardException as error:
        known = _STATES.get(error.hresult & 0xFFFFFFFF)
        if known is None:
            known = _EMPTY if isinstance(error, NoCardException) else " ".join(str(error).split())
        return known, ""
    return "card", atr


def _only(candidates: Sequence[PyscardReader], several: str) -> PyscardReader:
    """The only one, or the only one that is not empty: a reader may have several slots."""
    if len(candidates) == 1:
        return candidates[0]
    filled = [reader for reader in candidates if reader_state(reader)[0] != _EMPTY]
    if not filled:
        raise ToolError(f"no reader has a card in it: put one into one of {_listed(candidates)}")
    if len(filled) > 1:
        raise ToolError(several)
    return filled[0]


def _by_name(present: Sequence[PyscardReader], wanted: str) -> PyscardReader:
    """A name that matches as a whole goes before names that contain the text."""
    folded = wanted.casefold()
    matches = [reader for reader in present if str(reader.name).casefold() == folded]
    matches = matches or [reader for reader in present if folded in str(reader.name).casefold()]
    if not matches:
        raise ToolError(f"no reader's name contains {wanted!r}: {_listed(present)}")
    named = "; ".join(str(reader.name) for reader in matches)
    return _only(matches, f"{len(matches)} readers contain {wanted!r}, name more of one: {named}")


def _listed(present: Sequence[PyscardReader]) -> str:
    return "; ".join(f"{number} {reader.name}" for number, reader in enumerate(present))
