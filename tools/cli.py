# SPDX-License-Identifier: Apache-2.0
"""The `euicc` command.

What a command needs is imported when it runs, so that `euicc --help` answers at once. Errors that the project knows are
one line and exit code 1; wrong usage is exit code 2.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from apdu.errors import M2mError
from tools.commands.table import CARD, MAIN
from tools.jsonerror import print_error

__all__ = ["main"]


class _Commands(click.Group):
    """A group whose commands report what went wrong in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except M2mError as error:
            raise _failed(ctx, str(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read our output went away: click ends quietly
                raise
            from tools.errors import reason

            named = f"{error.filename}: " if error.filename else ""
            raise _failed(ctx, named + reason(error)) from None


def _failed(ctx: click.Context, message: str) -> click.ClickException:
    print_error(ctx, message)
    return click.ClickException(message)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("m2m-euicc")
        except PackageNotFoundError:
            found = "(not installed)"
        click.echo(f"euicc {found}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """An M2M eUICC (GSMA SGP.02) with the SM-SR and SM-DP that manage it.

    \b
    euicc demo                     a profile's way, from certificates to a network
    euicc demo --timings           with what the cryptography of each step takes
    euicc demo --profile FILE.der  with a profile package of your own
    euicc demo --card FILE.card    and keep its card
    euicc demo --servers           through SM-SR and SM-DP as servers
    euicc card new FILE.card       a card of your own
    euicc card info -r TEXT        the card in a reader, or -r virtual:FILE.card
    euicc bench                    measure against the budgets
    euicc bench servers            the same for the SM-SR and the SM-DP
    """


@main.command()
@click.option(
    "--profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.der",
    help="Profile package to install instead of the project's own.",
)
@click.option(
    "--trace",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="Write every APDU, secure channel exchange and function there, without keys.",
)
@click.option("--seed", type=int, metavar="N", help="Repeat a run byte for byte: same N, same keys, same time.")
@click.option(
    "--timings",
    is_flag=True,
    help="Show count and time of the cryptographic operations in each step; measuring makes the steps slower.",
)
@click.option(
    "--card",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.card",
    help="Keep the card there, with its profile; its keys are shown at the end.",
)
@click.option(
    "--bearer",
    type=click.Choice(["reader", "sms", "https"]),
    default="https",
    show_default=True,
    help="How the servers reach the card: in a reader, by short messages, or over TLS by channels of its device.",
)
@click.option(
    "--loss",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    metavar="P",
    help="The share of short messages that get lost, that come twice, and that come out of order: 0 to 0.9.",
)
@click.option(
    "--servers",
    is_flag=True,
    help="Through SM-SR and SM-DP as servers: ES2 over mutual TLS, SQLite, an SMSC; no other option but --json.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.pass_context
def demo(
    ctx: click.Context,
    profile: Path | None,
    trace: Path | None,
    seed: int | None,
    timings: bool,
    card: Path | None,
    bearer: str,
    loss: float,
    servers: bool,
    as_json: bool,
) -> None:
    """Bring a profile into a new card and the card into a network.

    Everything is made on the spot: certificates of CI, EUM, SM-DP and SM-SR, a card with its keys, a subscription.
    Then the SM-SR registers the card, the SM-DP prepares the profile, and both bring it into the card. It sits in a
    device that a profile from the factory attached to a network: a short message calls it, it opens a TLS session with
    the SM-SR, gets the profile, switches, attaches again and tells the SM-SR. With --bearer sms short messages carry
    everything; with --bearer reader there is no device, and every byte is an APDU in a PC/SC reader of this process.
    """
    if servers:
        given = [name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if more := sorted(set(given) - {"servers", "as_json"}):
            raise click.UsageError(f"--servers goes with --json only, not with --{more[0]}")
        from tools.demo.served import run as run_served

        run_served(as_json=as_json)
        return
    from tools.demo.command import run
    from tools.demo.options import DemoOptions

    if loss and bearer == "reader":
        raise click.UsageError("--loss is about short messages, which --bearer reader has none of")
    options = DemoOptions(profile=profile, trace=trace, seed=seed, timings=timings, card=card, bearer=bearer, loss=loss)
    run(options, as_json=as_json)


@main.group(invoke_without_command=True)
@click.option(
    "--profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.der",
    help="Profile package to provision instead of the project's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.pass_context
def bench(context: click.Context, profile: Path | None, as_json: bool) -> None:
    """Measure speed and memory against the budgets.

    Each figure is the median of several rounds, with the width of the middle half of them as its spread, and stands
    beside what this machine could do in the same run. A figure outside its budget is marked; it is no error.
    """
    if context.invoked_subcommand is not None:
        return
    from tools.bench.command import run

    run(profile, as_json=as_json)


@bench.command("servers")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option(
    "--postgresql",
    metavar="URL|auto",
    default="",
    help="Provision with PostgreSQL, too: a server where this user may make databases, or one that is started for it.",
)
def bench_servers(as_json: bool, postgresql: str) -> None:
    """Measure the SM-SR and the SM-DP as servers: some minutes, on two processors.

    GetEIS with 100 000 EIS, and downloads with activation of 1000 cards from an operator's call to its callback.
    """
    from tools.bench.servers.command import run

    run(as_json=as_json, postgresql=postgresql)


@main.command()
def doctor() -> None:
    """Check what a card in a reader needs, and say how to mend it.

    Looked at are Python and its packages, pcscd, its virtual reader (vpcd) with its configuration, and whether this
    user reaches them. The exit code is 1 when something is missing.
    """
    from tools.doctor import run

    if not run():
        raise SystemExit(1)


@main.group()
def card() -> None:
    """Cards in image files."""


@card.command("new")
@click.argument("path", metavar="FILE.card", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--eid", metavar="EID", help="32 digits, check digits included; drawn otherwise.")
@click.option(
    "--lab/--production",
    default=True,
    show_default=True,
    help="With a key set on the ISD-R for work at a reader, or as it goes into the field.",
)
@click.option("--seed", type=int, metavar="N", help="Make the same card again: same N, same keys.")
def card_new(path: Path, eid: str | None, lab: bool, seed: int | None) -> None:
    """Make a card in a new image.

    FILE.card is the card, in a SQLite file that one process at a time can have. FILE.card.pem holds the CI and the EUM
    that it comes from, with their keys: with them an SM-DP that the card trusts can be made. Both are readable by their
    owner only. The keys of a lab card are shown this once.
    """
    from tools.cards.command import make

    make(path, eid=eid, lab=lab, seed=seed)


@card.command("serve")
@click.argument("path", metavar="FILE.card", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--vpcd", metavar="HOST:PORT", help="Where the virtual reader listens; 127.0.0.1:35963 otherwise.")
def card_serve(path: Path, vpcd: str | None) -> None:
    """Put a card into the virtual reader of pcscd.

    Every PC/SC program then sees it (Debian packages pcscd and vsmartcard-vpcd). It comes back when pcscd restarts.
    The reader's second slot is one port above the first. Ctrl-C takes the card out.
    """
    from tools.cards.serve import serve

    serve(path, vpcd)


for _group, _commands in ((main, MAIN), (card, CARD)):
    for _command in _commands:
        _group.add_command(_command)


if __name__ == "__main__":
    main(prog_name="euicc")
