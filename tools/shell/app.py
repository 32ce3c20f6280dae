# SPDX-License-Identifier: Apache-2.0
"""The shell itself: prompt, errors in one line, scripts, and which of cmd2's own commands there are."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
import cmd2

from apdu.errors import M2mError
from tools.errors import ToolError, reason
from tools.reader.options import ReaderOptions
from tools.reader.scripttext import read_script
from tools.reader.show import ApduLines
from tools.shell.arguments import LineParser, arg, command
from tools.shell.contents import ContentSet
from tools.shell.files import FileSet
from tools.shell.gp import DomainSet
from tools.shell.pins import PinSet
from tools.shell.profiles import ProfileSet
from tools.shell.raw import CardSet
from tools.shell.session import Session

__all__ = ["Shell"]

_REMOVED: Final = ("alias", "edit", "macro", "run_pyscript", "shell", "shortcuts", "_relative_run_script")
_SETTINGS: Final = ("allow_style", "echo")
_SECRET: Final = (
    "apdu",
    "change_chv",
    "disable_chv",
    "enable_chv",
    "establish_scp03",
    "put_key",
    "store_data",
    "unblock_chv",
    "verify_adm",
    "verify_chv",
)
"""Commands that may be typed with keys or codes: `history`, which can write files, does not have them."""
_EXAMPLES: Final = {"help": "help select", "history": "history 5", "quit": "quit", "set": "set apdu_trace true"}
_FILE: Final = arg(
    "path", type=Path, metavar="FILE", completer=cmd2.Cmd.path_complete, help="one command per line, # comments"
)
_MAX_NESTING: Final = 16
_INTERRUPTED: Final = 130


class Shell(cmd2.Cmd):
    """Commands on one card, from a terminal, a pipe or files."""

    DEFAULT_CATEGORY = "Shell"

    def __init__(self, session: Session, options: ReaderOptions, trace: ApduLines) -> None:
        cmd2.set_default_argument_parser(LineParser)
        cmd2.Cmd.DEFAULT_CATEGORY = self.DEFAULT_CATEGORY
        self.failures = 0
        self._where: list[str] = []
        self._session = session
        sets = (FileSet, ContentSet, PinSet, DomainSet, CardSet)
        super().__init__(
            allow_cli_args=False,
            allow_clipboard=False,
            complete_in_thread=False,
            command_sets=[*(each(session) for each in sets), ProfileSet(session, options)],
            shortcuts={"?": "help"},
            suggest_similar_command=True,
            terminators=[],
        )
        for name in _REMOVED:
            setattr(self, f"do_{name}", None)
        for name in set(self.settables) - set(_SETTINGS):
            self.remove_settable(name)
        for name, told, owner, attribute in (
            ("apdu_trace", "Show every APDU, without secrets", trace, "shown"),
            ("json", "Show results as JSON", session, "as_json"),
        ):
            self.add_settable(cmd2.Settable(name, bool, told, owner, settable_attrib_name=attribute))
        self.exclude_from_history.extend(_SECRET)
        self.default_error = "there is no command {}: help lists them"
        for name, example in _EXAMPLES.items():
            self.parser(name).epilog = f"Example: {example}"
        self.pre_prompt()

    def parser(self, name: str) -> cmd2.Cmd2ArgumentParser:
        """What reads the arguments of a command."""
        function = self.get_command_func(name)
        parser = None if function is None else self.command_parsers.get(function)
        assert parser is not None
        return parser

    def pre_prompt(self) -> None:
        """Show what is selected."""
        self.prompt = self._session.prompt

    # --- errors

    def perror(self, *objects: Any, **_: Any) -> None:
        """One line on standard error, with the line of the script that it comes from."""
        self.failures += 1
        text = "".join(self._where) + " ".join(" ".join(map(str, objects)).split())
        if self._session.as_json:
            self.poutput(json.dumps({"error": text}, indent=2))
        click.echo(f"Error: {text}", err=True)

    def pexcept(self, exception: BaseException, **_: Any) -> None:
        """What the project knows is one line; anything else is a bug, and not hidden."""
        if isinstance(exception, M2mError):
            self.perror(exception)
        elif isinstance(exception, OSError):
            self.perror(f"{f'{exception.filename}: ' if exception.filename else ''}{reason(exception)}")
        else:
            raise exception

    def sigint_handler(self, signum: int, frame: FrameType | None) -> None:
        """Ctrl-C ends a command at a terminal, and the shell where nobody types."""
        if not sys.stdin.isatty():
            raise SystemExit(_INTERRUPTED)
        super().sigint_handler(signum, frame)

    # --- lines

    def onecmd_plus_hooks(self, line: str, *, raise_keyboard_interrupt: bool = False, **options: Any) -> bool:
        """Run one line; what stands behind # is a comment. Ctrl-C may have come in the middle of an exchange."""
        try:
            return super().onecmd_plus_hooks(_without_comment(line), raise_keyboard_interrupt=True, **options)
        except KeyboardInterrupt:
            self._after_interrupt()
            if raise_keyboard_interrupt:
                raise
            return False
        finally:
            self.pre_prompt()

    def _after_interrupt(self) -> None:
        """What the card has of the command nobody knows: it begins anew."""
        try:
            self._session.reset()
            self.perror("interrupted; the card was reset")
        except M2mError as error:
            self.perror(f"interrupted; {error}")

    def run_file(self, path: Path) -> bool:
        """Run the commands of a file up to the first error; whether the shell is to end."""
        if len(self._where) >= _MAX_NESTING:
            raise ToolError(f"{path}: scripts call each other without end")
        for number, line in enumerate(read_script(path, lambda: path.open(encoding="utf-8")), 1):
            before = self.failures
            self._where.append(f"{path} line {number}: ")
            try:
                if self.onecmd_plus_hooks(line, raise_keyboard_interrupt=True):
                    return True
            finally:
                self._where.pop()
            if self.failures != before:
                return False
        return False

    @command("run_script commands.txt", _FILE)
    def do_run_script(self, args: Namespace) -> bool:  # type: ignore[override]  # argparse comes between
        """Run the commands of a file; the first error ends it."""
        return self.run_file(args.path)

    @command("exit")
    def do_exit(self, _: Namespace) -> bool:
        """Leave the shell, like quit and Ctrl-D."""
        return True

    def do__eof(self, _: str) -> bool:
        """The end of the input."""
        if self.stdin.isatty():
            self.poutput()
        return True


def _without_comment(line: str) -> str:
    """A # begins a comment at the beginning of a word."""
    words = line.split(" ")
    at = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return " ".join(words[:at])
