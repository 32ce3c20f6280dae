# SPDX-License-Identifier: Apache-2.0
"""EumSignedInfo as bytes, and its signature.

One codec for now: JSON with sorted names and no blanks, signed by the EUM with ECDSA as r || s. XML-DSig (SGP.02 v4.2
annex E) comes with the servers, in this place: all else sees octets, a signature and an `EumSignedInfo`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

from apdu.errors import DecodeError, SecurityError
from apdu.ids import Aid, Eid, Tar
from apdu.keys.ec import PrivateKey, PublicKey
from smsr.api.eis_parts import (
    EisCertificate,
    EuiccCapabilities,
    EumSignedInfo,
    Keyset,
    KeysetType,
    SdRole,
    SecurityDomain,
    SignedInfo,
)
from smsr.kit.oid import Oid

__all__ = ["decode_signed_info", "encode_signed_info", "sign_info", "verify_info"]

T = TypeVar("T")
Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_MAX_OCTETS: Final = 65_536


def sign_info(info: EumSignedInfo, key: PrivateKey, certificate: bytes) -> SignedInfo:
    """What an EUM does: code the information and sign the octets."""
    octets = encode_signed_info(info)
    return SignedInfo(octets, key.sign(octets), certificate)


def verify_info(signed: SignedInfo, eum: PublicKey) -> None:
    """Check the signature over the octets as received; SecurityError when it is not the EUM's."""
    try:
        eum.verify(signed.signature, signed.octets)
    except SecurityError:
        raise SecurityError("the EUM's signature of the EIS does not verify") from None


# --- building


def encode_signed_info(info: EumSignedInfo) -> bytes:
    """The octets that are signed."""
    capabilities = info.capabilities
    value: Json = {
        "eid": str(info.eid),
        "eumId": str(info.eum_id),
        "productionDate": info.production_date.isoformat(),
        "platformType": info.platform_type,
        "platformVersion": info.platform_version,
        "isdPLoadFileAid": str(info.isd_p_load_file),
        "isdPModuleAid": str(info.isd_p_module),
        "ecasd": _domain(info.ecasd),
        "capabilities": {
            "securePacketVersion": capabilities.secure_packet_version,
            "remoteProvisioningVersion": capabilities.remote_provisioning_version,
            "httpVersion": capabilities.http_version,
            "cattpVersion": capabilities.cattp_version,
        },
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _domain(domain: SecurityDomain) -> Json:
    return {
        "aid": str(domain.aid),
        "role": domain.role.value,
        "tars": [str(tar) for tar in domain.tars],
        "sin": domain.sin.hex().upper(),
        "sdin": domain.sdin.hex().upper(),
        "keysets": [_keyset(keyset) for keyset in domain.keysets],
    }


def _keyset(keyset: Keyset) -> Json:
    if keyset.keys:
        raise ValueError("what an EUM signs holds no secret keys")
    return {
        "version": keyset.version,
        "type": keyset.type.value if keyset.type else None,
        "certificates": [
            {"index": each.index, "caId": str(each.ca_id), "value": each.value.hex().upper()}
            for each in keyset.certificates
        ],
    }


# --- reading


class _Fields:
    """The members of one JSON object: each is taken once, and none may be left."""

    def __init__(self, value: Json, path: str) -> None:
        if not isinstance(value, dict):
            raise DecodeError("an object expected", path=(path,))
        self._left = dict(value)
        self._path = path

    def take(self, name: str, convert: Callable[[Json], T]) -> T:
        """Take one member and convert it."""
        if name not in self._left:
            raise DecodeError(f"{name} is missing", path=(self._path,))
        try:
            return convert(self._left.pop(name))
        except DecodeError as error:
            raise error.inside(name).inside(self._path) from None
        except ValueError:
            raise DecodeError(f"{name} has a value that does not exist", path=(self._path,)) from None

    def done(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            raise DecodeError(f"unknown members {', '.join(sorted(self._left))}", path=(self._path,))


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise DecodeError("text expected")
    return value


def _number(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DecodeError("a number expected")
    return value


def _list(convert: Callable[[Json], T]) -> Callable[[Json], tuple[T, ...]]:
    def read(value: Json) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise DecodeError("a list expected")
        return tuple(convert(each) for each in value)

    return read


def _from_text(convert: Callable[[str], T]) -> Callable[[Json], T]:
    return lambda value: convert(_text(value))


def _optional(convert: Callable[[Json], T]) -> Callable[[Json], T | None]:
    return lambda value: None if value is None else convert(value)


def _date(value: Json) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise DecodeError("a date without a time zone")
    return moment


_bytes: Final = _from_text(bytes.fromhex)
_aid: Final = _from_text(Aid.from_string)


def _read_certificate(value: Json) -> EisCertificate:
    fields = _Fields(value, "certificate")
    certificate = EisCertificate(
        fields.take("index", _number), fields.take("caId", _from_text(Oid)), fields.take("value", _bytes)
    )
    fields.done()
    return certificate


def _read_keyset(value: Json) -> Keyset:
    fields = _Fields(value, "keyset")
    keyset = Keyset(
        version=fields.take("version", _number),
        type=fields.take("type", _optional(_from_text(KeysetType))),
        certificates=fields.take("certificates", _list(_read_certificate)),
    )
    fields.done()
    return keyset


def _read_domain(value: Json) -> SecurityDomain:
    fields = _Fields(value, "security domain")
    domain = SecurityDomain(
        aid=fields.take("aid", _aid),
        role=fields.take("role", _from_text(SdRole)),
        tars=fields.take("tars", _list(_from_text(Tar.from_string))),
        sin=fields.take("sin", _bytes),
        sdin=fields.take("sdin", _bytes),
        keysets=fields.take("keysets", _list(_read_keyset)),
    )
    fields.done()
    return domain


def _read_capabilities(value: Json) -> EuiccCapabilities:
    fields = _Fields(value, "capabilities")
    capabilities = EuiccCapabilities(
        secure_packet_version=fields.take("securePacketVersion", _text),
        remote_provisioning_version=fields.take("remoteProvisioningVersion", _text),
        http_version=fields.take("httpVersion", _optional(_text)),
        cattp_version=fields.take("cattpVersion", _optional(_text)),
    )
    fields.done()
    return capabilities


def _no_duplicates(members: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(members)
    if len(found) != len(members):
        raise DecodeError("a member stands twice")
    return found


@lru_cache(maxsize=256)
def decode_signed_info(octets: bytes) -> EumSignedInfo:
    """Read the octets; DecodeError for anything that `encode_signed_info` does not write."""
    if len(octets) > _MAX_OCTETS:
        raise DecodeError(f"{len(octets)} bytes of EumSignedInfo, at most {_MAX_OCTETS} are taken")
    try:
        value = json.loads(octets.decode("ascii"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise DecodeError("not the JSON form", path=("EumSignedInfo",)) from None
    fields = _Fields(value, "EumSignedInfo")
    info = EumSignedInfo(
        eid=fields.take("eid", _from_text(Eid.from_string)),
        eum_id=fields.take("eumId", _from_text(Oid)),
        production_date=fields.take("productionDate", _date),
        platform_type=fields.take("platformType", _text),
        platform_version=fields.take("platformVersion", _text),
        isd_p_load_file=fields.take("isdPLoadFileAid", _aid),
        isd_p_module=fields.take("isdPModuleAid", _aid),
        ecasd=fields.take("ecasd", _read_domain),
        capabilities=fields.take("capabilities", _read_capabilities),
    )
    fields.done()
    return info
