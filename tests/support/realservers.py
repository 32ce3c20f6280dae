# SPDX-License-Identifier: Apache-2.0
"""SM-SR, SM-DP and operator of a lab in this process, as one would run them, with the lab's cards in reach."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from apdu.ids import Eid, Iccid
from smdp.config import SmDpConfig
from smdp.service import SmDpService
from smsr.config import SmSrConfig
from smsr.kit.folder import PkiFolder
from smsr.service import SmSrService
from smsr.serving.config import load_config
from tools.entropy import SystemEntropy
from tools.lab.create import create
from tools.lab.fill import fill_stock, register_cards
from tools.lab.layout import HOST, Lab, open_lab
from tools.lab.operator import Operator, servers
from tools.servers.inreach import CardInReach

__all__ = ["RealServers"]

_ROLES: Final = ('role = "SM-SR"', 'role = "SM-DP"', 'role = "operator"')


class RealServers:
    """They listen until `close`. `soap`: how they call each other, and tell the operator."""

    def __init__(self, path: Path, *, cards: int = 1, profiles: int = 2, soap: bool = False) -> None:
        create(path / "lab", cards, profiles)
        self.lab: Lab = open_lab(path / "lab")
        if soap:
            self._speak_soap()
        self.folder = PkiFolder(self.lab.pki)
        ports = self.lab.ports
        self.urls = {
            "sm-sr": f"https://{HOST}:{ports.sm_sr}",
            "sm-dp": f"https://{HOST}:{ports.sm_dp}",
            "operator": f"https://{HOST}:{ports.operator}",
        }
        self._stack = ExitStack()
        entropy = SystemEntropy()
        config = msgspec.structs.replace(load_config(self.lab.sm_sr, SmSrConfig), ota=None)
        self.sm_sr = SmSrService(config, self.lab.path, entropy)
        self._stack.callback(self.sm_sr.stop)
        for card in self.lab.file.cards:
            held = CardInReach.from_image(self.lab.image(card.eid), entropy)
            self._stack.callback(held.close)
            self.sm_sr.reach.attach(Eid.from_string(card.eid), held.bearer)
        fill_stock(self.lab)
        self.sm_dp = SmDpService(load_config(self.lab.sm_dp, SmDpConfig), self.lab.path, entropy)
        self._stack.callback(self.sm_dp.stop)

    def start(self) -> None:
        """Listen, the operator too."""
        operator = Operator(self.lab.oid("operator"), self.lab.path / "operator.jsonl", lambda text: None)
        self._stack.callback(operator.close)
        for listener in servers(self.lab, operator):
            listener.start()
            self._stack.callback(listener.close)
        self.sm_sr.start()
        self.sm_dp.start()

    def register(self) -> None:
        """ES1.RegisterEIS of all cards."""
        register_cards(self.lab, lambda: None)

    @property
    def eid(self) -> Eid:
        """The first card."""
        return Eid.from_string(self.lab.file.cards[0].eid)

    @property
    def factory_iccid(self) -> Iccid:
        """The profile that it was made with."""
        return Iccid.from_string(self.lab.file.cards[0].iccid)

    def close(self) -> None:
        """End everything."""
        self._stack.close()

    def _speak_soap(self) -> None:
        for path in (self.lab.sm_sr, self.lab.sm_dp):
            text = path.read_text("utf-8")
            for role in _ROLES:
                text = text.replace(role, f'binding = "soap"\n{role}')
            path.write_text(text, "utf-8")
