# SPDX-License-Identifier: Apache-2.0
"""All templates by OID (SAIP 9)."""

from __future__ import annotations

from typing import Final

from apdu.profile.templates.csim import CSIM, OPT_CSIM
from apdu.profile.templates.fivegs import DF_5GPROSE, DF_5GS, DF_SAIP, DF_SNPN
from apdu.profile.templates.iot import IOT, OPT_IOT
from apdu.profile.templates.isim import EAP, ISIM, OPT_ISIM
from apdu.profile.templates.mf import CD, MF
from apdu.profile.templates.model import Template
from apdu.profile.templates.opt_usim import OPT_USIM
from apdu.profile.templates.telecom import PHONEBOOK, TELECOM
from apdu.profile.templates.usim import GSM_ACCESS, USIM

__all__ = ["TEMPLATES"]

TEMPLATES: Final[dict[bytes, Template]] = {
    template.oid: template
    for versions in (
        MF,
        CD,
        TELECOM,
        USIM,
        OPT_USIM,
        PHONEBOOK,
        GSM_ACCESS,
        ISIM,
        OPT_ISIM,
        CSIM,
        OPT_CSIM,
        EAP,
        DF_5GS,
        DF_SAIP,
        DF_SNPN,
        DF_5GPROSE,
        IOT,
        OPT_IOT,
    )
    for template in versions
}
