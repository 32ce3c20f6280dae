# SPDX-License-Identifier: Apache-2.0
"""Which instruction is which handler (TS 102 221 10.1.2, TS 31.102 7)."""

from __future__ import annotations

from typing import Final

from apdu.command.cla import INTERINDUSTRY, PROPRIETARY, key
from emulator.channels import Handler
from emulator.iso.administration import create_file, delete_file, resize_file
from emulator.iso.authenticate import authenticate
from emulator.iso.binary import read_binary, update_binary
from emulator.iso.cat import envelope, fetch, terminal_capability, terminal_profile, terminal_response
from emulator.iso.identity import get_identity
from emulator.iso.lifecycle import activate_file, deactivate_file
from emulator.iso.objects import retrieve_data, set_data
from emulator.iso.pin import change_pin, disable_pin, enable_pin, unblock_pin, verify
from emulator.iso.record import increase, read_record, update_record
from emulator.iso.search import search_record
from emulator.iso.select import select, status

__all__ = ["CARD_COMMANDS", "UICC_COMMANDS"]

CARD_COMMANDS: Final[dict[int, Handler]] = {
    key(INTERINDUSTRY, 0xA4): select,
    key(PROPRIETARY, 0xF2): status,
    key(PROPRIETARY, 0x10): terminal_profile,
    key(PROPRIETARY, 0x12): fetch,
    key(PROPRIETARY, 0x14): terminal_response,
    key(PROPRIETARY, 0xAA): terminal_capability,
    key(PROPRIETARY, 0xC2): envelope,
}
"""They work whatever is selected."""

UICC_COMMANDS: Final[dict[int, Handler]] = {
    key(INTERINDUSTRY, 0xB0): read_binary,
    key(INTERINDUSTRY, 0xD6): update_binary,
    key(INTERINDUSTRY, 0xB2): read_record,
    key(INTERINDUSTRY, 0xDC): update_record,
    key(INTERINDUSTRY, 0xA2): search_record,
    key(PROPRIETARY, 0x32): increase,
    key(PROPRIETARY, 0xCB): retrieve_data,
    key(PROPRIETARY, 0xDB): set_data,
    key(INTERINDUSTRY, 0xE0): create_file,
    key(INTERINDUSTRY, 0xE4): delete_file,
    key(PROPRIETARY, 0xD4): resize_file,
    key(INTERINDUSTRY, 0x44): activate_file,
    key(INTERINDUSTRY, 0x04): deactivate_file,
    key(INTERINDUSTRY, 0x20): verify,
    key(INTERINDUSTRY, 0x24): change_pin,
    key(INTERINDUSTRY, 0x26): disable_pin,
    key(INTERINDUSTRY, 0x28): enable_pin,
    key(INTERINDUSTRY, 0x2C): unblock_pin,
    key(INTERINDUSTRY, 0x88): authenticate,
    key(PROPRIETARY, 0x78): get_identity,
}
"""They work on the file system, while no security domain is selected on the channel."""
