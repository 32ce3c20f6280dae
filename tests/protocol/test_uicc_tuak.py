# SPDX-License-Identifier: Apache-2.0
"""A profile with TUAK in a whole card: installed, attached, resynchronised, and deaf to what it has heard before."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters, make_algorithm
from apdu.aka.tokens import Auts, join_sqn, make_autn, open_auts
from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.profile.elements.authentication import AlgoParameter, PeAkaParameter
from apdu.profile.package import decode_package, encode_package
from emulator.device.modem import Modem
from emulator.factory.eum import Bootstrap
from emulator.network.attach import attach
from emulator.network.auc import AuC, Subscriber
from tests.support.flow import Link, Seen
from tests.support.lab import Lab
from tests.support.profile import USIM, subscriber

RUNS = 2
RAND = bytes(range(16))


@cache
def parameters(size: int) -> AlgorithmParameters:
    """The keys of a subscriber; RES of 64 bits."""
    entropy = SeededEntropy(b"TUAK" + bytes((size,)))
    return AlgorithmParameters(AlgorithmId.TUAK, entropy.draw(size), entropy.draw(32), 1, iterations=RUNS)


@cache
def package(size: int) -> bytes:
    """The default profile with another algorithm in its USIM and ISIM."""
    elements = []
    keys = parameters(size)
    for element in decode_package(subscriber().package):
        if isinstance(element, PeAkaParameter) and isinstance(element.configuration, AlgoParameter):
            given = replace(
                element.configuration,
                algorithm=int(AlgorithmId.TUAK),
                options=bytes((keys.options,)),
                key=keys.key,
                opc=keys.opc,
                keccak_rounds=RUNS,
            )
            element = replace(element, configuration=given)
        elements.append(element)
    return encode_package(elements)


def bench(size: int) -> Lab:
    return Lab(bootstrap=Bootstrap(package(size), Aid.isd_p(0x10)))


def network(size: int, seq: int = 0) -> AuC:
    auc = AuC(SeededEntropy(b"network"))
    auc.add(Subscriber(subscriber().imsi, parameters(size), seq))
    return auc


def autn(size: int, seq: int, ind: int = 0) -> str:
    return make_autn(make_algorithm(parameters(size)), RAND, join_sqn(seq, ind), b"\x80\x00").encode().hex()


def ask(lab: Lab, token: str) -> str:
    """AUTHENTICATE in the 3G context of the USIM, with PIN1 verified."""
    assert lab.send(f"00A4040C0C{USIM}") == "9000"
    lab.send("0020000108 31323334FFFFFFFF")
    return lab.send(f"0088008122 10{RAND.hex()} 10{token} 00")


@pytest.mark.parametrize("size", [16, 32])
def test_profile_with_tuak_attaches_again_and_again(size: int) -> None:
    lab = bench(size)
    modem = Modem(Link(lab, Seen()))
    modem.start()
    auc = network(size)
    for _ in range(3):
        result = attach(modem, auc, pin="1234")
        assert result.imsi == subscriber().imsi
        assert not result.resynchronised
    assert not lab.recorder.errors


@pytest.mark.parametrize("size", [16, 32])
def test_network_that_is_behind_is_resynchronised(size: int) -> None:
    lab = bench(size)
    modem = Modem(Link(lab, Seen()))
    modem.start()
    attach(modem, network(size, 1000), pin="1234")
    auc = network(size)
    assert attach(modem, auc, pin="1234").resynchronised
    assert not attach(modem, auc, pin="1234").resynchronised


def test_cc_ui_26_tuak_replay_is_a_synchronisation_failure_and_sqn_never_falls() -> None:
    lab = bench(16)
    algorithm = make_algorithm(parameters(16))
    assert ask(lab, autn(16, 5, 3)).startswith("DB08")
    for _ in range(2):
        answer = ask(lab, autn(16, 5, 3))
        assert answer.startswith("DC0E")
        assert answer.endswith("9000")
        assert open_auts(algorithm, RAND, Auts.parse(bytes.fromhex(answer[4:-4]))) == join_sqn(5, 3)
        lab.restart()
    assert ask(lab, autn(16, 4, 3)).startswith("DC0E")
    assert ask(lab, autn(16, 6, 3)).startswith("DB08")


def test_cc_ui_25_tuak_wrong_mac_and_the_other_key_length() -> None:
    lab = bench(32)
    token = bytearray.fromhex(autn(32, 5))
    token[-1] ^= 1
    assert ask(lab, token.hex()) == "9862"
    assert ask(lab, autn(16, 5)) == "9862"
    assert ask(lab, autn(32, 5)).startswith("DB08")
