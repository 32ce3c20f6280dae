# SPDX-License-Identifier: Apache-2.0
"""Templates of files under the MF: MF (2.1) and CD (2.2) (SAIP 9.2, 9.3)."""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import Template, df, lf, mf, oid, tr

__all__ = ["CD", "MF", "MF_ROWS"]

MF_ROWS: Final = (
    mf("mf"),
    tr("ef-pl", 0x2F05, 2, sfi=0x05, arr=1),
    tr("ef-iccid", 0x2FE2, 10, arr=11, notes="M"),  # public tables print 2F02
    lf("ef-dir", 0x2F00, None, None, sfi=0x1E, arr=10, notes="M"),
    lf("ef-arr", 0x2F06, None, None, arr=10, notes="M"),
    tr("ef-umpc", 0x2F08, 5, sfi=0x08, arr=10),
)

MF: Final = (Template(oid=oid("2.1"), kind="mf", by_default=True, rows=MF_ROWS),)

CD: Final = (
    Template(
        oid=oid("2.2"),
        kind="cd",
        by_default=False,
        rows=(
            df("df-cd", 0x7F11),
            tr("ef-launchpad", 0x6F01, None, arr=2, notes="M"),
            tr("ef-icon", None, None, arr=2, notes="M"),  # 6F40 to 6F7E
        ),
    ),
)
