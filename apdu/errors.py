# SPDX-License-Identifier: Apache-2.0
"""Every error of the project, as one tree.

M2mError
├── DecodeError            bytes that do not say what their format demands; knows path and offset
│   └── MissingError           an object that has to be there is not
├── EncodeError            a value that its format cannot carry
├── SecurityError          a MAC, cryptogram, signature, receipt or certificate does not verify
└── ProtocolError
    ├── LocalProtocolError     this side used a protocol in the wrong order
    └── RemoteProtocolError    the other side broke it
        └── StatusError            a card answered with an unexpected status word
"""

from __future__ import annotations

__all__ = [
    "DecodeError",
    "EncodeError",
    "LocalProtocolError",
    "M2mError",
    "MissingError",
    "ProtocolError",
    "RemoteProtocolError",
    "SecurityError",
    "StatusError",
]


class M2mError(Exception):
    """Root of all errors that this project raises on purpose."""


class DecodeError(M2mError):
    """Bytes that cannot be read: the reason, where (byte offset), and in what (path of names)."""

    def __init__(self, message: str, *, offset: int = 0, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.path = path

    def inside(self, name: str, offset: int = 0) -> DecodeError:
        """The same error seen from the object around it: path and offset count from there."""
        return type(self)(self.message, offset=self.offset + offset, path=(name, *self.path))

    def __str__(self) -> str:
        where = "/".join(self.path)
        return f"{where + ': ' if where else ''}{self.message} at offset {self.offset}"


class MissingError(DecodeError):
    """An object that has to be there is not."""


class EncodeError(M2mError):
    """A value that its format cannot carry."""


class SecurityError(M2mError):
    """A MAC, cryptogram, signature, receipt or certificate does not verify."""


class ProtocolError(M2mError):
    """A protocol was broken by one of its two sides."""


class LocalProtocolError(ProtocolError):
    """This side asked for a step that the protocol does not allow now."""


class RemoteProtocolError(ProtocolError):
    """The other side sent what the protocol does not allow now."""


class StatusError(RemoteProtocolError):
    """A card answered a command with a status word that the procedure cannot go on with."""

    def __init__(self, what: str, sw: int) -> None:
        from apdu.command.status import StatusWord  # the status words raise errors of this module themselves

        self.what = what
        self.sw = StatusWord(sw)
        super().__init__(f"{what}: {self.sw}")
