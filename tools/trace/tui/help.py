# SPDX-License-Identifier: Apache-2.0
"""What keys do."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

__all__ = ["HelpScreen"]

_TEXT: Final = """\
Entries     ↓ ↑ j k       next, previous
            PgDn PgUp     a page; Space and b too
            Home End      first, last; g and G too
            Tab           to the layers and back
Layers      ↓ ↑ Enter     move, fold and unfold
Search      /             text or hexadecimal, in all layers
            n N           again, backwards
Findings    ! "           next, previous
Filter      f             sw:6xxx  ins:A4  ch:1  aid:isd-r  fn:ES8
                          layer:scp03  findings  or any text
            Esc           all entries again
Quit        q

Marks       !  wrong      ?  suspicious      i  worth knowing
"""


class HelpScreen(ModalScreen[None]):
    """The keys, over the rest."""

    CSS = """
    HelpScreen { align: center middle; }
    #help { width: 72; max-width: 96%; height: auto; max-height: 96%;
            padding: 1 2; border: round $primary; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """The text."""
        with VerticalScroll(id="help"):
            yield Static(_TEXT, markup=False)
