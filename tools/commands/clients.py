# SPDX-License-Identifier: Apache-2.0
"""`euicc es1`, `es2`, `es3`, `es4`, `es4a`: the functions of servers, called from a shell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from tools.jsonerror import json_option

__all__ = ["CLIENTS"]

_HELP: Final = {
    "es1": """Call an SM-SR as an EUM (ES1).

    \b
    euicc es1 RegisterEIS --server https://127.0.0.1:8443 --pki lab.pki --eis card.json
    """,
    "es2": """Call an SM-DP as an operator (ES2).

    \b
    euicc es2 DownloadProfile --server https://127.0.0.1:8444 --pki lab.pki --eid EID --smsr-id 2.999.10.4 --wait
    """,
    "es3": """Call an SM-SR as an SM-DP (ES3).

    \b
    euicc es3 GetEIS --server https://127.0.0.1:8443 --pki lab.pki --eid EID
    """,
    "es4": """Call an SM-SR as an operator or M2M service provider (ES4).

    \b
    euicc es4 EnableProfile --server https://127.0.0.1:8443 --pki lab.pki --eid EID --iccid ICCID --wait
    """,
    "es4a": """Say to an SM-SR what others may do and hear (ES4A).

    \b
    euicc es4a GetPLMA --server https://127.0.0.1:8443 --pki lab.pki
    """,
}
_MORE: Final = """
    Who calls is a party of the folder of certificates, the one named after its role unless --as says otherwise. The
    exit code is 1 when the function failed. --server and --pki can stand in EUICC_SERVER and EUICC_PKI.
    """


class _Functions(click.Group):
    """The functions of one interface, found in their tables when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [function.name for function in self._functions()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = next((each for each in self._functions() if each.name.lower() == cmd_name.lower()), None)
        return None if found is None else _command(found)

    def _functions(self) -> Sequence[Any]:
        from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
        from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
        from smsr.api.functions import Exchange

        every = (*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS)
        named = [each for each in every if each.interface.lower() == self.name]
        return [each for each in named if each.exchange is not Exchange.NOTIFICATION]


def _command(function: Any) -> click.Command:
    from smsr.api.functions import Exchange
    from tools.client.options import parameters

    def run(**given: Any) -> None:
        from smsr.serving.service import Binding
        from tools.client.call import Where, call

        given["binding"] = Binding(given["binding"])
        names = ("server", "pki", "name", "binding", "passphrase_env", "wait", "as_json")
        where = Where(**{name: given.pop(name, False) for name in names})
        identifier, period = given.pop("call_identifier"), given.pop("validity")
        call(function, where, given, {"function_call_identifier": identifier, "validity_period": period})

    asynchronous = function.exchange is Exchange.ASYNCHRONOUS
    later = " It is accepted at once and done later." if asynchronous else ""
    options = [*parameters(function), *_where(asynchronous)]
    return json_option(click.Command(function.name, callback=run, params=options, help=f"Call {function}.{later}"))


def _where(asynchronous: bool) -> list[click.Parameter]:
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    options = [
        click.Option(["--server"], required=True, metavar="URL", envvar="EUICC_SERVER", help="The server."),
        click.Option(
            ["--pki"], required=True, type=folder, metavar="DIR", envvar="EUICC_PKI", help="Folder of certificates."
        ),
        click.Option(["--as", "name"], metavar="NAME", help="The party that calls; the one named after its role else."),
        click.Option(
            ["--binding"], type=click.Choice(["json", "soap"]), default="json", show_default=True, help="How to speak."
        ),
        click.Option(["--call", "call_identifier"], metavar="TEXT", help="FunctionCallIdentifier; drawn otherwise."),
        click.Option(["--validity"], type=click.IntRange(1), metavar="SECONDS", help="ValidityPeriod."),
        click.Option(["--passphrase-env"], metavar="NAME", help="The environment variable with the keys' passphrase."),
    ]
    if asynchronous:
        options.append(click.Option(["--wait"], is_flag=True, help="Wait until it is done, ten minutes at most."))
    return list(options)


CLIENTS: Final[tuple[click.Command, ...]] = tuple(
    _Functions(name, help=text.rstrip() + "\n" + _MORE) for name, text in _HELP.items()
)
