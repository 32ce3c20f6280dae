# SPDX-License-Identifier: Apache-2.0
"""XML as text. Written, not built as a tree: signed octets must go out as they came, and a tree that takes in a part
renames its prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from apdu.errors import EncodeError

__all__ = ["Namespace", "attribute", "element", "escape", "with_namespaces"]

_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE: Final = {**_TEXT, '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
_TEXT_TABLE: Final = str.maketrans(_TEXT)
_ATTRIBUTE_TABLE: Final = str.maketrans(_ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace, and the prefix that is written for it."""

    uri: str
    prefix: str


def _legal(text: str) -> str:
    if found := _ILLEGAL.search(text):
        raise EncodeError(f"XML cannot carry the character U+{ord(found.group()):04X}")
    return text


def escape(text: str) -> str:
    """Text between tags."""
    return _legal(text).translate(_TEXT_TABLE)


def attribute(name: str, value: str) -> str:
    """One attribute with the blank before it."""
    return f' {name}="{_legal(value).translate(_ATTRIBUTE_TABLE)}"'


def element(name: str, content: Iterable[str] | str = (), attributes: Iterable[str] = ()) -> str:
    """An element around content that is XML already."""
    inside = "".join(content)
    head = name + "".join(attributes)
    return f"<{head}>{inside}</{name}>" if inside else f"<{head}/>"


def with_namespaces(text: str, *namespaces: Namespace) -> str:
    """An element with the declarations of its prefixes."""
    end = re.search("[/> ]", text)
    assert end is not None
    heads = "".join(attribute(f"xmlns:{each.prefix}", each.uri) for each in namespaces)
    return f"{text[: end.start()]}{heads}{text[end.start() :]}"
