# SPDX-License-Identifier: Apache-2.0
"""From a whole profile package to its base."""

from __future__ import annotations

import sys
from hashlib import sha256

from apdu.errors import DecodeError
from apdu.profile.package import split_package
from apdu.profile.response import Status
from emulator.profile.base import ProfileBase
from emulator.profile.cache import BASES
from emulator.profile.interpreter import InstallError, Interpreter
from emulator.profile.policy import Policy

__all__ = ["base_for", "base_of", "known"]


def known(digest: bytes, policy: Policy) -> ProfileBase | None:
    """The base of a package that this process has interpreted already and still uses."""
    return BASES.known(policy, digest)


def base_for(package: bytes, policy: Policy, available: int = sys.maxsize) -> ProfileBase:
    """Interpret a package, or find its base; InstallError where a card refuses to install it."""
    found = known(sha256(package).digest(), policy)
    if found is not None and found.footprint <= available:
        return found
    interpreter = Interpreter(policy, available)
    try:
        elements = split_package(package)
    except DecodeError as error:
        status = Status.INVALID_REQUEST_FORMAT
        raise InstallError(status, str(error), identification=None, offset=error.offset) from None
    for element in elements:
        interpreter.element(element.raw, element.offset)
    return interpreter.base()


def base_of(package: bytes, *, lab: bool) -> ProfileBase:
    """The base of a package that a lab card or a production card has installed."""
    return base_for(package, Policy.of(lab=lab))
