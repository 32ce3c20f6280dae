# SPDX-License-Identifier: Apache-2.0
"""Packages with one fault each: the parts up to the one at fault, and the status that a card answers with."""

from __future__ import annotations

from typing import Final

from apdu.profile.response import Status
from tests.protocol.profile_parts import (
    AKA,
    END,
    HEADER,
    ISIM,
    ISIM_AID,
    KEY,
    LOCAL,
    MF,
    OPT_USIM,
    PINS,
    PUKS,
    RFM,
    SD,
    TELECOM,
    USIM,
    USIM_AID,
    WHOLE,
    Part,
    changed,
    create,
    files,
)

BEFORE = (HEADER, MF, PUKS, PINS)
SECOND_SD = changed(SD, "securityDomain/instance/instanceAID", "A000000151000001")
APPLICATION: Part = {
    "application": {
        "loadBlock": {"loadPackageAID": "A0000000010203", "loadBlockObject": "CA" * 100},
        "instanceList": [
            {
                "applicationLoadPackageAID": "A0000000010203",
                "classAID": "A000000001020304",
                "instanceAID": "A000000001020305",
                "applicationPrivileges": "00",
                "applicationSpecificParametersC9": "",
            }
        ],
    }
}
CDMA: Part = {"cdmaParameter": {"authenticationKey": "0001020304050607"}}


def header(**members: object) -> Part:
    """The header with other members."""
    return {"header": {**HEADER["header"], **{name.replace("_", "-"): value for name, value in members.items()}}}


def services(*names: str) -> Part:
    return changed(HEADER, "header/eUICC-Mandatory-services", list(names))


def numbered(part: Part, number: int, *, mandated: bool = True) -> Part:
    """A part with a header of its own instead of the one that its place gives."""
    kind = next(iter(part))
    names = {"pinCodes": "pin-Header", "eap": "eap-header", "end": "end-header", "usim": "usim-header"}
    given = {"identification": number} | ({"mandated": True} if mandated else {})
    return {kind: {**part[kind], names[kind]: given}}


def sd(path: str, value: object) -> Part:
    return changed(SD, f"securityDomain/{path}", value)  # type: ignore[arg-type]


def aka(**members: object) -> Part:
    given = AKA["akaParameter"]["algoConfiguration"]["algoParameter"]
    return {"akaParameter": {"algoConfiguration": {"algoParameter": {**given, **members}}}}


def usim(name: str, file: object) -> tuple[Part, ...]:
    return (*BEFORE, changed(USIM, f"usim/{name}", file))  # type: ignore[arg-type]


def generic(*commands: Part) -> tuple[Part, ...]:
    return (*BEFORE, files(*commands))


EF: dict[str, str] = {"fileDescriptor": "4121", "efFileSize": "04"}
DF: dict[str, str] = {"fileDescriptor": "7821", "pinStatusTemplateDO": "010A"}
EAP: Part = {"eap": {"templateID": "2.12", "df-eap": {"fid": "5F60", "pins": "010A"}, "ef-eapstatus": {}}}

