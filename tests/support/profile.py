# SPDX-License-Identifier: Apache-2.0
"""Subscribers with the project's own default profile, every secret drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from apdu.ids import Iccid, Imsi
from apdu.keys.entropy import SeededEntropy
from apdu.profile.package import encode_package
from apdu.profile.personalise import Personalisation, personalise
from smdp.profiles import load_profile

USIM = "A0000000871002FF49FF0589"
MNO_SD = "A000000151000000"
PIN1, ADM1 = "1234", "87654321"


@dataclass(frozen=True)
class Subscriber:
    """What the network and the tests know of one profile."""

    package: bytes
    iccid: Iccid
    imsi: Imsi
    k: bytes
    opc: bytes
    domain_keys: dict[tuple[int, int], bytes]


def personalisation(number: int) -> Personalisation:
    """What makes a profile that of the subscriber with a number."""
    entropy = SeededEntropy(b"subscriber" + number.to_bytes(4, "big"))
    k, opc = entropy.draw(16), entropy.draw(16)
    keys = {(kvn, kid): entropy.draw(16) for kvn, kid in [(1, 1), (1, 2), (1, 3), (0x30, 1), (0x30, 2), (0x30, 3)]}
    keys[(0x40, 1)] = entropy.draw(16)
    return Personalisation(
        iccid=Iccid.from_string(f"8900101{number:012d}"),
        imsi=Imsi(f"00101{number:010d}"),
        key=k,
        opc=opc,
        msisdn=f"+88210{number:06d}",
        pins={0x01: PIN1, 0x0A: ADM1, 0x81: "9876"},
        puks={0x01: "11111111", 0x81: "22222222"},
        domain_keys=keys,
    )


@cache
def subscriber(number: int = 1) -> Subscriber:
    """The subscriber with a number: always the same."""
    person = personalisation(number)
    assert person.opc is not None
    package = encode_package(personalise(load_profile(), person))
    return Subscriber(package, person.iccid, person.imsi, person.key, person.opc, dict(person.domain_keys))
