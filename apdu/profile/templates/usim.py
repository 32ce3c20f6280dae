# SPDX-License-Identifier: Apache-2.0
"""Templates of ADF.USIM (2.4, 2.4.2) and its DF.GSM-ACCESS (2.7) (SAIP 9.5, 9.8; TS 31.102 4.2, 4.4.1)."""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import FileTemplate, Template, adf, df, lf, oid, tr

__all__ = ["GSM_ACCESS", "USIM", "usim_rows"]


def usim_rows(service_table: int) -> tuple[FileTemplate, ...]:
    """The rows of ADF.USIM with an EF.UST of so many bytes."""
    return (
        adf("adf-usim"),
        tr("ef-imsi", 0x6F07, 9, sfi=0x07, arr=2, notes="M"),
        lf("ef-arr", 0x6F06, None, None, sfi=0x17, arr=10, notes="M"),
        tr("ef-keys", 0x6F08, 33, sfi=0x08, arr=5, content="07FF..", notes="H"),
        tr("ef-keysPS", 0x6F09, 33, sfi=0x09, arr=5, content="07FF..", notes="H"),
        tr("ef-hpplmn", 0x6F31, 1, sfi=0x12, arr=2, content="0A"),
        tr("ef-ust", 0x6F38, service_table, sfi=0x04, arr=2, notes="M"),
        lf("ef-fdn", 0x6F3B, 20, 26, arr=8, notes="s2 s89"),
        lf("ef-sms", 0x6F3C, 10, 176, arr=5, content="00FF..", notes="s10"),
        lf("ef-smsp", 0x6F42, 1, 38, arr=5, notes="s12"),
        tr("ef-smss", 0x6F43, 2, arr=5, content="FFFF", notes="s10"),
        tr("ef-spn", 0x6F46, 17, arr=10, notes="M s19"),
        tr("ef-est", 0x6F56, 1, sfi=0x05, arr=8, notes="M s2 s6 s34 s35"),
        tr("ef-start-hfn", 0x6F5B, 6, sfi=0x0F, arr=5, content="F00000F00000", notes="H"),
        tr("ef-threshold", 0x6F5C, 3, sfi=0x10, arr=2, content="FFFFFF"),
        tr("ef-psloci", 0x6F73, 14, sfi=0x0C, arr=5, content="..0000FF01", notes="H"),
        tr("ef-acc", 0x6F78, 2, sfi=0x06, arr=2, notes="M"),
        tr("ef-fplmn", 0x6F7B, 12, sfi=0x0D, arr=5),
        tr("ef-loci", 0x6F7E, 11, sfi=0x0B, arr=5, content="..0000FF01", notes="H"),
        tr("ef-ad", 0x6FAD, 4, sfi=0x03, arr=10, content="00000002"),
        lf("ef-ecc", 0x6FB7, 1, 4, sfi=0x01, arr=10, notes="M"),
        tr("ef-netpar", 0x6FC4, 128, arr=5, notes="H"),
        tr("ef-epsloci", 0x6FE3, 18, sfi=0x1E, arr=5, content="..000001", notes="H s85"),
        lf("ef-epsnsc", 0x6FE4, 1, 80, sfi=0x18, arr=5, notes="H s85"),
    )


USIM: Final = (
    Template(oid=oid("2.4"), kind="usim", by_default=True, rows=usim_rows(14)),
    Template(oid=oid("2.4.2"), kind="usim", by_default=True, rows=usim_rows(17)),
)

GSM_ACCESS: Final = (
    Template(
        oid=oid("2.7"),
        kind="gsm-access",
        by_default=False,
        rows=(
            df("df-gsm-access", 0x5F3B, notes="s27"),
            tr("ef-kc", 0x4F20, 9, sfi=0x01, arr=5, content="..07", notes="H s27"),
            tr("ef-kcgprs", 0x4F52, 9, sfi=0x02, arr=5, content="..07", notes="H s27"),
            tr("ef-cpbcch", 0x4F63, 10, arr=5, notes="H s39"),
            tr("ef-invscan", 0x4F64, 1, arr=2, content="00", notes="s40"),
        ),
    ),
)
