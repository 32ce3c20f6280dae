# SPDX-License-Identifier: Apache-2.0
"""What an IoT Minimal Profile leaves to the card (SAIP 7.5).

No source for these defaults was found (U): they are the least with which such a profile works.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apdu.errors import DecodeError
from apdu.ids import Aid, swap_nibbles
from apdu.profile.elements.files import Fcp, File
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.response import Status
from apdu.profile.templates.rules import ef_arr
from apdu.tlv.scan import ber
from emulator.profile.interpreter.outcome import Refused

__all__ = ["iot_defaults"]

_TEMPORARY: Final = bytes.fromhex("7FD0")  # (U)
_MF_PINS: Final = bytes((0x01, 0x0A))  # (U)
_ADF_PINS: Final = bytes((0x01, 0x0A))  # (U)
_USIM_RID: Final = bytes.fromhex("A000000087")


def _records(length: int, content: bytes) -> File:
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return (Fcp(descriptor=b"\x42\x21" + length.to_bytes(2, "big"), size=size), content)


def iot_defaults(header: ProfileHeader, files: Mapping[str, File]) -> dict[str, File]:
    """The files of an IoT element, those that it leaves out included where the template alone cannot make them."""
    if header.iot_options is None:
        raise Refused(Status.INVALID_PARAMETER, "an IoT profile without iotOptions in its header")
    try:
        aid = Aid(_USIM_RID + header.iot_options.pix)
    except DecodeError as error:
        raise Refused(Status.BAD_VALUES, error.message) from None
    entry = ber(0x61, ber(0x4F, aid) + ber(0x50, b"USIM"))
    defaults: dict[str, File] = {
        "mf": (Fcp(pin_status=_MF_PINS),),
        "ef-iccid": (swap_nibbles(header.iccid),),
        "ef-dir": _records(len(entry), entry),
        "ef-arr": _records(*ef_arr()),
        "adf-usim": (Fcp(file_id=_TEMPORARY, df_name=aid, pin_status=_ADF_PINS),),
        "ef-arr-usim": _records(*ef_arr()),
    }
    return defaults | dict(files)
