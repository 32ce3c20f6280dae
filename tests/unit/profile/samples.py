# SPDX-License-Identifier: Apache-2.0
"""A hand-made element of every kind, in its JSON form, with every component that the module gives it."""

from __future__ import annotations

import json

from apdu.profile.der import Json
from apdu.profile.elements.element import decode_element, element_from_json, element_to_json, encode_element
from apdu.profile.elements.kinds import KINDS, TemplateKind

HEADER: Json = {"mandated": True, "identification": 300}
FCP: Json = {
    "fileDescriptor": "42210014",
    "fileID": "6F06",
    "lcsi": "05",
    "securityAttributesReferenced": "2F0601",
    "efFileSize": "0140",
    "shortEFID": "B8",
    "proprietaryEFInfo": {
        "specialFileInformation": "80",
        "fillPattern": "00FF",
        "maximumFileSize": "0200",
        "fileDetails": "01",
    },
}
DIRECTORY: Json = {
    "fileDescriptor": "7821",
    "fileID": "7FD0",
    "dfName": "A0000000871002FF49FF0589",
    "securityAttributesReferenced": "0E",
    "pinStatusTemplateDO": "81010A",
}
FILE: Json = [{"fileDescriptor": FCP}, {"fillFileOffset": 300}, {"fillFileContent": "00" * 200}]
_KEY: Json = {
    "keyUsageQualifier": "1880",
    "keyAccess": "01",
    "keyIdentifier": "01",
    "keyVersionNumber": "30",
    "keyCounterValue": "0000000001",
    "keyComponents": [{"keyType": "88", "keyData": "404142434445464748494A4B4C4D4E4F", "macLength": 4}],
}
_INSTANCE: dict[str, Json] = {
    "applicationLoadPackageAID": "A0000001515350",
    "classAID": "A000000151535041",
    "instanceAID": "A000000151000000",
    "extraditeSecurityDomainAID": "A000000151000001",
    "applicationPrivileges": "82DC00",
    "lifeCycleState": "0F",
    "applicationSpecificParametersC9": "81028000",
    "systemSpecificParameters": {
        "volatileMemoryQuotaC7": "0100",
        "nonVolatileMemoryQuotaC8": "0100",
        "globalServiceParameters": "01",
        "implicitSelectionParameter": "02",
        "volatileReservedMemory": "0100",
        "nonVolatileReservedMemory": "0100",
        "ts102226SIMFileAccessToolkitParameter": "03",
        "ts102226AdditionalContactlessParameters": {"protocolParameterData": "04"},
        "contactlessProtocolParameters": "05",
        "userInteractionContactlessParameters": "06",
        "cumulativeGrantedVolatileMemory": "0100",
        "cumulativeGrantedNonVolatileMemory": "0100",
    },
    "applicationParameters": {
        "uiccToolkitApplicationSpecificParametersField": "01",
        "uiccAccessApplicationSpecificParametersField": "02",
        "uiccAdministrativeAccessApplicationSpecificParametersField": "03",
    },
    "processData": ["8010000000", "8012000000"],
    "controlReferenceTemplate": {"applicationProviderIdentifier": "0102"},
}

