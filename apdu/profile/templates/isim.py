# SPDX-License-Identifier: Apache-2.0
"""Templates of ADF.ISIM (2.8) and its optional files (2.9, 2.9.2), and of DF.EAP (2.12) (SAIP 9.9, 9.10; TS 31.103)."""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import Template, adf, bt, df, lf, oid, tr

__all__ = ["EAP", "ISIM", "OPT_ISIM"]

ISIM: Final = (
    Template(
        oid=oid("2.8"),
        kind="isim",
        by_default=True,
        rows=(
            adf("adf-isim"),
            tr("ef-impi", 0x6F02, None, sfi=0x02, arr=2, notes="M"),
            lf("ef-impu", 0x6F04, 1, None, sfi=0x04, arr=2, notes="M"),
            tr("ef-domain", 0x6F03, None, sfi=0x05, arr=2, notes="M"),
            tr("ef-ist", 0x6F07, 14, sfi=0x07, arr=2, notes="M"),
            tr("ef-ad", 0x6FAD, 3, sfi=0x03, arr=10, content="000000"),
            lf("ef-arr", 0x6F06, None, None, sfi=0x06, arr=10, notes="M"),
        ),
    ),
)

# Services are those of EF.IST.
_FIRST: Final = (
    lf("ef-pcscf", 0x6F09, 1, None, arr=2, notes="M s1 s5"),
    lf("ef-sms", 0x6F3C, 10, 176, arr=5, content="00FF..", notes="s6 s8"),
    lf("ef-smsp", 0x6F42, 1, 38, arr=5, notes="s8"),
    tr("ef-smss", 0x6F43, 2, arr=5, content="FFFF", notes="s6 s8"),
    lf("ef-smsr", 0x6F47, 10, 30, arr=5, content="00FF..", notes="s7 s8"),
    tr("ef-gbabp", 0x6FD5, None, arr=5, notes="s2"),
    lf("ef-gbanl", 0x6FD7, None, None, arr=2, notes="s2"),
    lf("ef-nafkca", 0x6FDD, None, None, arr=2, notes="s2 s4"),
    lf("ef-uicciari", 0x6FE7, None, None, arr=2, notes="M s10"),
)

_SECOND: Final = (
    tr("ef-frompreferred", 0x6FF7, 1, arr=2, content="00", notes="s17"),
    bt("ef-imsconfigdata", 0x6FF8, arr=2, notes="M s18"),
    bt("ef-xcapconfigdata", 0x6FFC, arr=2, notes="M s19"),
    lf("ef-webrtcuri", 0x6FFA, None, None, arr=2, notes="M s20"),
    bt("ef-mudmidconfigdata", 0x6FFE, arr=2, notes="M s21"),  # public tables print another identifier
)

OPT_ISIM: Final = (
    Template(oid=oid("2.9"), kind="opt-isim", by_default=False, rows=_FIRST),
    Template(oid=oid("2.9.2"), kind="opt-isim", by_default=False, rows=_FIRST + _SECOND),
)

EAP: Final = (
    Template(
        oid=oid("2.12"),
        kind="eap",
        by_default=False,
        rows=(
            df("df-eap", None, notes="s124 s125"),
            tr("ef-eapkeys", 0x4F01, None, arr=2, notes="H M"),
            tr("ef-eapstatus", 0x4F02, 1, arr=2, content="00", notes="H"),
            tr("ef-puid", 0x4F03, None, arr=2, notes="M"),
            tr("ef-ps", 0x4F04, None, arr=5, notes="H"),
            tr("ef-curid", 0x4F20, None, arr=5, notes="H"),
            tr("ef-reid", 0x4F21, None, arr=5, notes="M"),
            tr("ef-realm", 0x4F22, None, arr=5, notes="M"),
        ),
    ),
)
