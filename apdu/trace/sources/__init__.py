# SPDX-License-Identifier: Apache-2.0
"""Traces of any origin as streams of events, whatever is broken in them."""

from __future__ import annotations

from apdu.trace.sources.detect import FORMATS, HEAD, Format, detect
from apdu.trace.sources.source import Damage, Item, Source

__all__ = ["FORMATS", "HEAD", "Damage", "Format", "Item", "Source", "detect"]
