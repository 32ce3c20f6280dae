# SPDX-License-Identifier: Apache-2.0
"""Templates of DF.TELECOM (2.3, 2.3.2) and DF.PHONEBOOK (2.6) (SAIP 9.4, 9.7; TS 31.102 4.4.2, 4.6)."""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import Template, bt, df, lf, oid, tr

__all__ = ["PHONEBOOK", "TELECOM"]

# The package gives file identifier and SFI of most files here: there may be several of each.
_PHONEBOOK: Final = (
    df("df-phonebook", 0x5F3A),
    lf("ef-pbr", 0x4F30, None, None, arr=2, notes="M"),
    lf("ef-ext1", None, None, 13, arr=5, content="00FF.."),  # 4F38 to 4F3F
    lf("ef-aas", None, None, None, arr=5),  # 4F40 to 4F47
    lf("ef-gas", None, None, None, arr=5),  # 4F48 to 4F4F
    tr("ef-psc", 0x4F22, 4, arr=5, content="00000000"),
    tr("ef-cc", 0x4F23, 2, arr=5, content="0000", notes="H"),
    tr("ef-puid", 0x4F24, 2, arr=5, content="0000", notes="H"),
    lf("ef-iap", None, None, None, arr=5),  # 4F50 to 4F57
    lf("ef-adn", None, None, None, arr=5),  # 4F58 to 4F5F; record 14 + alpha identifier
    lf("ef-pbc", None, None, 2, arr=5, content="00.."),  # 4F60 to 4F67; public tables call it otherwise
    lf("ef-anr", None, None, None, arr=5),  # 4F68 to 4F6F
    lf("ef-puri", None, None, None, arr=5, notes="M"),  # 4F70 to 4F77
    lf("ef-email", None, None, None, arr=5),  # 4F78 to 4F7F
    lf("ef-sne", None, None, None, arr=5),  # 4F80 to 4F87
    lf("ef-uid", None, None, 2, arr=5, content="0000"),  # 4F88 to 4F8F
    lf("ef-grp", None, None, None, arr=5, content="00.."),  # 4F90 to 4F97
    lf("ef-ccp1", None, None, None, arr=5),  # 4F98 to 4F9F
)

_TELECOM: Final = (
    df("df-telecom", 0x7F10),
    lf("ef-arr", 0x6F06, None, None, arr=10, notes="M"),
    lf("ef-rma", 0x6F53, None, None, arr=3, notes="M"),
    tr("ef-sume", 0x6F54, 22, arr=3, notes="M"),
    lf("ef-ice-dn", 0x6FE0, 50, 24, arr=9),
    lf("ef-ice-ff", 0x6FE1, None, None, arr=9),
    lf("ef-psismsc", 0x6FE5, None, None, arr=5, notes="M s12 s91"),
    df("df-graphics", 0x5F50),
    lf("ef-img", 0x4F20, None, None, arr=2, content="00FF.."),
    tr("ef-iidf", None, None, arr=2),  # 4F40 to 4F7F
    bt("ef-ice-graphics", 0x4F21, arr=9),
    tr("ef-launch-scws", 0x4F01, None, arr=10, notes="M"),
    tr("ef-icon", None, None, arr=10, notes="M"),  # 4F80 to 4FBF
    *_PHONEBOOK,
    df("df-multimedia", 0x5F3B, notes="s67"),
    bt("ef-mml", 0x4F47, arr=5, notes="s67"),
    bt("ef-mmdf", 0x4F48, arr=5, notes="s67"),
    df("df-mmss", 0x5F3C),
    tr("ef-mlpl", 0x4F20, None, sfi=0x01, arr=2, notes="M"),
    tr("ef-mspl", 0x4F21, None, sfi=0x02, arr=2, notes="M"),
    tr("ef-mmssmode", 0x4F22, 1, sfi=0x03, arr=2, notes="M"),
)

_MCS_V2X: Final = (
    df("df-mcs", 0x5F3D, notes="s109"),
    tr("ef-mst", 0x4F01, None, sfi=0x01, arr=2, notes="M s109"),
    bt("ef-mcs-config", 0x4F02, sfi=0x02, arr=2, notes="M s109"),
    df("df-v2x", 0x5F3E, notes="s119"),
    tr("ef-vst", 0x4F01, None, sfi=0x01, arr=2, notes="M s119"),
    bt("ef-v2x-config", 0x4F02, sfi=0x02, arr=2, notes="M s119"),
    tr("ef-v2xp-pc5", 0x4F03, None, arr=2, notes="M s119"),
    tr("ef-v2xp-Uu", 0x4F04, None, arr=2, notes="M s119"),
)

TELECOM: Final = (
    Template(oid=oid("2.3"), kind="telecom", by_default=False, rows=_TELECOM),
    Template(oid=oid("2.3.2"), kind="telecom", by_default=False, rows=_TELECOM + _MCS_V2X),
)

PHONEBOOK: Final = (Template(oid=oid("2.6"), kind="phonebook", by_default=False, rows=_PHONEBOOK),)