S: Final = Status
# name, the parts up to the one at fault, its status
REFUSED: list[tuple[str, tuple[Part, ...], Status]] = [
    # order (annex 1.1)
    ("no header", (MF,), S.INVALID_REQUEST_FORMAT),
    ("second header", (HEADER, HEADER), S.INVALID_PARAMETER),
    ("element after the end", (*WHOLE, numbered(END, 99)), S.INVALID_PARAMETER),
    ("file before the MF", (HEADER, TELECOM), S.INVALID_PARAMETER),
    ("USIM before the MF", (HEADER, USIM), S.INVALID_PARAMETER),
    ("generic file before the MF", (HEADER, files(create("2F05", **EF))), S.INVALID_PARAMETER),
    ("path before the MF", (HEADER, files({"filePath": "7F10"})), S.INVALID_PARAMETER),
    ("second MF", (*BEFORE, MF), S.INVALID_PARAMETER),
    ("PUKs before the MF", (HEADER, PUKS), S.INVALID_PARAMETER),
    ("PUKs twice", (*BEFORE, PUKS), S.INVALID_PARAMETER),
    ("PINs before the MF", (HEADER, PINS), S.INVALID_PARAMETER),
    ("PINs of the MF twice", (*BEFORE, PINS), S.INVALID_PARAMETER),
    ("local PINs of an ADF twice", (*BEFORE, USIM, LOCAL, LOCAL), S.INVALID_PARAMETER),
    ("optional files without USIM", (*BEFORE, OPT_USIM), S.INVALID_PARAMETER),
    ("optional files without ISIM", (*BEFORE, {"opt-isim": {"templateID": "2.9"}}), S.INVALID_PARAMETER),
    ("optional files without CSIM", (*BEFORE, {"opt-csim": {"templateID": "2.11"}}), S.INVALID_PARAMETER),
    ("authentication without application", (*BEFORE, AKA), S.INVALID_PARAMETER),
    ("authentication twice", (*BEFORE, USIM, AKA, AKA), S.INVALID_PARAMETER),
    ("CDMA without CSIM", (*BEFORE, USIM, CDMA), S.INVALID_PARAMETER),
    ("RFM without security domain", (*BEFORE, RFM), S.INVALID_PARAMETER),
    ("application without security domain", (*BEFORE, APPLICATION), S.INVALID_PARAMETER),
    ("no MF at all", (HEADER, END), S.INVALID_PARAMETER),
    ("identification twice", (*BEFORE, numbered(PINS, 2)), S.BAD_VALUES),
    # what the header demands (annex 1.2)
    ("version", (header(major_version=4),), S.UNSUPPORTED_PROFILE_VERSION),
    ("version", (header(major_version=1),), S.UNSUPPORTED_PROFILE_VERSION),
    ("service not supported", (services("usim", "javacard"),), S.FEATURE_NOT_SUPPORTED),
    ("service not supported", (services("cave"),), S.FEATURE_NOT_SUPPORTED),
    ("service unknown", (services("usim", "tag-9F25"),), S.FEATURE_NOT_SUPPORTED),
    (
        "template unknown",
        (changed(HEADER, "header/eUICC-Mandatory-GFSTEList", ["2.23.143.1.2.1", "2.23.143.1.2.99"]),),
        S.TEMPLATE_NOT_SUPPORTED,
    ),
    (
        "library unknown",
        (changed(HEADER, "header/eUICC-Mandatory-AIDs", [{"aid": "A0000000620001", "version": "0100"}]),),
        S.LIB_NOT_SUPPORTED,
    ),
    ("POL1 of two bytes", (header(pol="0102"),), S.BAD_VALUES),
    ("ICCID that is none", (header(iccid="8900012345678901234A"),), S.BAD_VALUES),
    ("unknown component", (changed(HEADER, "header/extensions", [{"place": 10, "tag": "9F25", "value": ""}]),),
     S.INVALID_PARAMETER),
    # what is not supported
    ("element unknown", (*BEFORE, {"unknown": {"tag": "BF22", "value": "A0058000810107"}}), S.PE_NOT_SUPPORTED),
    ("element reserved", (*BEFORE, {"unknown": {"tag": "AB", "value": "A0058000810107"}}), S.PE_NOT_SUPPORTED),
    ("non-standard", (*BEFORE, {"nonStandard": {"issuerID": "1.3.6.1.4.1.9999", "content": ""}}), S.PE_NOT_SUPPORTED),
    ("element of a service that is not there", (*BEFORE, USIM, numbered(EAP, 50)), S.PE_NOT_SUPPORTED),
    ("template unknown", (HEADER, changed(MF, "mf/templateID", "2.99")), S.TEMPLATE_NOT_SUPPORTED),
    ("template of another element", (HEADER, changed(MF, "mf/templateID", "2.4")), S.TEMPLATE_NOT_SUPPORTED),
    ("second USIM", (*BEFORE, USIM, changed(changed(USIM, "usim/adf-usim/fid", "7FD1"), "usim/adf-usim/aid",
                                             "A0000000871002FF49FF0590")), S.FEATURE_NOT_SUPPORTED),
    ("TUAK with an OPc", (*BEFORE, USIM, aka(algorithmID=2)), S.BAD_VALUES),
    ("TUAK with RES of 256 bits",
     (*BEFORE, USIM, aka(algorithmID=2, algorithmOptions="03", opc="5A" * 32)), S.BAD_VALUES),
    ("TUAK without Keccak", (*BEFORE, USIM, aka(algorithmID=2, opc="5A" * 32, numberOfKeccak=0)), S.BAD_VALUES),
    ("TUAK key", (*BEFORE, USIM, aka(algorithmID=2, key="5B" * 24, opc="5A" * 32)), S.BAD_VALUES),
    ("algorithm unknown", (*BEFORE, USIM, aka(algorithmID=9)), S.FEATURE_NOT_SUPPORTED),
    ("key type", (*BEFORE, sd("keySets/0/type", "A1")), S.FEATURE_NOT_SUPPORTED),
    (
        "unknown component",
        (*BEFORE, changed(PUKS, "pukCodes/pukCodes/0/extensions", [{"place": 3, "tag": "84", "value": ""}])),
        S.INVALID_PARAMETER,
    ),
    ("unknown component", (HEADER, changed(MF, "mf/extensions", [{"place": 9, "tag": "9F55", "value": ""}])),
     S.INVALID_PARAMETER),
    (
        "unknown component of the element's header",
        (HEADER, changed(MF, "mf/mf-header", {"identification": 1, "extensions": [
            {"place": 2, "tag": "82", "value": ""}]})),
        S.INVALID_PARAMETER,
    ),
    ("unknown step of a file", usim("ef-spn", [{"unknown": {"tag": "85", "value": ""}}]), S.INVALID_PARAMETER),
    (
        "unknown file parameter",
        usim("ef-spn", [{"fileDescriptor": {"extensions": [{"place": 9, "tag": "8C", "value": ""}]}}]),
        S.INVALID_PARAMETER,
    ),
    ("unknown command", generic({"unknown": {"tag": "84", "value": ""}}), S.INVALID_PARAMETER),
    ("file that the template lacks", (*BEFORE, USIM, {"opt-usim": {"templateID": "2.5", "ef-eaka": {}}}),
     S.INVALID_PARAMETER),
    # files (annex 1.3, 1.4)
    ("content longer than the file", usim("ef-est", {"content": "0102"}), S.BAD_VALUES),
    ("offset behind the end", usim("ef-imsi", [{"fillFileOffset": 5}, {"fillFileContent": "00" * 5}]), S.BAD_VALUES),
    ("content for a directory", usim("adf-usim", [
        {"fileDescriptor": {"fileID": "7FD0", "dfName": USIM_AID, "pinStatusTemplateDO": "010A"}},
        {"fillFileContent": "00"},
    ]), S.INVALID_PARAMETER),
    ("both patterns", usim("ef-spn", {"fill": "00", "repeat": "00"}), S.BAD_VALUES),
    ("size with leading zero", usim("ef-spn", [{"fileDescriptor": {"efFileSize": "0011"}}]), S.BAD_VALUES),
    ("size of five bytes", usim("ef-spn", [{"fileDescriptor": {"efFileSize": "0100000000"}}]), S.BAD_VALUES),
    ("no size anywhere", (*BEFORE, TELECOM, changed(TELECOM, "telecom/ef-rma", {})), S.BAD_VALUES),
    ("size no multiple of the record", usim("ef-sms", {"record-length": 7, "size": 20}), S.BAD_VALUES),
    ("more records than a record number", usim("ef-sms", {"record-length": 1, "size": 255}), S.BAD_VALUES),
    ("record of 256", usim("ef-sms", [{"fileDescriptor": {"fileDescriptor": "42210100"}}]), S.BAD_VALUES),
    ("descriptor of a directory", usim("ef-spn", [{"fileDescriptor": {"fileDescriptor": "7821"}}]), S.BAD_VALUES),
    ("descriptor unknown", usim("ef-spn", [{"fileDescriptor": {"fileDescriptor": "4721"}}]), S.BAD_VALUES),
    ("data coding", usim("ef-spn", [{"fileDescriptor": {"fileDescriptor": "4101"}}]), S.BAD_VALUES),
    ("SFI with low bits", usim("ef-spn", [{"fileDescriptor": {"shortEFID": "0F"}}]), S.BAD_VALUES),
    ("SFI 31", usim("ef-spn", [{"fileDescriptor": {"shortEFID": "F8"}}]), S.BAD_VALUES),
    ("access rule of two bytes", usim("ef-spn", {"rule": "6F06"}), S.BAD_VALUES),
    ("life cycle", usim("ef-spn", [{"fileDescriptor": {"lcsi": "0C"}}]), S.BAD_VALUES),
    ("PIN status in an EF", usim("ef-spn", {"pins": "010A"}), S.INVALID_PARAMETER),
    ("size in a directory", usim("adf-usim", {"fid": "7FD0", "aid": USIM_AID, "pins": "010A", "size": 4}),
     S.INVALID_PARAMETER),
    ("directory without PIN status", usim("adf-usim", {"fid": "7FD0", "aid": USIM_AID}), S.BAD_VALUES),
    ("PIN status twice the same", usim("adf-usim", {"fid": "7FD0", "aid": USIM_AID, "pins": "0101"}), S.BAD_VALUES),
    ("PIN status of no PIN", usim("adf-usim", {"fid": "7FD0", "aid": USIM_AID, "pins": "09"}), S.BAD_VALUES),
    ("ADF without AID", usim("adf-usim", {"fid": "7FD0", "pins": "010A"}), S.BAD_VALUES),
    ("ADF without temporary identifier", usim("adf-usim", {"aid": USIM_AID, "pins": "010A"}), S.BAD_VALUES),
    ("AID twice", (*BEFORE, USIM, changed(ISIM, "isim/adf-isim/aid", USIM_AID)), S.BAD_VALUES),
    ("temporary identifier twice", (*BEFORE, USIM, changed(ISIM, "isim/adf-isim/fid", "7FD0")), S.BAD_VALUES),
    ("file identifier twice", usim("ef-spn", {"fid": "6F07"}), S.BAD_VALUES),
    ("file identifier 7FFF", usim("ef-spn", {"fid": "7FFF"}), S.BAD_VALUES),
    ("second Fcp with the same identifier", usim("ef-spn", [{"fileDescriptor": {}}, {"fileDescriptor": {}}]),
     S.BAD_VALUES),
    ("doNotCreate of a directory", usim("adf-usim", [{"doNotCreate": True}]), S.INVALID_PARAMETER),
    ("doNotCreate and content", usim("ef-sms", [{"doNotCreate": True}, {"fillFileContent": "00"}]),
     S.INVALID_PARAMETER),
    ("file in a directory that is not there",
     (*BEFORE, changed(TELECOM, "telecom/ef-img", {"record-length": 10, "records": 1})), S.INVALID_PARAMETER),
    ("file of several without identifier",
     (*BEFORE, {"cd": {"templateID": "2.2", "df-cd": {"pins": "010A"}, "ef-icon": {"size": 1}}}), S.BAD_VALUES),
    ("link to nothing", usim("ef-spn", {"link": "7F106F3B"}), S.BAD_VALUES),
    ("link with half an identifier", usim("ef-spn", {"link": "7FD06F"}), S.BAD_VALUES),
    ("link to a directory", usim("ef-spn", {"link": "7FD0"}), S.BAD_VALUES),
    ("link to what comes later", usim("ef-spn", {"link": "7FD06F56"}), S.BAD_VALUES),
    ("link with content", usim("ef-spn", {"link": "7FD06F07", "content": "00"}), S.INVALID_PARAMETER),
    ("directory link to a file", generic(create("5F50", **DF, linkPath="2FE2")), S.BAD_VALUES),
    ("content without a file", generic({"fillFileContent": "00"}), S.INVALID_PARAMETER),
    ("content for a directory", generic(create("5F50", **DF), {"fillFileContent": "00"}), S.INVALID_PARAMETER),
    ("content after a path", generic(create("6F50", **EF), {"filePath": ""}, {"fillFileContent": "00"}),
     S.INVALID_PARAMETER),
    ("path to a file", generic({"filePath": "2FE2"}), S.BAD_VALUES),
    ("path to nothing", generic({"filePath": "7F20"}), S.BAD_VALUES),
    ("path through a file", generic({"filePath": "2FE27F20"}), S.BAD_VALUES),
    ("no descriptor", generic(create("6F50", efFileSize="04")), S.BAD_VALUES),
    ("no size", generic(create("6F50", fileDescriptor="4121")), S.BAD_VALUES),
    ("no identifier", generic({"createFCP": {**EF, "securityAttributesReferenced": "05"}}), S.BAD_VALUES),
    ("no access rule", generic({"createFCP": {**EF, "fileID": "6F50"}}), S.BAD_VALUES),
    ("record file without record length", generic(create("6F50", fileDescriptor="4221", efFileSize="04")),
     S.BAD_VALUES),
    ("second MF", generic(create("3F00", **DF)), S.INVALID_PARAMETER),
    ("ADF in a DF", generic(create("5F50", **DF), create("7FD0", **DF, dfName=USIM_AID)), S.BAD_VALUES),
    ("DF with the identifier of an ADF", (*BEFORE, USIM, files(create("7FD0", **DF))), S.BAD_VALUES),
    ("no MF first", (HEADER, files(create("7F10", **DF))), S.INVALID_PARAMETER),
    ("offset in a BER-TLV file",
     generic(create("6F50", fileDescriptor="7921", efFileSize="10"), {"fillFileOffset": 1}), S.INVALID_PARAMETER),
    ("no object in a BER-TLV file",
     generic(create("6F50", fileDescriptor="7921", efFileSize="10"), {"fillFileContent": "800201"}), S.BAD_VALUES),
    ("object larger than a BER-TLV file",
     generic(create("6F50", fileDescriptor="7921", efFileSize="02"), {"fillFileContent": "800101"}), S.BAD_VALUES),
    # PINs (annex 1.5)
    ("PUK not defined", (HEADER, MF, PINS), S.PIN_CODE_MISSING),
    ("local PIN in the MF", (HEADER, MF, PUKS, LOCAL), S.BAD_VALUES),
    ("global PIN in an ADF", (*BEFORE, USIM, PINS), S.BAD_VALUES),
    ("PIN twice", (HEADER, MF, PUKS, changed(PINS, "pinCodes/pinCodes/pinconfig/1/keyReference", 1)), S.BAD_VALUES),
    ("PUK twice", (HEADER, MF, {"pukCodes": {"pukCodes": PUKS["pukCodes"]["pukCodes"] * 2}}), S.BAD_VALUES),
    ("PUK of no reference", (HEADER, MF, changed(PUKS, "pukCodes/pukCodes/0/keyReference", 9)), S.BAD_VALUES),
    (
        "more tries left than there are",
        (HEADER, MF, PUKS, changed(PINS, "pinCodes/pinCodes/pinconfig/0/maxNumOfAttemps-retryNumLeft", 0x34)),
        S.BAD_VALUES,
    ),
    ("no tries", (HEADER, MF, changed(PUKS, "pukCodes/pukCodes/0/maxNumOfAttemps-retryNumLeft", 0)), S.BAD_VALUES),
    ("shared PINs of a directory without",
     (*BEFORE, TELECOM, USIM, {"pinCodes": {"pinCodes": {"filePath": "7F10"}}}), S.PIN_CODE_MISSING),
    # keys (annex 1.6, 1.7)
    ("short key", (*BEFORE, USIM, aka(key="00" * 8)), S.BAD_VALUES),
    ("short OPc", (*BEFORE, USIM, aka(opc="")), S.BAD_VALUES),
    ("sequence number above 43 bits",
     (*BEFORE, USIM, changed(AKA, "akaParameter/sqnDelta", "080000000000")), S.BAD_VALUES),
    (
        "mapping from nowhere",
        (*BEFORE, USIM, {"akaParameter": {"algoConfiguration": {
            "mappingParameter": {"mappingOptions": "01", "mappingSource": ISIM_AID}}}}),
        S.BAD_VALUES,
    ),
    ("key of a wrong length", (*BEFORE, sd("keySets/0/keys", ["00" * 15] * 3)), S.BAD_VALUES),
    ("key twice", (*BEFORE, sd("keySets", SD["securityDomain"]["keySets"] * 2)), S.BAD_VALUES),
    ("counter of six bytes", (*BEFORE, {"securityDomain": {
        "instance": SD["securityDomain"]["instance"],
        "keyList": [{"keyUsageQualifier": "18", "keyIdentifier": "01", "keyVersionNumber": "01",
                     "keyCounterValue": "00" * 6, "keyComponents": [{"keyType": "88", "keyData": KEY}]}],
    }}), S.BAD_VALUES),
    ("data groupings that are none", (*BEFORE, sd("sdPersoData", ["0070"])), S.BAD_VALUES),
    ("privileges", (*BEFORE, sd("instance/applicationPrivileges", "8080")), S.BAD_VALUES),
    ("install parameters", (*BEFORE, sd("instance/applicationSpecificParametersC9", "8102")), S.BAD_VALUES),
    ("toolkit parameters", (*BEFORE, sd("instance/applicationParameters", {
        "uiccToolkitApplicationSpecificParametersField": "0100"})), S.BAD_VALUES),
    ("toolkit parameters with half a TAR", (*BEFORE, sd("instance/applicationParameters", {
        "uiccToolkitApplicationSpecificParametersField": "01000000000002B20100"})), S.BAD_VALUES),
    ("second security domain with openPersoData",
     (*BEFORE, SD, changed(SECOND_SD, "securityDomain/openPersoData", {})), S.INVALID_PARAMETER),
    ("DAP key outside the MNO-SD", (*BEFORE, SD, changed(SECOND_SD, "securityDomain/keySets/0/version", "11")),
     S.BAD_VALUES),
    ("AID of a security domain twice", (*BEFORE, SD, SD), S.BAD_VALUES),
    ("extradition to nothing",
     (*BEFORE, SD, changed(SECOND_SD, "securityDomain/instance/extraditeSecurityDomainAID", "A000000151000009")),
     S.INVALID_PARAMETER),
    ("RFM under an SD that is not personalised", (*BEFORE, sd("instance/lifeCycleState", "07"), RFM),
     S.INVALID_PARAMETER),
    ("application under an SD that is not personalised",
     (*BEFORE, sd("instance/lifeCycleState", None), APPLICATION), S.INVALID_PARAMETER),
    ("RFM under an SD that is not there",
     (*BEFORE, SD, changed(RFM, "rfm/securityDomainAID", "A000000151000009")), S.INVALID_PARAMETER),
    ("RFM without TAR", (*BEFORE, SD, changed(RFM, "rfm/tarList", None)), S.BAD_VALUES),
    ("RFM twice", (*BEFORE, SD, RFM, RFM), S.BAD_VALUES),
    ("empty application", (*BEFORE, SD, {"application": {}}), S.INVALID_PARAMETER),
    ("RFM of an ADF that is not there",
     (*BEFORE, SD, changed(RFM, "rfm/adfRFMAccess", {
         "adfAID": ISIM_AID, "adfAccessDomain": "00", "adfAdminAccessDomain": "00"}), END), S.BAD_VALUES),
]  # fmt: skip
