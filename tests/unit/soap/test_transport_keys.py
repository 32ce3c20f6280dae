# SPDX-License-Identifier: Apache-2.0
"""The keys of an ISD-R on their way from EUM to SM-SR."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from apdu.errors import EncodeError, SecurityError
from apdu.keys.secret import KeyType, SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_parts import EisKey, KeyComponent, Keyset
from smsr.api.messages import Call, RegisterEisRequest
from smsr.api.status import Code
from smsr.api.transport_keys import unwrap_keys, wrap_keys
from tests.support.xml import REGISTER_EIS
from tests.unit.kit.world import EID, EUM_OID
from tests.unit.smsr.bench import TRANSPORT, Bench, make_eis
from tests.unit.soap.samples import ADDRESSING, BINDING

OTHER = SecretKey(bytes(16))


def _with_key(key: EisKey) -> Eis:
    eis = make_eis(smsr_id=EUM_OID)
    return replace(eis, isd_r=replace(eis.isd_r, sin=b"\1", sdin=b"\1", keysets=(Keyset(version=1, keys=(key,)),)))


def _key(eis: Eis) -> EisKey:
    return eis.isd_r.keysets[0].keys[0]


@pytest.mark.parametrize(
    "length, kind",
    [
        (16, KeyType.AES),
        (24, KeyType.AES),
        (32, KeyType.AES),
        (16, KeyType.TLS_PSK),
        (8, KeyType.DES),
        (24, KeyType.DES),
    ],
)
def test_keys_come_back(length: int, kind: KeyType) -> None:
    secret = SecretKey(bytes(range(1, length + 1)), kind)
    eis = _with_key(EisKey(1, secret.kcv, secret))
    wrapped = wrap_keys(eis, TRANSPORT)
    (component,) = _key(wrapped).components
    assert _key(wrapped).value is None
    assert component.type == kind
    decryptor = Cipher(AES(TRANSPORT.reveal()), CBC(bytes(16))).decryptor()
    assert decryptor.update(component.value)[:length] == secret.reveal()
    assert unwrap_keys(wrapped, TRANSPORT) == eis


def _component(*components: KeyComponent) -> Eis:
    return _with_key(EisKey(1, OTHER.kcv, components=components))


@pytest.mark.parametrize(
    "eis",
    [
        wrap_keys(_with_key(EisKey(1, OTHER.kcv, OTHER)), OTHER),
        _component(KeyComponent(0x88, bytes(16))),
        _component(KeyComponent(0x88, bytes(15))),
        _component(KeyComponent(0x88)),
        _component(KeyComponent(0x89, bytes(16))),
        _component(KeyComponent(0xB0, bytes(16))),
        _component(*[KeyComponent(0x88, bytes(16))] * 2),
    ],
    ids=["other transport key", "not encrypted", "no blocks", "empty", "no type", "no secret", "two components"],
)
def test_keys_that_cannot_be_read(eis: Eis) -> None:
    with pytest.raises(SecurityError):
        unwrap_keys(eis, TRANSPORT)
    bench = Bench()
    response = bench.smsr.register_eis(RegisterEisRequest(call=Call(EUM_OID), eis=eis))
    assert response.status.code == Code.EIS_INVALID.pair
    assert bench.store.get(EID) is None


def test_a_transport_key_is_of_one_kind() -> None:
    for key in (SecretKey(bytes(32)), SecretKey(bytes(16), KeyType.DES)):
        with pytest.raises(SecurityError):
            wrap_keys(make_eis(), key)


def test_keys_leave_encrypted_or_not_at_all() -> None:
    request = RegisterEisRequest(call=Call(EUM_OID, "1"), eis=_with_key(EisKey(1, OTHER.kcv, OTHER)))
    addressing = replace(ADDRESSING, sender=replace(ADDRESSING.sender, entity_id=EUM_OID))
    with pytest.raises(EncodeError, match="KeyComponents"):
        BINDING.build(REGISTER_EIS, request, addressing)
    sent = BINDING.build(REGISTER_EIS, replace(request, eis=wrap_keys(request.eis, TRANSPORT)), addressing)
    assert OTHER.reveal().hex().encode() not in sent
    received = BINDING.read(sent).message
    assert isinstance(received, RegisterEisRequest)
    bench = Bench()
    assert bench.smsr.register_eis(received).status.is_success
    assert _key(bench.eis).value == OTHER
