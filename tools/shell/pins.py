# SPDX-License-Identifier: Apache-2.0
"""Commands on PINs and ADM codes. A code that is left out is asked for without showing it."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from tools.reader.pins import ADM, Pins, code_bytes
from tools.shell.arguments import arg, command, pin_number
from tools.shell.base import ShellSet

__all__ = ["PinSet"]

_PIN_NR: Final = arg(
    "--pin-nr", type=pin_number, default=1, help="1 is PIN1, 2 is PIN2, others are key references (decimal)"
)
_PIN: Final = arg("pin", nargs="?", help="up to 8 characters, or 16 hexadecimal digits")
_NEW: Final = arg("new_pin", nargs="?", help="the new one")
_ADMS: Final = {f"ADM{number}": ADM + number - 1 for number in range(1, 6)}


class PinSet(ShellSet):
    """Codes of the directory that is selected."""

    DEFAULT_CATEGORY = "Codes"

    @property
    def _pins(self) -> Pins:
        return Pins(self.session.access)

    @command("verify_chv 1234", _PIN_NR, _PIN)
    def do_verify_chv(self, args: Namespace) -> None:
        """Present a PIN (VERIFY)."""
        self._pins.verify(args.pin_nr, self._read(args.pin, "PIN"))
        self.done("verified")

    @command(
        "verify_adm --adm-type ADM1 12345678",
        arg("--adm-type", choices=tuple(_ADMS), default="ADM1", help="which"),
        arg("adm", nargs="?", help="up to 8 characters, or 16 hexadecimal digits"),
    )
    def do_verify_adm(self, args: Namespace) -> None:
        """Present an ADM code (VERIFY)."""
        self._pins.verify(_ADMS[args.adm_type], self._read(args.adm, args.adm_type))
        self.done("verified")

    @command("change_chv 4321 1234", _PIN_NR, _NEW, arg("pin", nargs="?", help="the old one"))
    def do_change_chv(self, args: Namespace) -> None:
        """Replace a PIN: the new one, then the old one (CHANGE PIN)."""
        new, old = self._read(args.new_pin, "new PIN"), self._read(args.pin, "old PIN")
        self._pins.change(args.pin_nr, old, new)
        self.done("changed")

    @command("enable_chv 1234", _PIN_NR, _PIN)
    def do_enable_chv(self, args: Namespace) -> None:
        """Let a PIN be asked for (ENABLE PIN)."""
        self._pins.enable(args.pin_nr, self._read(args.pin, "PIN"))
        self.done("enabled")

    @command("disable_chv 1234", _PIN_NR, _PIN)
    def do_disable_chv(self, args: Namespace) -> None:
        """Let a PIN be asked for no more (DISABLE PIN)."""
        self._pins.disable(args.pin_nr, self._read(args.pin, "PIN"))
        self.done("disabled")

    @command("unblock_chv 12345678 1234", _PIN_NR, arg("puk", nargs="?", help="the unblocking code"), _NEW)
    def do_unblock_chv(self, args: Namespace) -> None:
        """Give a blocked PIN a new value: the PUK, then the new PIN (UNBLOCK PIN)."""
        puk, new = self._read(args.puk, "PUK"), self._read(args.new_pin, "new PIN")
        self._pins.unblock(args.pin_nr, puk, new)
        self.done("unblocked")

    def _read(self, given: str | None, name: str) -> bytes:
        return code_bytes(self.code(given, name))
