# SPDX-License-Identifier: Apache-2.0
"""Template of the optional files of ADF.USIM (2.5, 2.5.2, 2.5.3) (SAIP 9.6; TS 31.102 4.2)."""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.model import ADM1_ONLY, Template, bt, cy, lf, oid, tr

__all__ = ["OPLMN_ROWS", "OPT_USIM"]

UFC_DEFAULT: Final = "801E60C01E900080040000000000000000F0000000004000000000000080"  # (U) digits as found

OPLMN_ROWS: Final = (
    tr("ef-oplmnwact", 0x6F61, 40, sfi=0x11, arr=2, content="(FFFFFF0000)", notes="s42"),
    tr("ef-hplmnwact", 0x6F62, 5, sfi=0x13, arr=2, content="(FFFFFF0000)", notes="s43"),
    tr("ef-ehplmn", 0x6FD9, 15, sfi=0x1D, arr=2, notes="s71"),
)

_FIRST: Final = (
    tr("ef-li", 0x6F05, 6, sfi=0x02, arr=1),
    tr("ef-acmax", 0x6F37, 3, arr=5, content="000000", notes="s13"),
    cy("ef-acm", 0x6F39, 1, 3, arr=7, content="000000", notes="H s13"),
    tr("ef-gid1", 0x6F3E, 8, arr=2, notes="M s17"),
    tr("ef-gid2", 0x6F3F, 8, arr=2, notes="M s18"),
    lf("ef-msisdn", 0x6F40, 1, 24, arr=2, notes="s21"),
    tr("ef-puct", 0x6F41, 5, arr=5, content="FFFFFF0000", notes="s13"),
    tr("ef-cbmi", 0x6F45, 10, arr=5, notes="s15"),
    tr("ef-cbmid", 0x6F48, 10, sfi=0x0E, arr=2, notes="s29"),
    lf("ef-sdn", 0x6F49, 10, 24, arr=2, notes="s4 s89"),
    lf("ef-ext2", 0x6F4B, 10, 13, arr=8, content="00FF..", notes="s3"),
    lf("ef-ext3", 0x6F4C, 10, 13, arr=2, content="00FF..", notes="s5"),
    tr("ef-cbmir", 0x6F50, 20, arr=5, notes="s16"),
    tr("ef-plmnwact", 0x6F60, 40, sfi=0x0A, arr=5, content="(FFFFFF0000)", notes="s20"),
    *OPLMN_ROWS,
    tr("ef-dck", 0x6F2C, 16, arr=5, notes="s36"),
    tr("ef-cnl", 0x6F32, 30, arr=2, notes="s37"),
    lf("ef-smsr", 0x6F47, 10, 30, arr=5, content="00FF..", notes="s11"),
    lf("ef-bdn", 0x6F4D, 10, 25, arr=8, notes="s6"),
    lf("ef-ext5", 0x6F4E, 10, 13, arr=5, content="00FF..", notes="s44"),
    lf("ef-ccp2", 0x6F4F, 5, 15, sfi=0x16, arr=5, notes="s14"),
    lf("ef-ext4", 0x6F55, 10, 13, arr=8, content="00FF..", notes="s7"),
    tr("ef-acl", 0x6F57, 101, arr=8, content="00FF..", notes="s35"),
    lf("ef-cmi", 0x6F58, 10, 11, arr=2, notes="s6"),
    cy("ef-ici", 0x6F80, 20, 38, sfi=0x14, arr=5, content="..0000000001FFFF", notes="H s9"),
    cy("ef-oci", 0x6F81, 20, 37, sfi=0x15, arr=5, content="..00000001FFFF", notes="H s8"),
    cy("ef-ict", 0x6F82, 1, 3, arr=7, content="000000", notes="H s9"),
    cy("ef-oct", 0x6F83, 1, 3, arr=7, content="000000", notes="H s8"),
    tr("ef-vgcs", 0x6FB1, 20, arr=2, notes="M s57"),
    tr("ef-vgcss", 0x6FB2, 7, arr=5, notes="M s57"),
    tr("ef-vbs", 0x6FB3, 20, arr=2, notes="M s58"),
    tr("ef-vbss", 0x6FB4, 7, arr=5, notes="M s58"),
    tr("ef-emlpp", 0x6FB5, 2, arr=2, notes="M s24"),
    tr("ef-aaem", 0x6FB6, 1, arr=5, content="00", notes="s25"),
    tr("ef-hiddenkey", 0x6FC3, 4, arr=5),
    lf("ef-pnn", 0x6FC5, 10, 16, sfi=0x19, arr=10, notes="M s45"),
    lf("ef-opl", 0x6FC6, 5, 8, sfi=0x1A, arr=10, notes="M s46"),
    lf("ef-mbdn", 0x6FC7, 3, 24, arr=5, notes="M s47"),
    lf("ef-ext6", 0x6FC8, 10, 13, arr=5, content="00FF..", notes="s47"),
    lf("ef-mbi", 0x6FC9, 10, 5, arr=5, notes="M s47"),
    lf("ef-mwis", 0x6FCA, 10, 6, arr=5, content="00..", notes="H s48"),
    lf("ef-cfis", 0x6FCB, 10, 16, arr=5, content="0100FF..", notes="s49"),
    lf("ef-ext7", 0x6FCC, 10, 13, arr=5, content="00FF..", notes="s49"),  # public tables print another identifier
    tr("ef-spdi", 0x6FCD, 17, sfi=0x1B, arr=2, notes="M s51"),
    lf("ef-mmsn", 0x6FCE, 10, 6, arr=5, content="000000FF..", notes="s52"),
    lf("ef-ext8", 0x6FCF, 10, 13, arr=5, content="00FF..", notes="s53"),
    tr("ef-mmsicp", 0x6FD0, 100, arr=2, notes="s52"),
    lf("ef-mmsup", 0x6FD1, None, None, arr=5, notes="s52"),
    tr("ef-mmsucp", 0x6FD2, 100, arr=5, notes="s52 s55"),
    lf("ef-nia", 0x6FD3, 5, 11, arr=2, notes="s56"),
    tr("ef-vgcsca", 0x6FD4, None, arr=2, content="00..", notes="s64"),
    tr("ef-vbsca", 0x6FD5, None, arr=2, content="00..", notes="s65"),
    tr("ef-gbabp", 0x6FD6, None, arr=5, notes="s68"),
    lf("ef-msk", 0x6FD7, None, None, arr=2, notes="H s69"),
    lf("ef-muk", 0x6FD8, None, None, arr=2, notes="s69"),
    lf("ef-gbanl", 0x6FDA, None, None, arr=2, notes="s68"),
    tr("ef-ehplmnpi", 0x6FDB, 1, arr=2, content="00", notes="s71 s73"),
    tr("ef-lrplmnsi", 0x6FDC, 1, arr=2, content="00", notes="s74"),
    lf("ef-nafkca", 0x6FDD, None, None, arr=2, notes="s68 s76"),
    tr("ef-spni", 0x6FDE, None, arr=10, content="00FF..", notes="s78"),
    lf("ef-pnni", 0x6FDF, None, None, arr=10, content="00FF..", notes="s79"),
    lf("ef-ncp-ip", 0x6FE2, None, None, arr=2, notes="M s80"),
    tr("ef-ufc", 0x6FE6, 30, arr=10, content=UFC_DEFAULT),
    tr("ef-nasconfig", 0x6FE8, 18, arr=2, notes="M s96"),
    lf("ef-uicciari", 0x6FE7, None, None, arr=2, notes="M s95"),
    tr("ef-pws", 0x6FEC, None, arr=10, notes="M s97"),
    lf("ef-fdnuri", 0x6FED, None, None, arr=8, notes="s2 s99"),
    lf("ef-bdnuri", 0x6FEE, None, None, arr=8, notes="s6 s99"),
    lf("ef-sdnuri", 0x6FEF, None, None, arr=2, notes="s4 s99"),
    lf("ef-ial", 0x6FF0, None, None, arr=ADM1_ONLY, notes="s102"),
    cy("ef-ips", 0x6FF1, None, 4, arr=10, notes="H s102"),
    lf("ef-ipd", 0x6FF2, None, None, arr=ADM1_ONLY, notes="H s102"),
)

