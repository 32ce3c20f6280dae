# SPDX-License-Identifier: Apache-2.0
"""Descriptions of profiles that come with the SM-DP (`apdu.profile.build` says how they are written)."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Final

from apdu.profile.build import build_package
from apdu.profile.elements.element import ProfileElement

__all__ = ["DEFAULT", "load_profile"]

DEFAULT: Final = "default"
"""USIM with Milenage, MNO-SD reachable by SMS, HTTPS and a reader."""


def load_profile(name: str = DEFAULT) -> tuple[ProfileElement, ...]:
    """Build one of the described profiles; it still needs a subscriber (`apdu.profile.personalise`)."""
    text = files(__name__).joinpath(f"{name}.toml").read_text("utf-8")
    return build_package(tomllib.loads(text)["element"])
