# SPDX-License-Identifier: Apache-2.0
"""Values in words: identifiers of applications by name, flags by their bits, codes by the name of the specification."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum, IntFlag
from functools import lru_cache
from typing import Final

from apdu.cat.bip import ChannelStatus, TransportLevel
from apdu.cat.codes import Device, GeneralResult
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.values import Alpha, Duration, Item, LocationInformation, ResponseLength, TextString
from apdu.channel.scp03 import Parameter, SecurityLevel
from apdu.command.fcp import FileDescriptor, PinStatus, SecurityReference
from apdu.files.item import flags
from apdu.files.uiccfiles import key_reference
from apdu.gp.delete import KeyRange
from apdu.gp.recognition import KeyInformation
from apdu.ids import ECASD, ISD_P_LOAD_FILE, ISD_P_MODULE, ISD_P_OWN, ISD_R, MNO_SD, Aid
from apdu.keys.secret import KeyType

__all__ = ["aid_name", "coded", "name_of", "words"]

_AIDS: Final[Mapping[bytes, str]] = {
    ISD_R: "ISD-R",
    ECASD: "ECASD",
    ISD_P_LOAD_FILE: "ISD-P load file",
    ISD_P_MODULE: "ISD-P module",
    ISD_P_OWN: "own ISD-P",
    MNO_SD: "MNO-SD",
}
_PREFIXES: Final = (
    # TS 101 220 annex E, and applications that other programs look for
    (bytes.fromhex("A0000000871002"), "ADF.USIM"),
    (bytes.fromhex("A0000000871004"), "ADF.ISIM"),
    (bytes.fromhex("A0000003431002"), "ADF.CSIM"),
    (bytes.fromhex("A0000001510000"), "issuer security domain"),
    (bytes.fromhex("A000000003000000"), "issuer security domain (Visa)"),
    (bytes.fromhex("A000000308"), "PIV"),
    (bytes.fromhex("D27600012401"), "OpenPGP"),
    (bytes.fromhex("A000000063504B43532D3135"), "PKCS#15"),
    (bytes.fromhex("A0000006472F0001"), "FIDO"),
    (bytes.fromhex("A0000005272101"), "YubiKey OATH"),
    (bytes.fromhex("A000000527471117"), "YubiKey management"),
)


@lru_cache(maxsize=1024)
def aid_name(aid: bytes) -> str:
    """An application by its name where it has one, by its AID otherwise."""
    name = _AIDS.get(aid)
    if name is not None:
        return name
    if 5 <= len(aid) <= 16 and Aid(aid).is_isd_p:
        return f"ISD-P {aid[13:15].hex().upper()}"
    known = next((text for prefix, text in _PREFIXES if aid.startswith(prefix)), None)
    return aid.hex().upper() or "none" if known is None else known


_ACRONYMS: Final = frozenset(
    (
        "AES", "AID", "BIP", "CVM", "DAP", "DES", "DR", "ECC", "GSM", "HCI", "HMAC", "HNB", "IMEI", "IMEISV", "IMS",
        "IWLAN", "MEID", "MMS", "MO", "MT", "NAA", "PSK", "RP", "SHA1", "SMS", "SS", "TCP", "TLS", "UDP", "UICC",
        "USSD", "UTRAN",
    )
)  # fmt: skip


def name_of(code: Enum) -> str:
    """The name of a constant as words: UICC_RESET is `UICC reset`."""
    return _spoken(code.name or str(code.value))


@lru_cache(maxsize=1024)
def _spoken(name: str) -> str:
    return " ".join(word if word in _ACRONYMS else word.lower() for word in name.split("_"))


def coded(codes: type[Enum], value: object) -> str:
    """A value by the name of its constant, with its digits where there is none."""
    try:
        return name_of(codes(value))
    except ValueError:
        return f"reserved {value:02X}" if isinstance(value, int) else f"reserved {value}"


def _flags(value: IntFlag) -> str:
    return ", ".join(name_of(flag) for flag in value) or "none"


_STRUCTURES: Final = {0x01: "transparent", 0x02: "linear fixed", 0x06: "cyclic", 0x38: "directory", 0x39: "BER-TLV"}


_PARAMETERS: Final = (
    (Parameter.S16, "S16 mode"),
    (Parameter.S16_ALTERNATIVE, "S16 mode"),
    (Parameter.PSEUDO_RANDOM, "pseudo-random challenge"),
    (Parameter.R_MAC, "R-MAC"),
    (Parameter.R_ENCRYPTION, "R-ENCRYPTION"),
)


def _parameter(value: Parameter) -> str:
    return flags(value, _PARAMETERS) or "none"


def _level(value: SecurityLevel) -> str:
    if value is SecurityLevel.ALL:
        return "C-MAC, C-DECRYPTION, R-MAC, R-ENCRYPTION"
    return value.name.replace("C_MAC", "C-MAC").replace("_C_D", ", C-D").replace("_R_M", ", R-M")


def _descriptor(value: FileDescriptor) -> str:
    kind = value.descriptor & 0x3F
    text = _STRUCTURES.get(kind) or _STRUCTURES.get(kind & 0x07, f"structure {kind:02X}")
    if kind & 0x38 == 0x08:
        text = f"internal {text}"
    shareable = ", shareable" if value.descriptor & 0x40 else ""
    plural = "" if value.records == 1 else "s"
    records = "" if value.records is None else f", {value.records} record{plural} of {value.record_length} bytes"
    return f"{text}{shareable}{records}"


def _security(value: SecurityReference) -> str:
    if value.by_environment:
        pairs = ", ".join(f"environment {at:02X} record {record}" for at, record in value.by_environment)
        return f"EF.ARR {value.fid:04X}: {pairs}"
    return f"EF.ARR {value.fid:04X}, record {value.record}"


def _pin_status(value: PinStatus) -> str:
    parts = []
    for entry in value.entries:
        usage = "" if entry.usage is None else ", used" if entry.usage & 0x08 else ", not used"
        parts.append(f"{key_reference(entry.reference)} {'enabled' if entry.enabled else 'disabled'}{usage}")
    return "; ".join(parts) or "none"


def _key_information(value: KeyInformation) -> str:
    parts = [f"{coded(KeyType, each.type)} {each.length}" for each in value.components]
    return f"KVN {value.kvn:02X} KID {value.kid:02X}: {', '.join(parts)}"


def _details(value: CommandDetails) -> str:
    return f"number {value.number}, type {value.type:02X}, qualifier {value.qualifier:02X}"


def _devices(value: DeviceIdentities) -> str:
    return f"{coded(Device, value.source)} to {coded(Device, value.destination)}"


def _result(value: Result) -> str:
    more = f", {value.additional.hex().upper()}" if value.additional else ""
    return coded(GeneralResult, value.general) + more


def _location(value: LocationInformation) -> str:
    cell = f", cell {value.cell.hex().upper()}" if value.cell else ""
    return f"{value.plmn}, area {value.area:X}{cell}"


_PROTOCOLS: Final = {1: "UDP client", 2: "TCP client", 3: "TCP server", 4: "UDP local", 5: "TCP local"}


def _transport(value: TransportLevel) -> str:
    return f"{_PROTOCOLS.get(value.protocol, f'protocol {value.protocol:02X}')}, port {value.port}"


def _channel(value: ChannelStatus) -> str:
    further = "" if not value.further else f", {value.further:02X}"
    return f"channel {value.channel} {'linked' if value.linked else 'not linked'}{further}"


_WORDS: Final = {
    FileDescriptor: _descriptor,
    SecurityReference: _security,
    PinStatus: _pin_status,
    KeyInformation: _key_information,
    KeyRange: lambda value: f"KVN {value.kvn:02X}, KID {value.first:02X} to {value.last:02X}",
    CommandDetails: _details,
    DeviceIdentities: _devices,
    Result: _result,
    LocationInformation: _location,
    TransportLevel: _transport,
    ChannelStatus: _channel,
    Alpha: lambda value: value.text,
    TextString: lambda value: value.text,
    Item: lambda value: f"{value.identifier}: {value.text.text}",
    Duration: lambda value: f"{value.seconds:g} s",
    ResponseLength: lambda value: f"{value.minimum} to {value.maximum} characters",
    Aid: aid_name,
    Parameter: _parameter,
    SecurityLevel: _level,
    date: date.isoformat,
}


def words(value: object) -> str:
    """Any value of a declared object in words; DecodeError where a text inside it is broken."""
    special = _WORDS.get(type(value))
    if special is not None:
        return str(special(value))  # type: ignore[operator]  # each row of the table takes its own type
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, IntFlag):
        return _flags(value)
    if isinstance(value, Enum):
        return name_of(value)
    if isinstance(value, bytes) and type(value).__str__ is bytes.__str__:
        return value.hex().upper()
    if isinstance(value, tuple) and all(isinstance(each, bytes) for each in value):
        return " ".join(each.hex().upper() for each in value)
    return "" if value is None else str(value)
