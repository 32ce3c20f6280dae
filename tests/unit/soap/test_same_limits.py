# SPDX-License-Identifier: Apache-2.0
"""What JSON takes, SOAP can say, and GSMA's schemas take that: no value comes in by one binding and out by neither."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Final

import pytest
from lxml import etree

from apdu.errors import DecodeError, EncodeError
from smsr.api.functions import Function, Message
from smsr.api.json_codec import encode, receive
from tests.unit.soap.samples import ADDRESSING, BINDING, every_message
from tests.unit.soap.test_messages import schema

TEXTS: Final = (
    "",
    "x",
    "x" * 100,
    "x" * 101,
    "x" * 257,
    "x" * 4096,
    "0",
    "1.2",
    "1.2.3",
    "1.2.3.",
    "12" * 3,
    "12" * 16,
    "12" * 17,
    "12" * 600,
    "1" * 19,
    "89" + "1" * 17,
    "2026-11-23T08:00:09+24:00",
    "In-Creation",
)
NUMBERS: Final = (0, 1, 127, 128, 255, 256, 65_536, 2**31, 2**53 - 1)
Path = tuple[str | int, ...]
NOT_SAID: Final = (("function_requester",), ("validity_period",))
"""Who calls is in the header; a call whose period is 0 is over before anybody is told of it."""


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where texts, numbers and lists are, the values that the EUM signed excepted: they are XML themselves."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name != "signed":
                yield from _leaves(member, (*path, name))
        return
    if isinstance(value, list):
        for number, member in enumerate(value):
            yield from _leaves(member, (*path, number))
    if not isinstance(value, bool):
        yield path


def _instead(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list):
        return ([], value * 200)
    return TEXTS if isinstance(value, str) else NUMBERS


def _changed(value: Any, path: Path, new: Any) -> Any:
    changed = deepcopy(value)
    *way, last = path
    here = changed
    for step in way:
        here = here[step]
    here[last] = new
    return changed


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


@cache
def _cases() -> list[tuple[Function, str, Message]]:
    return [each for each in every_message() if each[0].in_schema]


@pytest.mark.parametrize("element", sorted({each[1] for each in _cases()}))
def test_what_json_takes_soap_can_say(element: str) -> None:
    bad: list[str] = []
    tried: set[Path] = set()
    for function, name, message in _cases():
        if name != element:
            continue
        value = json.loads(encode(message))
        assert receive(type(message), encode(message)) == message
        for path in _leaves(value):
            if path in tried or path in NOT_SAID:
                continue
            tried.add(path)
            for new in _instead(_at(value, path)):
                try:
                    taken = receive(type(message), json.dumps(_changed(value, path, new)).encode())
                except DecodeError:
                    continue
                try:
                    body = etree.fromstring(BINDING.build(function, taken, ADDRESSING))[1][0]
                except EncodeError as error:
                    bad.append(f"{path} {str(new)[:30]} {len(str(new))}: {error}")
                    continue
                if not schema().validate(etree.fromstring(etree.tostring(body))):
                    bad.append(f"{path} {str(new)[:30]}: {schema().error_log}")
    assert bad == []
