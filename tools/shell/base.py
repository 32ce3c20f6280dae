# SPDX-License-Identifier: Apache-2.0
"""What every set of commands has: the session, a way to show results, completers, and codes that are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cmd2
from cmd2.completion import Completions

from apdu.files import catalogue
from tools.errors import ToolError
from tools.reader.options import DOMAINS
from tools.reader.output import Done, Result, rendered
from tools.shell.route import adf_of, steps_from
from tools.shell.session import Session

__all__ = ["ShellSet"]

_UP: Final = ".."


class ShellSet(cmd2.CommandSet[cmd2.Cmd]):
    """Commands on the card of a session."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def show(self, result: Result) -> None:
        """Print it, where the user may have redirected it to."""
        for line in rendered(result, as_json=self.session.as_json):
            self._cmd.poutput(line)

    def done(self, text: str, **members: str | int | bool) -> None:
        """Say that a command did what it should."""
        self.show(Done((text,), {"done": True, **members}))

    def code(self, given: str | None, name: str) -> str:
        """A code that was typed, or is asked for without showing it."""
        if given is not None:
            return given
        if not (self._cmd.stdin.isatty() and self._cmd.stdout.isatty()):
            raise ToolError(f"{name} is missing; only at a terminal it is asked for")
        return self._cmd.read_secret(f"{name}: ")

    # --- completion

    def complete_selectable(self, text: str, line: str, begidx: int, endidx: int) -> Completions:
        """Files that are or could be there, applications, security domains."""
        names: list[str] = [*self._names(text)]
        if "/" not in text:
            names += [_UP, "MF", *DOMAINS, *self._aids()]
        return self._cmd.basic_complete(text, line, begidx, endidx, names)

    def complete_file(self, text: str, line: str, begidx: int, endidx: int) -> Completions:
        """Files that are or could be there."""
        return self._cmd.basic_complete(text, line, begidx, endidx, [*self._names(text)])

    def complete_isd_p(self, text: str, line: str, begidx: int, endidx: int) -> Completions:
        """ISD-Ps that were listed last."""
        return self._cmd.basic_complete(text, line, begidx, endidx, self.session.isd_ps)

    def complete_aid(self, text: str, line: str, begidx: int, endidx: int) -> Completions:
        """Security domains and applications."""
        return self._cmd.basic_complete(text, line, begidx, endidx, [*DOMAINS, *self._aids()])

    def _aids(self) -> Iterable[str]:
        return dict.fromkeys((*(str(each.aid) for each in self.session.applications), *self.session.isd_ps))

    def _names(self, text: str) -> Iterable[str]:
        """What lies in the directory of a path that is being typed, each with the path in front."""
        here = self.session.directory
        head, slash, _ = text.rpartition("/")
        top = here.path if here is not None else "MF"
        steps = steps_from(head + slash, top, top) if slash else []
        path = "/".join(("MF", *(step.upper() for step in steps))) if slash else top
        for name in self.session.present.get(path) or _could_be(path):
            yield f"{head}{slash}{name}"
        if path == "MF" or not slash:
            yield from (f"{head}{slash}{name}" for name in self._adfs())

    def _adfs(self) -> Iterable[str]:
        found = (adf_of(str(each.aid)) for each in self.session.applications)
        return dict.fromkeys(catalogue.label(each) for each in found if each is not None)


def _could_be(path: str) -> Iterable[str]:
    """The names of the catalogue for a directory."""
    name = catalogue.MF
    for step in path.split("/")[1:]:
        entry = catalogue.find(name, step)
        name = adf_of(step) or (entry.name if entry is not None else "")
    return (catalogue.label(each.name) for each in catalogue.children(name))
