# SPDX-License-Identifier: Apache-2.0
"""Commands that find and select files, and say what they are."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from tools.errors import ToolError
from tools.reader.fcptext import Parameters, summary
from tools.reader.filecommands import activate, deactivate, status
from tools.reader.output import Done
from tools.reader.tree import Tree, read_tree
from tools.shell.arguments import arg, command
from tools.shell.base import ShellSet

__all__ = ["FileSet"]


_NAME: Final = arg("name", nargs="?", completer=ShellSet.complete_file, help="which; the selected one otherwise")


class FileSet(ShellSet):
    """The file system."""

    DEFAULT_CATEGORY = "Files"

    @command(
        "select ADF.USIM/EF.IMSI",
        arg("name", completer=ShellSet.complete_selectable, help="name, identifier, path, AID, isd-r, ecasd, mno-sd"),
    )
    def do_select(self, args: Namespace) -> None:
        """Select a file or an application."""
        session = self.session
        session.select(args.name)
        try:
            place = session.place
        except ToolError:
            self.show(Done((session.path,), {"selected": session.path, "aid": session.domain.aid.hex().upper()}))
            return
        text = f"{place.path}  {place.fcp.fid or 0:04X}  {' '.join(summary(place.fcp).split())}".rstrip()
        self.show(Done((text,), Parameters(place.path, place.fcp).json()))

    @command("pwd")
    def do_pwd(self, _: Namespace) -> None:
        """Show what is selected."""
        self.show(Done((self.session.path,), {"path": self.session.path}))

    @command("dir")
    def do_dir(self, _: Namespace) -> None:
        """List what lies in the directory: the files that are there, of those that the specifications know."""
        self._list(1)

    @command("ls")
    def do_ls(self, _: Namespace) -> None:
        """List what lies in the directory, like dir."""
        self._list(1)

    @command("tree")
    def do_tree(self, _: Namespace) -> None:
        """Show the files below the directory."""
        self._list(None)

    def _list(self, depth: int | None) -> None:
        session = self.session
        directory = session.directory
        if directory is None:
            raise ToolError("no directory is selected: select MF")
        with session.aside():
            tree = read_tree(session.files, session.files.go(directory.path), depth)
        for path in {each.path.rpartition("/")[0] for each in tree.found} - {""}:
            session.present[path] = _children(tree, path)
        self.show(tree)

    @command("fcp")
    def do_fcp(self, _: Namespace) -> None:
        """Show the parameters of the selected file."""
        place = self.session.place
        self.show(Parameters(place.path, place.fcp))

    @command("status")
    def do_status(self, _: Namespace) -> None:
        """Ask the card for the parameters of the current directory (STATUS)."""
        place = self.session.place  # with a security domain selected it would be another command
        directory = self.session.directory or place
        self.show(Parameters(directory.path, status(self.session.files)))

    @command("activate_file EF.SPN", _NAME)
    def do_activate_file(self, args: Namespace) -> None:
        """Let commands work on a file again (ACTIVATE FILE)."""
        self._chosen(args.name)
        activate(self.session.files)
        self._changed("activated")

    @command("deactivate_file EF.SPN", _NAME)
    def do_deactivate_file(self, args: Namespace) -> None:
        """Let no command but activate_file work on a file (DEACTIVATE FILE)."""
        self._chosen(args.name)
        deactivate(self.session.files)
        self._changed("deactivated")

    def _chosen(self, name: str | None) -> None:
        if name is not None:
            self.session.select(name)
        self.session.file("transparent", "linear", "cyclic", "BER-TLV")

    def _changed(self, how: str) -> None:
        path = self.session.place.path
        self.session.select(f"/{path}")
        self.done(f"{path} {how}", path=path)


def _children(tree: Tree, path: str) -> tuple[str, ...]:
    return tuple(each.path.rpartition("/")[2] for each in tree.found if each.path.rpartition("/")[0] == path)
