# SPDX-License-Identifier: Apache-2.0
"""Straight-line readers for the few SEQUENCE types that a package holds hundreds of.

From the same declaration as the general reader comes a function without loops and tables: it tries the components in
their order. Whatever it does not expect (an unknown component, one that is missing, a value outside its constraint) it
answers with None; the general reader then reads the value again, or says what is wrong with it.

Frozen dataclasses assign through object.__setattr__, 0.1 us a field. So a mutable twin with the same slots is filled
and then made an instance of the frozen class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import make_dataclass
from typing import Any, Final, NamedTuple

from apdu.errors import DecodeError
from apdu.profile.der import Codec, Octets
from apdu.tlv.scan import read_header

__all__ = ["MISSING", "Component", "Reader", "compile_reader"]

Reader = Callable[[bytes, int, int], Any]

MISSING: Final[Any] = object()


class Component(NamedTuple):
    """A declared component of a SEQUENCE."""

    attribute: str
    name: str
    tag: int
    codec: Codec[Any]
    absent: Any
    """What stands for it when it is not there: None, False for NULL, or MISSING where it must be there."""


def compile_reader(
    cls: type[Any], components: Sequence[Component], reader_of: Callable[[Codec[Any]], Reader]
) -> Reader:
    """The reader of a class whose components have one-byte tags."""
    attributes = [item.attribute for item in components]
    bases = cls.__bases__
    fields = [*attributes, "extensions"]
    twin = make_dataclass("_Twin", fields, bases=bases, slots=True, repr=False, eq=False, match_args=False)
    names: dict[str, Any] = {
        "cls": cls,
        "twin": twin,
        "new": object.__new__,
        "read_header": read_header,
        "Unexpected": (IndexError, DecodeError),
    }
    lines = ["def read(data, at, stop):", " try:", "  tag = data[at] if at < stop else 0"]
    for number, item in enumerate(components):
        names[f"read{number}"] = reader_of(item.codec)
        names[f"absent{number}"] = item.absent
        lines += _component(number, item)
    lines += [" except Unexpected:", "  return None", " if at != stop:", "  return None", " made = new(twin)"]
    lines += [f" made.{attribute} = v{number}" for number, attribute in enumerate(attributes)]
    lines += [" made.extensions = ()", " made.__class__ = cls", " return made"]
    exec("\n".join(lines), names)
    reader: Reader = names["read"]
    return reader


def _component(number: int, item: Component) -> list[str]:
    """The lines that read one component when it is the next object."""
    lines = [f"  if tag == {item.tag}:", "   size, begin = data[at + 1], at + 2"]
    lines += ["   if size < 0x80:", "    end = begin + size", "   else:"]
    lines += ["    _, begin, end = read_header(data, at, stop, der=True)"]
    if type(item.codec) is Octets:
        lines += [f"   if not {item.codec.low} <= end - begin <= {item.codec.high}:", "    return None"]
        lines += [f"   v{number} = data[begin:end]"]
    else:
        lines += [f"   v{number} = read{number}(data, begin, end)"]
    lines += ["   at = end", "   tag = data[at] if at < stop else 0", "  else:"]
    return [*lines, "   return None" if item.absent is MISSING else f"   v{number} = absent{number}"]
