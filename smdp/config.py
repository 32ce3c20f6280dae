# SPDX-License-Identifier: Apache-2.0
"""smdp.toml: what `euicc smdp serve` reads; [server] and [[partner]] are those of smsr.serving.config.

Partners of the role SM-SR are those that it can call, so they need a `url`; operators are those that it serves.
"""

from __future__ import annotations

import msgspec

from smsr.kit.oid import Oid
from smsr.serving.config import ConfigError, PartnerConfig, ServerConfig

__all__ = ["SmDpConfig", "operators_of", "sm_srs_of"]


class SmDpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    server: ServerConfig
    partner: tuple[PartnerConfig, ...] = ()


def operators_of(partners: tuple[PartnerConfig, ...]) -> frozenset[Oid]:
    """Whom it serves."""
    return frozenset(Oid(each.oid) for each in partners if each.role == "operator")


def sm_srs_of(partners: tuple[PartnerConfig, ...]) -> frozenset[Oid]:
    """Whom it calls; ConfigError for one without an address."""
    found = [each for each in partners if each.role == "SM-SR"]
    for each in found:
        if not each.url:
            raise ConfigError(f"partner {each.oid} is an SM-SR without url: where is it called?")
    return frozenset(Oid(each.oid) for each in found)
