# SPDX-License-Identifier: Apache-2.0
"""Options that every command on a card has, as one decorator, and the value that they become.

Nothing is imported from outside but click: help is shown and wrong usage refused before anything heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tools.jsonerror import json_option

__all__ = [
    "DOMAINS",
    "ReaderOptions",
    "StaticKeys",
    "card_options",
    "parse_keys",
    "read_aid",
    "read_byte",
    "read_hex",
    "read_keys",
    "reader_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_KEY_SIZES: Final = (16, 24, 32)


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """ENC, MAC and DEK as they were given; never shown."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """Which reader, how it is opened, what is shown of it, and with which keys."""

    index: int | None = None
    name: str | None = None
    shared: bool = False
    apdu_trace: bool = False
    trace_file: Path | None = None
    keys: StaticKeys | None = None
    keys_typed: bool = False
    """Whether the keys stand on the command line, and not in the environment."""
    key_version: int = 0x30
    as_json: bool = False


def parse_keys(text: str) -> StaticKeys:
    """ENC:MAC:DEK of the same length; the ValueError says what is wrong without showing any of it."""
    try:
        keys = tuple(bytes.fromhex(part) for part in text.split(":"))
    except ValueError:
        raise ValueError("a key holds something else than hexadecimal digits") from None
    if len(keys) != 3:
        raise ValueError(f"three keys ENC:MAC:DEK are needed, not {len(keys)}")
    if len(keys[0]) not in _KEY_SIZES or len(set(map(len, keys))) > 1:
        raise ValueError("AES keys have 16, 24 or 32 bytes, all three the same")
    return StaticKeys(*keys)


def read_keys(ctx: click.Context, param: click.Parameter, value: str | None) -> StaticKeys | None:
    """Three keys, as an option has them."""
    try:
        return None if value is None else parse_keys(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def read_hex(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """Hexadecimal digits; blanks are allowed."""
    try:
        return None if value is None else bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not hexadecimal", ctx, param) from None


def read_byte(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """One byte in hexadecimal digits."""
    raw = read_hex(ctx, param, None if value is None else value.removeprefix("0x").rjust(2, "0"))
    if raw is not None and len(raw) != 1:
        raise click.BadParameter(f"{value!r} is no byte in hexadecimal digits, 00 to FF", ctx, param)
    return None if raw is None else raw[0]


def read_aid(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """An AID, or the name of a security domain."""
    named = None if value is None else DOMAINS.get(value.lower())
    raw = named or read_hex(ctx, param, value)
    if raw is not None and not 5 <= len(raw) <= 16:
        raise click.BadParameter(f"an AID has 5 to 16 bytes, not {len(raw)}", ctx, param)
    return raw


DOMAINS: Final = {
    "isd-r": bytes.fromhex("A0000005591010FFFFFFFF8900000100"),
    "ecasd": bytes.fromhex("A0000005591010FFFFFFFF8900000200"),
    "mno-sd": bytes.fromhex("A000000151000000"),
}
"""SGP.02 annex H; the default AID of an issuer security domain (GPCS H.1.3)."""

_READER: Final = (
    click.option(
        "-p", "--pcsc-device", type=click.IntRange(0), metavar="N", help="Reader number N of `euicc readers`."
    ),
    click.option(
        "-r",
        "--reader",
        metavar="TEXT",
        envvar="EUICC_READER",
        help="Reader whose name contains TEXT, or virtual:FILE.card.",
    ),
    click.option("--pcsc-shared", is_flag=True, help="Let other programs use the card meanwhile."),
    click.option("--apdu-trace", is_flag=True, help="Show every APDU on standard error, without secrets."),
    click.option(
        "--trace-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write every APDU there as JSON lines, without secrets.",
    ),
)
_KEYS: Final = (
    click.option(
        "-k",
        "--key",
        callback=read_keys,
        metavar="ENC:MAC:DEK",
        envvar="EUICC_KEY",
        help="SCP03 keys of the security domain, hexadecimal; EUICC_KEY keeps them out of the list of processes.",
    ),
    click.option(
        "--key-ver", callback=read_byte, default="30", show_default=True, metavar="HEX", help="Their version number."
    ),
)


def reader_options(
    *,
    pcsc_device: int | None,
    reader: str | None,
    pcsc_shared: bool,
    apdu_trace: bool,
    trace_file: Path | None,
    key: StaticKeys | None,
    key_ver: int,
    as_json: bool,
) -> ReaderOptions:
    """The options as one value; a reader is named one way only."""
    context = click.get_current_context()
    if pcsc_device is not None and reader is not None:
        if context.get_parameter_source("reader") is not click.core.ParameterSource.ENVIRONMENT:
            raise click.UsageError("-p and -r both name a reader: give one of them")
        reader = None  # what was typed goes before the environment
    return ReaderOptions(
        index=pcsc_device,
        name=reader,
        shared=pcsc_shared,
        apdu_trace=apdu_trace,
        trace_file=trace_file,
        keys=key,
        keys_typed=context.get_parameter_source("key") is click.core.ParameterSource.COMMANDLINE,
        key_version=key_ver,
        as_json=as_json,
    )


_NAMES: Final = ("pcsc_device", "reader", "pcsc_shared", "apdu_trace", "trace_file", "key", "key_ver", "as_json")


def card_options(command: F) -> F:
    """Give a command the common options; it gets them as `options`, a ReaderOptions."""

    @wraps(command)
    def with_options(*args: Any, **values: Any) -> Any:
        options = reader_options(**{name: values.pop(name) for name in _NAMES})
        return command(*args, options=options, **values)

    decorated: Any = with_options
    for option in reversed((*_READER, *_KEYS, json_option)):
        decorated = option(decorated)
    result: F = decorated
    return result
