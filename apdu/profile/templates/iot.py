# SPDX-License-Identifier: Apache-2.0
"""Templates of the IoT Minimal Profile: IoT (2.17) and OPT-IoT (2.18) (SAIP 7.5, 9.15, 9.16).

No public table was found (U): the rows are those of the MF, USIM, OPT-USIM, DF-5GS and DF-SAIP templates under the
names that the module gives them here.
"""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.fivegs import fivegs_rows, saip_rows
from apdu.profile.templates.mf import MF_ROWS
from apdu.profile.templates.model import FileTemplate, Template, bt, oid, tr
from apdu.profile.templates.opt_usim import OPLMN_ROWS
from apdu.profile.templates.usim import usim_rows

__all__ = ["IOT", "OPT_IOT"]

_OPTIONAL: Final = ("ef-fdn", "ef-sms", "ef-smsp", "ef-smss", "ef-spn", "ef-est", "ef-epsloci", "ef-epsnsc")
"""Files of the USIM template that are optional in an IoT profile."""


def _renamed(rows: tuple[FileTemplate, ...], names: dict[str, str]) -> tuple[FileTemplate, ...]:
    return tuple(row._replace(name=names.get(row.name, row.name)) for row in rows)


_USIM: Final = _renamed(usim_rows(17), {"ef-arr": "ef-arr-usim"})
_FIVEGS: Final = _renamed(fivegs_rows(2, 62, "F0FF0000"), {"ef-supinai": "ef-supi-nai"})

IOT: Final = (
    Template(
        oid=oid("2.17"),
        kind="iot",
        by_default=True,
        rows=MF_ROWS + tuple(row for row in _USIM if row.name not in _OPTIONAL),
    ),
)

OPT_IOT: Final = (
    Template(
        oid=oid("2.18"),
        kind="opt-iot",
        by_default=False,
        rows=(
            *(row for row in _USIM if row.name in _OPTIONAL),
            *OPLMN_ROWS,
            *_FIVEGS,
            bt("ef-ursp", 0x4F0B, arr=2, notes="s132"),
            tr("ef-tn3gppsnn", 0x4F0C, 1, sfi=0x0C, arr=2, content="00", notes="s135"),
            *saip_rows(),
        ),
    ),
)
