# SPDX-License-Identifier: Apache-2.0
"""Templates of ADF.CSIM (2.10, 2.10.2) and its optional files (2.11, 2.11.2) (3GPP2 C.S0065).

No public table of these two templates was found: identifiers, types and record lengths are those of the GSMA TS.48
packages, sizes the lengths of their contents or those of C.S0065. Where a size is uncertain the row is marked `~`: the
file takes what the package writes if that is longer. Both versions have the same rows here (U).
"""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import FileTemplate, Template, adf, cy, lf, oid, tr

__all__ = ["CSIM", "OPT_CSIM"]

_ARR: Final = 2  # (U) the access rule of a file for which the package gives none
CALL_COUNT_RECORDS: Final = 2  # (U)


def _tr(name: str, fid: int, size: int | None, notes: str = "") -> FileTemplate:
    return tr(name, fid, size, arr=_ARR, notes=notes)


def _lf(name: str, fid: int, length: int | None = None) -> FileTemplate:
    return lf(name, fid, None, length, arr=_ARR)


_CSIM: Final = (
    adf("adf-csim"),
    _lf("ef-arr", 0x6F06),
    cy("ef-call-count", 0x6F21, CALL_COUNT_RECORDS, 2, arr=_ARR, notes="~"),
    _tr("ef-imsi-m", 0x6F22, 10),
    _tr("ef-imsi-t", 0x6F23, 10),
    _tr("ef-tmsi", 0x6F24, 16),
    _tr("ef-ah", 0x6F25, 2, "~"),
    _tr("ef-aop", 0x6F26, 1),
    _tr("ef-aloc", 0x6F27, 7, "~"),
    _lf("ef-cdmahome", 0x6F28, 5),
    _lf("ef-znregi", 0x6F29, 8),
    _tr("ef-snregi", 0x6F2A, 7),
    _tr("ef-distregi", 0x6F2B, 8, "~"),
    _tr("ef-accolc", 0x6F2C, 1),
    _tr("ef-term", 0x6F2D, 1),
    _tr("ef-acp", 0x6F2F, 7),
    _tr("ef-prl", 0x6F30, None),
    _tr("ef-ruimid", 0x6F31, 8, "~"),
    _tr("ef-csim-st", 0x6F32, None),
    _tr("ef-spc", 0x6F33, 3, "~"),
    _tr("ef-otapaspc", 0x6F34, 1),
    _tr("ef-namlock", 0x6F35, 1),
    _tr("ef-ota", 0x6F36, 17),
    _tr("ef-sp", 0x6F37, 1),
    _tr("ef-esn-meid-me", 0x6F38, 8, "~"),
    _tr("ef-li", 0x6F3A, None),
    _tr("ef-usgind", 0x6F42, 1),
    _tr("ef-ad", 0x6F43, 3, "~"),
    _tr("ef-max-prl", 0x6F45, 4),
    _tr("ef-spcs", 0x6F46, 1),
    _tr("ef-mecrp", 0x6F55, 3, "~"),
    _tr("ef-home-tag", 0x6F70, None),
    _tr("ef-group-tag", 0x6F71, None),
    _tr("ef-specific-tag", 0x6F72, None),
    _tr("ef-call-prompt", 0x6F73, None),
)

