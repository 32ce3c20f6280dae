# SPDX-License-Identifier: Apache-2.0
"""ISO 7816-4 and TS 102 221 commands: handlers by what is selected."""

from emulator.iso.tables import CARD_COMMANDS, UICC_COMMANDS

__all__ = ["CARD_COMMANDS", "UICC_COMMANDS"]
