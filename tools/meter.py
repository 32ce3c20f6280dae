# SPDX-License-Identifier: Apache-2.0
"""How often a stretch of code computes what, and for how long: the cryptographic operations of `--timings`.

The interpreter's own profiler watches the calls, so the code under measurement knows nothing of it and is not
changed. Operations are told apart by the functions that carry them out: those of `apdu.keys` and `apdu.channel`, and
where others use the cryptography package directly, its own. CMACs inside a derivation count as part of it.
"""

from __future__ import annotations

import cProfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, unique
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.cmac import CMAC

from apdu.channel.session import Session
from apdu.keys import kdf
from apdu.keys.ec import PrivateKey, PublicKey
from apdu.keys.secret import SecretKey

__all__ = ["Meter", "Operation", "Usage"]


@unique
class Operation(Enum):
    """What is counted."""

    KEY_GENERATION = "key generation"
    SIGN = "ECDSA sign"
    VERIFY = "ECDSA verify"
    AGREE = "ECDH"
    DERIVE = "KDF"
    CMAC = "CMAC"
    CBC = "CBC"


@dataclass(frozen=True, slots=True)
class Usage:
    """How often an operation ran, and how long in all, the parts of both ends together."""

    operation: Operation
    count: int
    seconds: float


def _key(function: Callable[..., object]) -> CodeType | str:
    """How the profiler names a function: its code, or for one that is not Python the text that stands for it."""
    if isinstance(function, MethodType):
        function = function.__func__
    return function.__code__ if isinstance(function, FunctionType) else repr(function)


_DERIVATIONS: Final = (kdf.scp03_kdf, kdf.x963_sha256, kdf.one_step_sha256)
_OPERATIONS: Final[dict[CodeType | str, Operation]] = {
    _key(function): operation
    for operation, functions in {
        Operation.KEY_GENERATION: (PrivateKey.from_entropy,),
        Operation.SIGN: (PrivateKey.sign, x509.CertificateBuilder.sign),
        Operation.VERIFY: (PublicKey.verify, x509.Certificate.verify_directly_issued_by),
        Operation.AGREE: (PrivateKey.ecdh,),
        Operation.DERIVE: _DERIVATIONS,
        Operation.CBC: (Session.encrypt, Session.decrypt, SecretKey.encrypt_cbc, SecretKey.decrypt_cbc),
    }.items()
    for function in functions
}
_KEYING, _COPY, _UPDATE, _FINALIZE = (
    _key(function) for function in (SecretKey.cmac, CMAC.copy, CMAC.update, CMAC.finalize)
)
_CMAC_PARTS: Final = frozenset((_KEYING, _COPY, _UPDATE, _FINALIZE))
"""What a CMAC is made of; its last call is the one that counts."""
_NESTED: Final = {_KEYING: frozenset((_COPY,)), **{_key(function): _CMAC_PARTS for function in _DERIVATIONS}}
"""Parts that were called from where they are accounted for already."""


class Meter:
    """Collects what the stretches inside `watch` did."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Measure what runs inside; the profiler makes Python code slower, the operations themselves hardly."""
        self._profile.enable()
        try:
            yield
        finally:
            self._profile.disable()

    def usages(self) -> list[Usage]:
        """What was seen, in the order of `Operation`; nothing for operations that did not run."""
        counts = dict.fromkeys(Operation, 0)
        seconds = dict.fromkeys(Operation, 0.0)
        for entry in self._profile.getstats():
            operation = _OPERATIONS.get(entry.code)
            if operation is not None:
                counts[operation] += entry.callcount
                seconds[operation] += entry.totaltime
            if entry.code in _CMAC_PARTS:
                counts[Operation.CMAC] += entry.callcount if entry.code == _FINALIZE else 0
                seconds[Operation.CMAC] += entry.totaltime
            for part in _nested(entry):
                counts[Operation.CMAC] -= part.callcount if part.code == _FINALIZE else 0
                seconds[Operation.CMAC] -= part.totaltime
        return [Usage(operation, counts[operation], seconds[operation]) for operation in Operation if counts[operation]]


def _nested(entry: Any) -> list[Any]:  # the profiler's entries have no types
    parts = _NESTED.get(entry.code)
    return [] if parts is None else [call for call in entry.calls or () if call.code in parts]
