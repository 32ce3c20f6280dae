# SPDX-License-Identifier: Apache-2.0
"""The keys of an ISD-R on their way from EUM to SM-SR: encrypted under a key that both agreed on (SGP.02 v4.2 5.2.1).

AES-128-CBC with IV zero; a key that is no multiple of a block is padded as PKCS#7 says. No document at hand gives the
wrapping: what is below is (U), and in this module only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hmac import compare_digest
from typing import Final

from cryptography.hazmat.primitives.padding import PKCS7

from apdu.errors import DecodeError, SecurityError
from apdu.keys.secret import KeyType, SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_parts import EisKey, KeyComponent

__all__ = ["has_wrapped_keys", "unwrap_keys", "wrap_keys"]

TRANSPORT_KEY_LENGTH: Final = 16
_BLOCK: Final = 16


def has_wrapped_keys(eis: Eis) -> bool:
    """Whether keys of the ISD-R are there in their encrypted form only."""
    return any(key.value is None and key.components for keyset in eis.isd_r.keysets for key in keyset.keys)


def wrap_keys(eis: Eis, transport: SecretKey) -> Eis:
    """The EIS as an EUM sends it: no key in clear."""
    return _each_key(eis, lambda key: _wrap(key, _checked(transport)))


def unwrap_keys(eis: Eis, transport: SecretKey) -> Eis:
    """The EIS with its keys; SecurityError when one has another check value, as under another transport key."""
    return _each_key(eis, lambda key: _unwrap(key, _checked(transport)))


def _checked(transport: SecretKey) -> SecretKey:
    if transport.type is not KeyType.AES or len(transport) != TRANSPORT_KEY_LENGTH:
        raise SecurityError("a transport key is an AES-128 key")
    return transport


def _each_key(eis: Eis, change: Callable[[EisKey], EisKey]) -> Eis:
    keysets = tuple(replace(keyset, keys=tuple(change(key) for key in keyset.keys)) for keyset in eis.isd_r.keysets)
    return replace(eis, isd_r=replace(eis.isd_r, keysets=keysets))


def _wrap(key: EisKey, transport: SecretKey) -> EisKey:
    if key.value is None:
        return key
    clear = key.value.reveal()
    if len(clear) % _BLOCK:
        padder = PKCS7(_BLOCK * 8).padder()
        clear = padder.update(clear) + padder.finalize()
    component = KeyComponent(key.value.type, transport.encrypt_cbc(clear))
    return replace(key, value=None, components=(component,))


def _unwrap(key: EisKey, transport: SecretKey) -> EisKey:
    if key.value is not None:
        return key
    try:
        (component,) = key.components
        clear = transport.decrypt_cbc(component.value)
        kind = KeyType(component.type)
    except (ValueError, DecodeError):
        raise SecurityError(f"key {key.index:02X} is not one component of whole blocks and a known type") from None
    for candidate in (clear, _unpadded(clear)):
        try:
            value = SecretKey(candidate, kind)
        except DecodeError:
            continue
        if compare_digest(value.kcv, key.kcv):
            return replace(key, value=value, components=())
    raise SecurityError(f"key {key.index:02X} has another check value: is it wrapped under this transport key?")


def _unpadded(clear: bytes) -> bytes:
    unpadder = PKCS7(_BLOCK * 8).unpadder()
    try:
        return unpadder.update(clear) + unpadder.finalize()
    except ValueError:
        return b""
