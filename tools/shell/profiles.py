# SPDX-License-Identifier: Apache-2.0
"""Commands on the profiles of a lab card, with the keys of its ISD-R."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

import cmd2

from tools.reader.desk import InstallOptions
from tools.reader.options import ReaderOptions
from tools.reader.profiles import trust_file
from tools.shell.arguments import arg, command, number
from tools.shell.base import ShellSet
from tools.shell.session import Session

__all__ = ["ProfileSet"]

_ISD_P: Final = arg("isd_p", metavar="ISD-P", completer=ShellSet.complete_isd_p, help="AID, or number (0010)")
_LARGEST: Final = 0xFFFF_FFFF


class ProfileSet(ShellSet):
    """Profiles."""

    DEFAULT_CATEGORY = "Profiles"

    def __init__(self, session: Session, options: ReaderOptions) -> None:
        super().__init__(session)
        self._options = options

    @command("list_profiles")
    def do_list_profiles(self, _: Namespace) -> None:
        """List the ISD-Ps: AID, state, ICCID of the enabled one."""
        with self.session.desk() as desk:
            profiles = desk.profiles()
        self.session.isd_ps = tuple(str(each.aid) for each in profiles.present)
        self.show(profiles)

    @command(
        "install_profile profile.der --aid 0011",
        arg("package", type=Path, metavar="FILE.der", completer=cmd2.Cmd.path_complete, help="the profile package"),
        arg(
            "--trust",
            type=Path,
            metavar="FILE.pem",
            completer=cmd2.Cmd.path_complete,
            help="CI certificate and key, EUM certificate; virtual:FILE.card has FILE.card.pem",
        ),
        arg("--aid", metavar="ISD-P", help="where to; the first free one otherwise"),
        arg("--memory", type=number(0, _LARGEST), default=0, metavar="BYTES", help="quota; none otherwise"),
    )
    def do_install_profile(self, args: Namespace) -> None:
        """Install a profile package: ISD-P, key set, download."""
        trust = trust_file(self._options, args.trust)
        install = InstallOptions(package=args.package, trust=trust, aid=args.aid, memory=args.memory)
        with self.session.desk() as desk:
            installed = desk.install(install)
        self.session.isd_ps = tuple(dict.fromkeys((*self.session.isd_ps, str(installed.aid))))
        self.show(installed)

    @command("enable_profile 0011", _ISD_P)
    def do_enable_profile(self, args: Namespace) -> None:
        """Enable a profile and reset the card."""
        self._change(args.isd_p, "enable")

    @command("disable_profile 0011", _ISD_P)
    def do_disable_profile(self, args: Namespace) -> None:
        """Disable a profile and reset the card: the one with the Fall-Back Attribute takes over."""
        self._change(args.isd_p, "disable")

    @command("delete_profile 0011", _ISD_P)
    def do_delete_profile(self, args: Namespace) -> None:
        """Delete a profile that is not enabled, with its ISD-P."""
        self._change(args.isd_p, "delete")

    def _change(self, isd_p: str, function: str) -> None:
        with self.session.desk() as desk:
            changed = desk.change(isd_p, function)
        if function == "delete":
            self.session.isd_ps = tuple(each for each in self.session.isd_ps if each != str(changed.aid))
        self.show(changed)
