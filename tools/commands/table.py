# SPDX-License-Identifier: Apache-2.0
"""The commands of this folder, by where they belong: `euicc ...` and `euicc card ...`."""

from __future__ import annotations

from typing import Final

import click

from tools.commands.cards import card_info
from tools.commands.clients import CLIENTS
from tools.commands.device import device
from tools.commands.files import fs
from tools.commands.gp import gp
from tools.commands.lab import lab, status
from tools.commands.pki import pki
from tools.commands.profiles import profile
from tools.commands.reading import apdu, readers, script
from tools.commands.servers import smdp, smsr
from tools.commands.shell import shell
from tools.commands.smsc import smsc
from tools.commands.trace import trace

__all__ = ["CARD", "MAIN"]

_CARDS: Final = (readers, apdu, script, gp, fs, profile, device)
_SERVERS: Final = (pki, smsr, smdp, smsc, lab, status, *CLIENTS)
MAIN: Final[tuple[click.Command, ...]] = (*_CARDS, *_SERVERS, shell, trace)
CARD: Final[tuple[click.Command, ...]] = (card_info,)