_SECOND: Final = (
    tr("ef-epdgid", 0x6FF3, None, arr=2, notes="M s106 s107"),
    tr("ef-epdgselection", 0x6FF4, None, arr=2, notes="M s106 s107"),
    tr("ef-epdgidem", 0x6FF5, None, arr=2, notes="M s110 s111"),
    tr("ef-epdgselectionem", 0x6FF6, None, arr=2, notes="M s110 s111"),
    tr("ef-frompreferred", 0x6FF7, 1, arr=2, content="00", notes="s114"),
    bt("ef-imsconfigdata", 0x6FF8, arr=2, notes="M s115"),
    tr("ef-3gpppsdataoff", 0x6FF9, 4, arr=2, notes="M s117"),
    lf("ef-3gpppsdataoffservicelist", 0x6FFA, None, None, arr=2, notes="M s118"),
    bt("ef-xcapconfigdata", 0x6FFC, arr=2, notes="M s120"),
    tr("ef-earfcnlist", 0x6FFD, None, arr=10, notes="M s121"),
    bt("ef-mudmidconfigdata", 0x6FFE, arr=2, notes="M s134"),  # public tables print another identifier
)

_THIRD: Final = (tr("ef-eaka", 0x6F01, 1, arr=ADM1_ONLY, notes="M"),)

OPT_USIM: Final = (
    Template(oid=oid("2.5"), kind="opt-usim", by_default=False, rows=_FIRST),
    Template(oid=oid("2.5.2"), kind="opt-usim", by_default=False, rows=_FIRST + _SECOND),
    Template(oid=oid("2.5.3"), kind="opt-usim", by_default=False, rows=_FIRST + _SECOND + _THIRD),
)
