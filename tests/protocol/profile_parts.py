# SPDX-License-Identifier: Apache-2.0
"""A small profile in parts, from which tests make packages that are right or wrong in one place."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from apdu.profile.build import build_package
from apdu.profile.der import Json
from apdu.profile.package import encode_package, split_package
from emulator.profile.base import Directory, FileNode, ProfileBase
from emulator.profile.cache import BaseCache
from emulator.profile.interpreter import Interpreter
from emulator.profile.policy import LAB, Policy

Part: TypeAlias = dict[str, Any]

USIM_AID = "A0000000871002FF49FF0589"
ISIM_AID = "A0000000871004FF49FF0589"
KEY = "0F1E2D3C4B5A69788796A5B4C3D2E1F0"

HEADER: Part = {
    "header": {
        "major-version": 2,
        "minor-version": 3,
        "iccid": "89000123456789012341",
        "eUICC-Mandatory-services": [],
        "eUICC-Mandatory-GFSTEList": [],
    }
}
MF: Part = {
    "mf": {
        "templateID": "2.1",
        "mf": {"pins": "010A"},
        "ef-iccid": {"content": "98001032547698103214"},
        "ef-dir": {"applications": {USIM_AID: "USIM"}},
        "ef-arr": {"rules": True},
    }
}
PUKS: Part = {"pukCodes": {"pukCodes": [{"keyReference": 1, "pukValue": "3131313131313131"}]}}
PINS: Part = {
    "pinCodes": {
        "pinCodes": {
            "pinconfig": [
                {"keyReference": 1, "pinValue": "30303030FFFFFFFF", "unblockingPINReference": 1},
                {"keyReference": 10, "pinValue": "3535353535353535"},
            ]
        }
    }
}
TELECOM: Part = {"telecom": {"templateID": "2.3", "df-telecom": {"pins": "010A"}, "ef-arr": {"rules": True}}}
USIM: Part = {
    "usim": {
        "templateID": "2.4.2",
        "adf-usim": {"fid": "7FD0", "aid": USIM_AID, "pins": "81010A"},
        "ef-imsi": {"content": "080910101032547698"},
        "ef-arr": {"rules": True},
        "ef-ust": {"services": [10]},
        "ef-spn": {},
        "ef-est": {},
        "ef-acc": {},
        "ef-ecc": {},
    }
}
ISIM: Part = {
    "isim": {
        "templateID": "2.8",
        "adf-isim": {"fid": "7FB0", "aid": ISIM_AID, "pins": "81010A"},
        "ef-impi": {"size": 4},
        "ef-impu": {"record-length": 4},
        "ef-domain": {"size": 4},
        "ef-ist": {},
        "ef-arr": {"rules": True},
    }
}
OPT_USIM: Part = {"opt-usim": {"templateID": "2.5", "ef-li": {}}}
LOCAL: Part = {"pinCodes": {"pinCodes": {"pinconfig": [{"keyReference": 129, "pinValue": "39393939FFFFFFFF"}]}}}
AKA: Part = {
    "akaParameter": {
        "algoConfiguration": {"algoParameter": {"algorithmID": 1, "algorithmOptions": "00", "key": KEY, "opc": KEY}}
    }
}
SD: Part = {
    "securityDomain": {
        "instance": {
            "applicationLoadPackageAID": "A0000001515350",
            "classAID": "A000000151535041",
            "instanceAID": "A000000151000000",
            "applicationPrivileges": "82DC00",
            "lifeCycleState": "0F",
            "applicationSpecificParametersC9": "81028000",
        },
        "keySets": [{"version": "01", "type": "88", "usage": ["18", "14", "48"], "keys": [KEY, KEY, KEY]}],
    }
}
RFM: Part = {
    "rfm": {
        "instanceAID": "A00000055910100001",
        "tarList": ["B00000"],
        "minimumSecurityLevel": "02",
        "uiccAccessDomain": "00",
        "uiccAdminAccessDomain": "00",
    }
}
END: Part = {"end": {}}
WHOLE = (HEADER, MF, PUKS, PINS, TELECOM, USIM, LOCAL, AKA, OPT_USIM, SD, RFM, END)


def files(*commands: Part) -> Part:
    """A generic file management element with one list of commands."""
    return {"genericFileManagement": {"fileManagementCMD": [list(commands)]}}


def create(fid: str, **parameters: Any) -> Part:
    """createFCP with an access rule."""
    return {"createFCP": {"fileID": fid, "securityAttributesReferenced": "05", **parameters}}


def changed(part: Part, path: str, value: Json) -> Part:
    """A part with another value at a path of names and numbers; None takes the member out."""
    copy: Part = json.loads(json.dumps(part))
    target: Any = copy
    *steps, last = path.split("/")
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    if isinstance(target, list):
        target[int(last)] = value
    elif value is None:
        del target[last]
    else:
        target[last] = value
    return copy


def package(*parts: Part) -> bytes:
    """The package of these parts, in this order."""
    return encode_package(build_package(list(parts)))


def install(data: bytes, policy: Policy = LAB, available: int = 1 << 20) -> ProfileBase:
    """Interpret a package with a cache of its own, so that nothing comes from an earlier test."""
    interpreter = Interpreter(policy, available, BaseCache())
    for element in split_package(data):
        interpreter.element(element.raw, element.offset)
    return interpreter.base()


def file_at(base: ProfileBase, path: str) -> FileNode:
    """An elementary file by its path: hexadecimal identifiers, the first one may be an ADF's temporary one."""
    node = node_at(base, path)
    assert isinstance(node, FileNode)
    return node


def directory_at(base: ProfileBase, path: str) -> Directory:
    """A directory by its path."""
    node = node_at(base, path)
    assert isinstance(node, Directory)
    return node


def node_at(base: ProfileBase, path: str) -> Directory | FileNode:
    """What a path names."""
    node: Directory | FileNode = base.mf
    for step in path.split("/"):
        if not step:
            continue
        fid = int(step, 16)
        adf = next((adf for adf in base.adfs if adf.fid == fid and node is base.mf), None)
        assert isinstance(node, Directory)
        node = adf if adf is not None else node.children[fid]
    return node
