# SPDX-License-Identifier: Apache-2.0
"""Cards whose enabled profile holds security domains with the key sets that a test wants."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from apdu.ids import MNO_SD, Aid
from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from emulator.factory.eum import Bootstrap
from tests.support.lab import Lab

MNO_SD_KEY = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
"""The placeholder of the project's own profile."""


@dataclass(frozen=True)
class Domain:
    """A supplementary security domain with one SCP03 set, KVN 30."""

    aid: Aid
    enc: bytes
    mac: bytes
    dek: bytes
    parameter: int = 0x70

    def element(self) -> dict[str, Any]:
        """Its profile element, as a description has it."""
        return {
            "securityDomain": {
                "instance": {
                    "applicationLoadPackageAID": "A0000001515350",
                    "classAID": "A000000151535041",
                    "instanceAID": self.aid.hex().upper(),
                    "applicationPrivileges": "80C000",
                    "lifeCycleState": "0F",
                    "applicationSpecificParametersC9": f"810203{self.parameter:02X}",
                },
                "keySets": [
                    {
                        "version": "30",
                        "type": "88",
                        "usage": ["38", "34", "C8"],
                        "keys": [key.hex().upper() for key in (self.enc, self.mac, self.dek)],
                    }
                ],
            }
        }


def description() -> list[Any]:
    """The project's own profile."""
    text = resources.files("smdp.profiles").joinpath("default.toml").read_text("utf-8")
    elements = tomllib.loads(text)["element"]
    assert isinstance(elements, list)
    return elements


def package_with(*domains: Domain) -> bytes:
    """The project's own profile with more security domains."""
    elements = description()
    at = next(n for n, element in enumerate(elements) if "securityDomain" in element) + 1
    elements[at:at] = [domain.element() for domain in domains]
    return encode_package(build_package(elements))


def lab_with(*domains: Domain) -> Lab:
    """A card from the factory with that profile enabled."""
    lab = Lab(bootstrap=Bootstrap(package_with(*domains)))
    assert lab.card.files is not None
    assert any(aid == MNO_SD for aid, _ in lab.card.selectable())
    return lab
