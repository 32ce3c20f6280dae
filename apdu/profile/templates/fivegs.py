# SPDX-License-Identifier: Apache-2.0
"""Templates of 5G directories in ADF.USIM: DF-5GS (2.13 to 2.13.4), DF-SAIP (2.14), DF-SNPN (2.15), DF-5GPROSE (2.16).

SAIP 9.11 to 9.14, TS 31.102 4.4.11 to 4.4.13.
"""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import ADM1_ONLY, FileTemplate, Template, bt, df, lf, oid, tr

__all__ = ["DF_5GPROSE", "DF_5GS", "DF_SAIP", "DF_SNPN", "fivegs_rows", "saip_rows"]


def fivegs_rows(records: int, record_length: int, routing_indicator: str) -> tuple[FileTemplate, ...]:
    """The files that every version has, with what differs between them: the NSC files and the routing indicator."""
    return (
        df("df-df-5gs", 0x5FC0, notes="s122 s126 s127 s128 s129 s130"),  # public tables print 6FC0
        tr("ef-5gs3gpploci", 0x4F01, 20, sfi=0x01, arr=5, content="..00000001", notes="H s122"),
        tr("ef-5gsn3gpploci", 0x4F02, 20, sfi=0x02, arr=5, content="..00000001", notes="H s122"),
        lf("ef-5gs3gppnsc", 0x4F03, records, record_length, sfi=0x03, arr=5, notes="H s122 s136"),
        lf("ef-5gsn3gppnsc", 0x4F04, records, record_length, sfi=0x04, arr=5, notes="H s122 s136"),
        tr("ef-5gauthkeys", 0x4F05, 110, sfi=0x05, arr=5, notes="H M s123"),
        tr("ef-uac-aic", 0x4F06, 4, sfi=0x06, arr=2, notes="M s126"),
        tr("ef-suci-calc-info", 0x4F07, None, sfi=0x07, arr=2, notes="s124"),
        lf("ef-opl5g", 0x4F08, None, 10, sfi=0x08, arr=10, notes="s129"),
        tr("ef-supinai", 0x4F09, None, sfi=0x09, arr=2, notes="M s130"),
        tr("ef-routing-indicator", 0x4F0A, 4, sfi=0x0A, arr=2, content=routing_indicator, notes="s124"),
    )


_SECOND: Final = (
    bt("ef-ursp", 0x4F0B, arr=2, notes="s132"),
    tr("ef-tn3gppsnn", 0x4F0C, 1, sfi=0x0C, arr=2, content="00", notes="s135"),
)

_FOURTH: Final = (
    tr("ef-cag", 0x4F0D, 2, sfi=0x0D, arr=2, notes="M s137"),
    tr("ef-sor-cmci", 0x4F0E, None, sfi=0x0E, arr=2, notes="M s138"),
    tr("ef-dri", 0x4F0F, 7, sfi=0x0F, arr=2, notes="M s150"),
    tr("ef-5gsedrx", 0x4F10, 2, sfi=0x10, arr=2, notes="M s141"),
    tr("ef-5gnswo-conf", 0x4F11, 1, sfi=0x11, arr=2, notes="M s142"),
    tr("ef-mchpplmn", 0x4F15, 1, sfi=0x15, arr=2, notes="M s144"),
    tr("ef-kausf-derivation", 0x4F16, 1, sfi=0x16, arr=2, notes="M s145"),
)

DF_5GS: Final = (
    Template(oid=oid("2.13"), kind="df-5gs", by_default=False, rows=fivegs_rows(1, 57, "F0FFFFFF")),
    Template(oid=oid("2.13.2"), kind="df-5gs", by_default=False, rows=fivegs_rows(1, 57, "F0FFFFFF") + _SECOND),
    Template(oid=oid("2.13.3"), kind="df-5gs", by_default=False, rows=fivegs_rows(2, 62, "F0FFFFFF") + _SECOND),
    Template(
        oid=oid("2.13.4"), kind="df-5gs", by_default=False, rows=fivegs_rows(2, 62, "F0FF0000") + _SECOND + _FOURTH
    ),
)


def saip_rows() -> tuple[FileTemplate, ...]:
    """DF.SAIP: what the card itself needs to compute a SUCI, never readable for the terminal."""
    return (
        df("df-df-saip", 0x5FD0, notes="s124 s125"),  # public tables print 6FD0
        tr("ef-suci-calc-info-usim", 0x4F01, None, arr=ADM1_ONLY, notes="s125"),
    )


DF_SAIP: Final = (Template(oid=oid("2.14"), kind="df-saip", by_default=False, rows=saip_rows()),)

DF_SNPN: Final = (
    Template(
        oid=oid("2.15"),
        kind="df-snpn",
        by_default=False,
        rows=(
            df("df-df-snpn", 0x5FE0, notes="s143"),
            tr("ef-pws-snpn", 0x4F01, 1, arr=10, notes="M s143"),
        ),
    ),
)

DF_5GPROSE: Final = (
    Template(
        oid=oid("2.16"),
        kind="df-5gprose",
        by_default=False,
        rows=(
            df("df-df-5g-prose", 0x5FF0, notes="s139"),
            tr("ef-5g-prose-st", 0x4F01, 1, sfi=0x01, arr=2, notes="M s139"),
            tr("ef-5g-prose-dd", 0x4F02, 26, sfi=0x02, arr=2, notes="M s139"),
            tr("ef-5g-prose-dc", 0x4F03, 12, sfi=0x03, arr=2, notes="M s139"),
            tr("ef-5g-prose-u2nru", 0x4F04, 32, sfi=0x04, arr=2, notes="M s139"),
            tr("ef-5g-prose-ru", 0x4F05, 29, sfi=0x05, arr=2, notes="M s139"),
            tr("ef-5g-prose-uir", 0x4F06, 32, sfi=0x06, arr=2, notes="M s139"),
        ),
    ),
)