_PLAIN: dict[str, Json] = {
    "header": {
        "major-version": 3,
        "minor-version": 255,
        "profileType": "Prüfling",
        "iccid": "89000123456789012341",
        "pol": "01",
        "eUICC-Mandatory-services": ["contactless", "usim", "scp11c-authorization-mechanism", "s16mode", "eaka"],
        "eUICC-Mandatory-GFSTEList": ["2.23.143.1.2.1", "2.23.143.1.2.13.4", "2.23.143.4294967296"],
        "connectivityParameters": "A0090607913386994211F1",
        "eUICC-Mandatory-AIDs": [{"aid": "A0000001515350", "version": "0102"}],
        "iotOptions": {"pix": "1002FF49FF0589"},
    },
    "genericFileManagement": {
        "gfm-header": HEADER,
        "fileManagementCMD": [
            [{"filePath": ""}, {"createFCP": DIRECTORY}],
            [
                {"filePath": "7F105F3A"},
                {"createFCP": FCP},
                {"fillFileOffset": 65535},
                {"fillFileContent": "00"},
                {"createFCP": {"fileDescriptor": "4121", "fileID": "6F3B", "linkPath": "7FD06F3B"}},
            ],
        ],
    },
    "pinCodes": {
        "pin-Header": HEADER,
        "pinCodes": {
            "pinconfig": [
                {
                    "keyReference": 142,
                    "pinValue": "3030303030303030",
                    "unblockingPINReference": 136,
                    "pinAttributes": 255,
                    "maxNumOfAttemps-retryNumLeft": 51,
                }
            ]
        },
    },
    "pukCodes": {
        "puk-Header": {"identification": 0},
        "pukCodes": [{"keyReference": 1, "pukValue": "3131313131313131", "maxNumOfAttemps-retryNumLeft": 170}],
    },
    "akaParameter": {
        "aka-header": HEADER,
        "algoConfiguration": {
            "algoParameter": {
                "algorithmID": 2,
                "algorithmOptions": "00",
                "key": "00" * 32,
                "opc": "01" * 32,
                "rotationConstants": "4000204060",
                "xoringConstants": "02" * 80,
                "authCounterMax": "010203",
                "numberOfKeccak": 2,
            }
        },
        "sqnOptions": "0E",
        "sqnDelta": "000010000000",
        "sqnAgeLimit": "000010000001",
        "sqnInit": ["000000000001"] * 32,
    },
    "cdmaParameter": {
        "cdma-header": HEADER,
        "authenticationKey": "0001020304050607",
        "ssd": "00" * 16,
        "hrpdAccessAuthenticationData": "0102",
        "simpleIPAuthenticationData": "010203",
        "mobileIPAuthenticationData": "0102030405",
    },
    "securityDomain": {
        "sd-Header": HEADER,
        "instance": _INSTANCE,
        "keyList": [_KEY],
        "sdPersoData": ["00700100", "00710101"],
        "openPersoData": {"restrictParameter": "01", "contactlessProtocolParameters": "02"},
        "catTpParameters": {"catTpMaxSduSize": 1024, "catTpMaxPduSize": 128},
    },
    "rfm": {
        "rfm-header": HEADER,
        "instanceAID": "A00000055910100001",
        "securityDomainAID": "A000000151000000",
        "tarList": ["B00000", "B00001"],
        "minimumSecurityLevel": "02",
        "uiccAccessDomain": "00",
        "uiccAdminAccessDomain": "0201",
        "adfRFMAccess": {
            "adfAID": "A0000000871002FF49FF0589",
            "adfAccessDomain": "00",
            "adfAdminAccessDomain": "00",
        },
    },
    "application": {
        "app-Header": HEADER,
        "loadBlock": {
            "loadPackageAID": "A0000000010203",
            "securityDomainAID": "A000000151000000",
            "nonVolatileCodeLimitC6": "0100",
            "volatileDataLimitC7": "0100",
            "nonVolatileDataLimitC8": "0100",
            "hashValue": "00" * 20,
            "loadBlockObject": "CA" * 400,
        },
        "instanceList": [_INSTANCE],
    },
    "nonStandard": {"nonStandard-header": HEADER, "issuerID": "1.3.6.1.4.1.9999", "content": "0102"},
    "end": {"end-header": HEADER},
}


def _template(kind: TemplateKind) -> Json:
    """An element with all its files, every seventh of them suppressed."""
    content: dict[str, Json] = {kind.header: HEADER, "templateID": "2.23.143.1.2.1"}
    for number, file in enumerate(kind.files):
        content[file.name] = [{"doNotCreate": True}] if number % 7 == 6 else FILE
    return content


SAMPLES: dict[str, Json] = _PLAIN | {kind.name: _template(kind) for kind in KINDS.values()}
"""By the module's name of the element."""

VARIANTS: dict[str, Json] = {
    "pinCodes": {"pin-Header": HEADER, "pinCodes": {"filePath": "7FD05F50"}},
    "akaParameter": {
        "aka-header": HEADER,
        "algoConfiguration": {
            "mappingParameter": {"mappingOptions": "01", "mappingSource": "A0000000871002FF49FF0589"}
        },
    },
    "application": {"app-Header": HEADER},
    "rfm": {
        "rfm-header": HEADER,
        "instanceAID": "A00000055910100001",
        "minimumSecurityLevel": "02",
        "uiccAccessDomain": "00",
        "uiccAdminAccessDomain": "00",
    },
}
"""The other alternative of a CHOICE, or nothing optional."""


def check_three_forms(raw: bytes) -> None:
    """bytes -> value -> JSON -> value -> bytes."""
    value = decode_element(raw)
    again = element_from_json(json.loads(json.dumps(element_to_json(value))))
    assert again == value
    assert encode_element(again) == raw
