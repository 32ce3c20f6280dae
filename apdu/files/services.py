# SPDX-License-Identifier: Apache-2.0
"""Service tables by name: EF.UST and EF.EST (TS 31.102 4.2.8, 4.2.47), EF.IST (TS 31.103 4.2.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apdu.files.item import Item

__all__ = ["EST", "IST", "UST", "services"]

UST: Final = (
    "Local Phone Book", "Fixed Dialling Numbers", "Extension 2", "Service Dialling Numbers", "Extension 3",
    "Barred Dialling Numbers", "Extension 4", "Outgoing Call Information", "Incoming Call Information",
    "Short Message Storage", "Short Message Status Reports", "Short Message Service Parameters", "Advice of Charge",
    "Capability Configuration Parameters 2", "Cell Broadcast Message Identifier",
    "Cell Broadcast Message Identifier Ranges", "Group Identifier Level 1", "Group Identifier Level 2",
    "Service Provider Name", "User controlled PLMN selector with Access Technology", "MSISDN", "Image",
    "Support of Localised Service Areas", "Enhanced Multi Level Precedence and Pre-emption",
    "Automatic Answer for eMLPP", "reserved", "GSM Access", "Data download via SMS-PP", "Data download via SMS-CB",
    "Call Control by USIM", "MO-SMS Control by USIM", "RUN AT COMMAND", "shall be set to 1", "Enabled Services Table",
    "APN Control List", "Depersonalisation Control Keys", "Co-operative Network List", "GSM security context",
    "CPBCCH Information", "Investigation Scan", "MExE", "Operator controlled PLMN selector with Access Technology",
    "HPLMN selector with Access Technology", "Extension 5", "PLMN Network Name", "Operator PLMN List",
    "Mailbox Dialling Numbers", "Message Waiting Indication Status", "Call Forwarding Indication Status", "reserved",
    "Service Provider Display Information", "Multimedia Messaging Service", "Extension 8",
    "Call control on GPRS by USIM", "MMS User Connectivity Parameters", "Network's indication of alerting in the MS",
    "VGCS Group Identifier List",
    "VBS Group Identifier List", "Pseudonym", "User Controlled PLMN selector for I-WLAN access",
    "Operator Controlled PLMN selector for I-WLAN access", "User controlled WSID list", "Operator controlled WSID list",
    "VGCS security", "VBS security", "WLAN Reauthentication Identity", "Multimedia Messages Storage",
    "Generic Bootstrapping Architecture", "MBMS security", "Data download via USSD", "Equivalent HPLMN",
    "Additional TERMINAL PROFILE after UICC activation", "Equivalent HPLMN Presentation Indication",
    "Last RPLMN Selection Indication", "OMA BCAST Smart Card Profile", "GBA-based Local Key Establishment",
    "Terminal Applications", "Service Provider Name Icon", "PLMN Network Name Icon",
    "Connectivity Parameters for USIM IP connections", "Home I-WLAN Specific Identifier List",
    "I-WLAN Equivalent HPLMN Presentation Indication", "I-WLAN HPLMN Priority Indication",
    "I-WLAN Last Registered PLMN", "EPS Mobility Management Information", "Allowed CSG Lists",
    "Call control on EPS PDN connection by USIM", "HPLMN Direct Access", "eCall Data", "Operator CSG Lists",
    "Support for SM-over-IP", "Support of CSG Display Control", "Communication Control for IMS by USIM",
    "Extended Terminal Applications", "Support of UICC access to IMS", "Non-Access Stratum configuration by USIM",
    "PWS configuration by USIM", "reserved", "URI support by UICC", "Extended EARFCN support", "ProSe",
    "USAT Application Pairing", "Media Type support", "IMS call disconnection cause",
    "URI support for MO SHORT MESSAGE CONTROL", "ePDG configuration Information support",
    "ePDG configuration Information configured", "ACDC support", "Mission Critical Services",
    "ePDG configuration Information for Emergency Service support",
    "ePDG configuration Information for Emergency Service configured", "eCall Data over IMS",
    "URI support for SMS-PP DOWNLOAD", "From Preferred", "IMS configuration data", "TV configuration",
    "3GPP PS Data Off", "3GPP PS Data Off Service List", "V2X", "XCAP Configuration Data",
    "EARFCN list for MTC/NB-IOT UEs", "5GS Mobility Management Information", "5G Security Parameters",
    "Subscription identifier privacy support", "SUCI calculation by the USIM", "UAC Access Identities support",
    "Control plane-based steering of UE in VPLMN", "Call control on PDU Session by USIM", "5GS Operator PLMN List",
    "Support for SUPI of type NSI or GLI or GCI", "3GPP PS Data Off separate Home and Roaming lists",
    "Support for URSP by USIM", "5G Security Parameters extended", "MuD and MiD configuration data",
    "Support for Trusted non-3GPP access networks by USIM",
    "Multiple records of NAS security context storage for multiple registration",
    "Pre-configured CAG information list", "SOR-CMCI storage in USIM", "5G ProSe",
    "Storage of disaster roaming information in USIM", "Pre-configured eDRX parameters", "5G NSWO support",
    "PWS configuration for SNPN in USIM",
    "Multiplier Coefficient for Higher Priority PLMN search via NG-RAN satellite access",
    "K_AUSF derivation configuration", "Network Identifier for SNPN",
)  # fmt: skip
"""Services 1, 2, ... of EF.UST."""

EST: Final = ("Fixed Dialling Numbers", "Barred Dialling Numbers", "APN Control List")

IST: Final = (
    "P-CSCF address", "Generic Bootstrapping Architecture", "HTTP Digest", "GBA-based Local Key Establishment",
    "Support of P-CSCF discovery for IMS Local Break Out", "Short Message Storage", "Short Message Status Reports",
    "Support for SM-over-IP including data download via SMS-PP", "Communication Control for IMS by ISIM",
    "Support of UICC access to IMS", "URI support by UICC", "Media Type support", "IMS call disconnection cause",
    "URI support for MO SHORT MESSAGE CONTROL", "Mission Critical Services", "URI support for SMS-PP DOWNLOAD",
    "From Preferred", "IMS configuration data", "XCAP Configuration Data", "WebRTC URI",
    "MuD and MiD configuration data", "IMS Data Channel Indication",
)  # fmt: skip


def services(names: tuple[str, ...]) -> Callable[[bytes], Iterator[Item]]:
    """A decoder that names the services of a table that are available."""

    def decode(data: bytes) -> Iterator[Item]:
        numbers = [8 * at + bit + 1 for at, byte in enumerate(data) for bit in range(8) if byte >> bit & 1]
        yield Item("services", f"{len(numbers)} available", data)
        for number in numbers:
            name = names[number - 1] if number <= len(names) else "not known"
            at = (number - 1) // 8
            yield Item(f"service {number}", name, data[at : at + 1])

    return decode
