# SPDX-License-Identifier: Apache-2.0
"""The card's memory: transactions over a backend that can lose power at any moment."""

from emulator.memory.journal import Flash, JournalBackend, Moment, PowerCut
from emulator.memory.store import Backend, Memory

__all__ = ["Backend", "Flash", "JournalBackend", "Memory", "Moment", "PowerCut"]
