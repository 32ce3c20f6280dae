# SPDX-License-Identifier: Apache-2.0
"""Secure channels in a trace: followed, verified and decrypted with the keys of those who read it."""

from __future__ import annotations

from apdu.trace.unwrap.keys import DomainKeys, KeyRing
from apdu.trace.unwrap.unwrapper import Unwrapper, unwrap

__all__ = ["DomainKeys", "KeyRing", "Unwrapper", "unwrap"]