_OPTIONAL: Final = (
    _tr("ef-ssci", 0x6F2E, 1),
    _lf("ef-fdn", 0x6F3B),
    _lf("ef-sms", 0x6F3C),
    _lf("ef-smsp", 0x6F3D),
    _tr("ef-smss", 0x6F3E, None),
    _tr("ef-ssfc", 0x6F3F, None),
    _tr("ef-spn", 0x6F41, 35, "~"),
    _lf("ef-mdn", 0x6F44, 11),
    _tr("ef-ecc", 0x6F47, None),
    _tr("ef-me3gpdopc", 0x6F48, 1),
    _tr("ef-3gpdopm", 0x6F49, 1),
    _tr("ef-sipcap", 0x6F4A, 4),
    _tr("ef-mipcap", 0x6F4B, 5),
    _tr("ef-sipupp", 0x6F4C, None),
    _tr("ef-mipupp", 0x6F4D, None),
    _tr("ef-sipsp", 0x6F4E, 1),
    _tr("ef-mipsp", 0x6F4F, None),
    _tr("ef-sippapss", 0x6F50, None),
    _tr("ef-hrpdcap", 0x6F56, 3),
    _tr("ef-hrpdupp", 0x6F57, None),
    _tr("ef-csspr", 0x6F58, 1, "~"),  # (U) size
    _tr("ef-atc", 0x6F59, 1),
    _tr("ef-eprl", 0x6F5A, None),
    _lf("ef-bcsmsp", 0x6F5E, 2),
    _lf("ef-mmsn", 0x6F65),
    _lf("ef-ext8", 0x6F66, 13),
    _tr("ef-mmsicp", 0x6F67, None),
    _lf("ef-mmsup", 0x6F68),
    _tr("ef-mmsucp", 0x6F69, None),
    _tr("ef-3gcik", 0x6F6B, 32, "~"),
    _tr("ef-gid1", 0x6F6D, None),
    _tr("ef-gid2", 0x6F6E, None),
    _tr("ef-sf-euimid", 0x6F74, 7, "~"),
    _tr("ef-est", 0x6F75, None),
    _tr("ef-hidden-key", 0x6F76, 4, "~"),
    _lf("ef-sdn", 0x6F79),
    _lf("ef-ext2", 0x6F7A, 13),
    _lf("ef-ext3", 0x6F7B, 13),
    cy("ef-ici", 0x6F7C, None, 0, arr=_ARR),
    cy("ef-oci", 0x6F7D, None, 0, arr=_ARR),
    _lf("ef-ext5", 0x6F7E, 13),
    _lf("ef-ccp2", 0x6F7F),
    _tr("ef-model", 0x6F81, 126, "~"),
)

# (U) No package at hand holds these: the identifiers are from memory of C.S0065, a package names its own.
_UNSEEN: Final = (
    _tr("ef-puzl", 0x6F53, None),
    _tr("ef-maxpuzl", 0x6F54, None),
    _tr("ef-bcsmscfg", 0x6F5B, None),
    _tr("ef-bcsmspref", 0x6F5C, None),
    _lf("ef-bcsmstable", 0x6F5D),
    _lf("ef-bakpara", 0x6F63),
    _lf("ef-upbakpara", 0x6F64),
    _tr("ef-auth-capability", 0x6F6A, None),
    _tr("ef-dck", 0x6F6C, None),
    _tr("ef-cdmacnl", 0x6F6F, None),
    _tr("ef-lcsver", 0x6F77, None),
    _tr("ef-lcscp", 0x6F78, None),
    _tr("ef-applabels", 0x6F80, None),
    _tr("ef-rc", 0x6F82, None),
    _tr("ef-smscap", 0x6F83, None),
    _tr("ef-mipflags", 0x6F84, None),
    _tr("ef-3gpduppext", 0x6F85, None),
    _tr("ef-ipv6cap", 0x6F87, None),
    _tr("ef-tcpconfig", 0x6F88, None),
    _tr("ef-dgc", 0x6F89, None),
    _tr("ef-wapbrowsercp", 0x6F8A, None),
    _tr("ef-wapbrowserbm", 0x6F8B, None),
    _tr("ef-mmsconfig", 0x6F8C, None),
    _tr("ef-jdl", 0x6F8D, None),
)

CSIM: Final = (
    Template(oid=oid("2.10"), kind="csim", by_default=True, rows=_CSIM),
    Template(oid=oid("2.10.2"), kind="csim", by_default=True, rows=_CSIM),
)

OPT_CSIM: Final = (
    Template(oid=oid("2.11"), kind="opt-csim", by_default=False, rows=_OPTIONAL + _UNSEEN),
    Template(oid=oid("2.11.2"), kind="opt-csim", by_default=False, rows=_OPTIONAL + _UNSEEN),
)
