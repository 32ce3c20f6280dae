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

__all__ = ["VIRTUAL", "PyscardReader", "find_reader", "pcsc_readers"]

VIRTUAL: Final = "virtual:"
_NO_SERVICE: Final = 0x8010001D
_START: Final = "start it (systemctl start pcscd), or name a card image with -r virtual:FILE.card"


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

        return image_reader(Path(wanted.removeprefix(VIRTUAL)))
    present = pcsc_readers()
    if not present:
        raise ToolError("PC/SC has no reader: plug one in, or name a card image with -r virtual:FILE.card")
    if options.index is not None:
        if options.index >= len(present):
            raise ToolError(f"there is no reader {options.index}: {_listed(present)}")
        return present[options.index]
    if wanted is None:
        if len(present) > 1:
            raise ToolError(f"several readers, choose one with -p or -r: {_listed(present)}")
        return present[0]
    return _by_name(present, wanted)


def _by_name(present: Sequence[PyscardReader], wanted: str) -> PyscardReader:
    """A name that matches as a whole goes before names that contain the text."""
    folded = wanted.casefold()
    matches = [reader for reader in present if str(reader.name).casefold() == folded]
    matches = matches or [reader for reader in present if folded in str(reader.name).casefold()]
    if not matches:
        raise ToolError(f"no reader's name contains {wanted!r}: {_listed(present)}")
    if len(matches) > 1:
        named = "; ".join(str(reader.name) for reader in matches)
        raise ToolError(f"{len(matches)} readers contain {wanted!r}, name more of one: {named}")
    return matches[0]


def _listed(present: Sequence[PyscardReader]) -> str:
    return "; ".join(f"{number} {reader.name}" for number, reader in enumerate(present))
