# SPDX-License-Identifier: Apache-2.0
"""Files that a whole card made itself: beside a profile switch, an attach and the profile's deletion."""

from __future__ import annotations

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters
from apdu.keys.entropy import SeededEntropy
from emulator.device.modem import Modem
from emulator.network.attach import attach
from emulator.network.auc import AuC, Subscriber
from tests.protocol.test_isd_r import answer
from tests.protocol.test_isd_r_profiles import disable
from tests.protocol.test_security_domains_profile import card
from tests.protocol.test_uicc_administration import fcp
from tests.support.flow import FIRST, SECOND, Link, Seen
from tests.support.lab import Lab
from tests.support.profile import ADM1, PIN1, USIM, subscriber
from tests.unit.fs.builder import pin

FID = 0x6F90


def open_usim(lab: Lab) -> None:
    """The USIM selected, ADM1 verified, PIN1 too where it is enabled."""
    assert lab.send(f"00A4040C0C{USIM}") == "9000"
    assert lab.send(f"0020000A08{pin(ADM1).hex()}") == "9000"
    assert lab.send(f"0020000108{pin(PIN1).hex()}") in ("9000", "6984")


def create(lab: Lab) -> str:
    open_usim(lab)
    data = fcp(FID, rule="6F0602")
    return lab.send(f"00E00000{len(data):02X}{data.hex()}")


def test_files_made_on_a_card_live_and_die_with_their_profile() -> None:
    lab = card()
    before = lab.card.registry.require(SECOND).used
    free = lab.card.registry.free()
    assert create(lab) == "9000"
    assert lab.send("00D6000003ABCDEF") == "9000"
    assert lab.card.registry.require(SECOND).used == before + 32 + 16
    lab.restart()
    open_usim(lab)
    assert lab.send(f"00A4000C02{FID:04X}") == "9000"
    assert lab.send("00B0000004") == "ABCDEFFF9000"
    host = lab.open_isd_r()
    assert answer(host, disable(str(SECOND))) == "9000"
    lab.card.reset()
    open_usim(lab)
    assert lab.send(f"00A4000C02{FID:04X}") == "6A82"  # the other profile has none
    host = lab.open_isd_r()
    assert answer(host, f"80E40040124F10{SECOND}00") == "009000"
    assert not any(key.startswith(f"isdp/{SECOND.tar}") for key in lab.snapshot())
    assert lab.card.registry.free() > free
    assert not lab.recorder.errors


def test_attach_with_a_tree_of_its_own() -> None:
    lab = card()
    assert create(lab) == "9000"
    lab.restart()
    auc = AuC(SeededEntropy(b"own files"))
    profile = subscriber(2)
    keys = AlgorithmParameters(AlgorithmId.MILENAGE, profile.k, profile.opc)
    auc.add(Subscriber(profile.imsi, keys, 1 << 20))
    modem = Modem(Link(lab, Seen()))
    modem.start()
    for _ in range(2):
        assert attach(modem, auc, pin=PIN1).imsi == profile.imsi
    open_usim(lab)
    assert lab.send(f"00E4000002{FID:04X}") == "9000"
    assert lab.send(f"00A4000C02{FID:04X}") == "6A82"
    assert lab.card.registry.require(FIRST).used
