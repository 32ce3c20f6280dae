# SPDX-License-Identifier: Apache-2.0
"""Keys and parameters of the network access applications (SAIP 8.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from apdu.aka.algorithm import RES_BITS
from apdu.aka.parameters import MAX_RES_BITS
from apdu.keys.secret import SecretKey
from apdu.profile.elements.authentication import (
    DEFAULT_ROTATION,
    DEFAULT_SQN_AGE_LIMIT,
    DEFAULT_SQN_DELTA,
    DEFAULT_SQN_OPTIONS,
    DEFAULT_XORING,
    AlgoParameter,
    MappingParameter,
    PeAkaParameter,
    PeCdmaParameter,
)
from apdu.profile.response import Status
from emulator.profile.base import Directory, NaaSpec
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.outcome import Refused
from emulator.profile.policy import is_test_key

__all__ = ["define_aka", "define_cdma"]

_MILENAGE: Final = 1
_TUAK: Final = 2
_TEST: Final = 3
_KEY_BYTES: Final = 16
_LONG_KEY_BYTES: Final = 32
_SERVICES: Final = {
    (_MILENAGE, _KEY_BYTES): "milenage",
    (_TUAK, _KEY_BYTES): "tuak128",
    (_TUAK, _LONG_KEY_BYTES): "tuak256",
    (_TEST, _KEY_BYTES): "usim-test-algorithm",
}
_OPC_BYTES: Final = {_MILENAGE: 16, _TUAK: 32}
_MAX_SEQ: Final = (1 << 43) - 1
_FROM_ZERO: Final = (0,) * 32
"""DEFAULT of sqnInit."""
MAPPED_SQN: Final = 0x01  # (U) mappingOptions bit: the SQN values of the source too


def define_aka(assembly: Assembly, element: PeAkaParameter) -> None:
    """The authentication of the application that was created last."""
    adf = assembly.naa
    if adf is None:
        raise Refused(Status.INVALID_PARAMETER, "authentication parameters before any application")
    if any(naa.adf is adf for naa in assembly.algorithms):
        raise Refused(Status.INVALID_PARAMETER, "authentication parameters of one application for a second time")
    options, delta, age, init = _sqn(element)
    if isinstance(element.configuration, MappingParameter):
        source = _source(assembly, element.configuration)
        mapping = element.configuration.options[0]
        spec = replace(source, adf=adf, mapping_options=mapping, source=element.configuration.source)
        if not mapping & MAPPED_SQN:
            spec = replace(spec, sqn_options=options, sqn_delta=delta, sqn_age_limit=age, sqn_init=init)
    else:
        spec = _algorithm(assembly, adf, element.configuration, (options, delta, age, init))
    assembly.algorithms.append(spec)
    assembly.take(2 * _KEY_BYTES + 6 * len(init))


def _sqn(element: PeAkaParameter) -> tuple[int, int, int, tuple[int, ...]]:
    options = element.sqn_options or DEFAULT_SQN_OPTIONS
    delta = int.from_bytes(element.sqn_delta or DEFAULT_SQN_DELTA, "big")
    age = int.from_bytes(element.sqn_age_limit or DEFAULT_SQN_AGE_LIMIT, "big")
    init: tuple[int, ...] = _FROM_ZERO
    if element.sqn_init is not None:
        init = tuple(int.from_bytes(value, "big") for value in element.sqn_init)
    if max(delta, age, *init) > _MAX_SEQ:
        raise Refused(Status.BAD_VALUES, "a sequence number above 07FFFFFFFFFF")
    return options[0], delta, age, init


def _source(assembly: Assembly, mapping: MappingParameter) -> NaaSpec:
    for naa in assembly.algorithms:
        if naa.adf.aid == mapping.source:
            return naa
    raise Refused(Status.BAD_VALUES, f"no authentication parameters of {mapping.source} to take over")


def _algorithm(
    assembly: Assembly, adf: Directory, given: AlgoParameter, sqn: tuple[int, int, int, tuple[int, ...]]
) -> NaaSpec:
    if given.algorithm not in (_MILENAGE, _TUAK, _TEST):
        raise Refused(Status.FEATURE_NOT_SUPPORTED, f"authentication algorithm {given.algorithm} is not supported")
    service = _SERVICES.get((given.algorithm, len(given.key)))
    if service is None or len(given.opc) != _OPC_BYTES.get(given.algorithm, len(given.opc)):
        raise Refused(Status.BAD_VALUES, f"a key of {len(given.key)} bytes, OPc of {len(given.opc)}")
    assembly.require_service(service)
    if given.algorithm != _MILENAGE and RES_BITS.get(given.options[0] & 0x07, MAX_RES_BITS + 1) > MAX_RES_BITS:
        raise Refused(Status.BAD_VALUES, f"algorithmOptions {given.options.hex().upper()}")
    if given.keccak_rounds == 0:
        raise Refused(Status.BAD_VALUES, "numberOfKeccak is 0")
    if not assembly.policy.test_keys and is_test_key(given.key):
        raise Refused(Status.BAD_VALUES, "a published test key")
    options, delta, age, init = sqn
    return NaaSpec(
        adf=adf,
        algorithm=given.algorithm,
        options=given.options[0],
        key=SecretKey(given.key),
        opc=given.opc,
        rotation=given.rotation or DEFAULT_ROTATION,
        xoring=given.xoring or DEFAULT_XORING,
        counter_max=None if given.counter_max is None else int.from_bytes(given.counter_max, "big"),
        keccak_rounds=1 if given.keccak_rounds is None else given.keccak_rounds,
        sqn_options=options,
        sqn_delta=delta,
        sqn_age_limit=age,
        sqn_init=init,
    )


def define_cdma(assembly: Assembly, element: PeCdmaParameter) -> None:
    """Keys of the CSIM: kept, for no algorithm of this card."""
    assembly.require_naa("csim")
    if assembly.cdma:
        raise Refused(Status.INVALID_PARAMETER, "CDMA parameters for a second time")
    given = (element.key, element.ssd, element.hrpd, element.simple_ip, element.mobile_ip)
    assembly.cdma = tuple(value for value in given if value is not None)
    assembly.take(sum(map(len, assembly.cdma)))
