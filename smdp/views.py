# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of an EIS that its SM-DP was shown (SGP.02 v4.2 annex E, table of visibility)."""

from __future__ import annotations

from dataclasses import replace

from smsr.api.eis import Eis
from smsr.api.eis_parts import Keyset
from smsr.kit.oid import Oid

__all__ = ["view_for_operator"]


def view_for_operator(eis: Eis, mno_id: Oid) -> Eis:
    """Its own profiles, and of the ISD-R's key sets only that they exist, which the schema demands."""
    own = tuple(profile for profile in eis.profiles if profile.mno_id == mno_id)
    keysets = tuple(Keyset(version=each.version) for each in eis.isd_r.keysets)
    return replace(eis, profiles=own, isd_r=replace(eis.isd_r, keysets=keysets), audit_trail=())
