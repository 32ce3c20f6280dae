# SPDX-License-Identifier: Apache-2.0
"""ATK-06: no padding oracle (Avoine and Ferreira, CHES 2018, on SCP02).

Wrong padding under a right MAC and a wrong MAC are answered alike and both end the session; and nothing is decrypted
before the MAC was verified, so whoever cannot make MACs learns nothing about padding, in time neither.
"""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES

from apdu.channel import scp03t
from apdu.channel.session import Session
from apdu.errors import SecurityError
from tests.fuzz.stages import recorded
from tests.protocol.test_security_domains import LIST, Model
from tests.protocol.test_state_machines import Download, _tlv
from tests.support.lab import Lab
from tests.unit.channel.scp03_model import cmac, kdf

PADDINGS = {
    "no mark": b"\x4f\x00" + bytes(14),
    "only zeros": bytes(16),
    "mark in the block before": b"\x4f\x00" + b"\x80" + bytes(13) + bytes(16),
    "other mark": b"\x4f\x00\x81" + bytes(13),
    "not zero after the mark": b"\x4f\x00\x80" + bytes(12) + b"\x01",
    "PKCS 7": b"\x4f\x00" + b"\x0e" * 14,
}


def protected(model: Model, clear: bytes, *, mac_right: bool = True) -> bytes:
    """GET STATUS with data that are padded as they are: encrypted and MACed by hand."""
    state = model.model
    state.counter += 1
    icv = AES.new(state.s_enc, AES.MODE_ECB).encrypt(state.counter.to_bytes(16, "big"))
    data = AES.new(state.s_enc, AES.MODE_CBC, iv=icv).encrypt(clear)
    header = bytes((0x84, 0xF2, 0x40, 0x02, len(data) + 8))
    state.chain = cmac(state.s_mac, state.chain + header + data)
    mac = state.chain[:8] if mac_right else bytes(8)
    return header + data + mac + b"\x00"


def test_the_helper_is_right(lab: Lab) -> None:
    model = Model(lab)
    model.open()
    assert lab.card.transmit(protected(model, b"\x4f\x00\x80" + bytes(13))) == b"\x6a\x88"


@pytest.mark.parametrize("padding", PADDINGS)
def test_atk_06_scp03(lab: Lab, padding: str) -> None:
    answers = []
    for mac_right in (True, False):
        model = Model(lab)
        model.open()
        answers.append(lab.card.transmit(protected(model, PADDINGS[padding], mac_right=mac_right)))
        assert lab.send(LIST) == "6982"  # the session is gone
    assert answers == [b"\x69\x82"] * 2


@pytest.mark.parametrize("size", [1, 15, 17, 31])
def test_atk_06_scp03_cipher_text_that_is_not_whole_blocks(lab: Lab, size: int) -> None:
    model = Model(lab)
    model.open()
    state = model.model
    header = bytes((0x84, 0xF2, 0x40, 0x02, size + 8))
    state.chain = cmac(state.s_mac, state.chain + header + bytes(size))
    assert lab.card.transmit(header + bytes(size) + state.chain[:8] + b"\x00") == b"\x69\x82"
    assert lab.send(LIST) == "6982"


class _T:
    """An SCP03t session opened by hand, with its keys."""

    def __init__(self) -> None:
        self.download = Download(scp03t.State.NONE)
        opened = bytes.fromhex(_tlv(self.download.host, bytes.fromhex("840A3000") + bytes(8))[:-4])
        keys = recorded().keys
        context = bytes(8) + opened[15:23]
        enc, mac = keys.enc.reveal(), keys.mac.reveal()
        self.s_enc, self.s_mac = kdf(enc, 4, context, 128), kdf(mac, 6, context, 128)
        cryptogram = kdf(self.s_mac, 1, context, 64)
        self.chain = cmac(self.s_mac, bytes(16) + b"\x85\x11\x33" + cryptogram)
        answer = _tlv(self.download.host, b"\x85\x11\x33" + cryptogram + self.chain[:8])
        assert answer == "85009000"

    def send(self, clear: bytes, *, mac_right: bool) -> str:
        icv = AES.new(self.s_enc, AES.MODE_ECB).encrypt((1).to_bytes(16, "big"))
        data = AES.new(self.s_enc, AES.MODE_CBC, iv=icv).encrypt(clear)
        head = bytes((0x86, len(data) + 8))
        mac = cmac(self.s_mac, self.chain + head + data)[:8] if mac_right else bytes(8)
        return _tlv(self.download.host, head + data + mac)


def test_the_scp03t_helper_is_right() -> None:
    assert _T().send(b"\xa0\x80" + bytes(14), mac_right=True) == "86009000"


@pytest.mark.parametrize("padding", PADDINGS)
def test_atk_06_scp03t(padding: str) -> None:
    for mac_right in (True, False):
        session = _T()
        assert session.send(PADDINGS[padding], mac_right=mac_right) == "9F4601029000"
        assert session.download.state is scp03t.State.NONE


def test_atk_06_nothing_is_decrypted_under_a_wrong_mac(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    decrypted: list[int] = []

    def watch(self: Session, counter: int, data: bytes) -> bytes:
        decrypted.append(counter)
        raise SecurityError("watched")

    model = Model(lab)
    model.open()
    session = _T()
    monkeypatch.setattr(Session, "decrypt", watch)
    assert lab.card.transmit(protected(model, PADDINGS["no mark"], mac_right=False)) == b"\x69\x82"
    assert decrypted == []
    # the same inside the reader binding: only the inner TLV's MAC is wrong there
    monkeypatch.undo()
    calls = 0
    real = Session.decrypt

    def count(self: Session, counter: int, data: bytes) -> bytes:
        nonlocal calls
        calls += 1
        return real(self, counter, data)

    monkeypatch.setattr(Session, "decrypt", count)
    assert session.send(PADDINGS["no mark"], mac_right=False) == "9F4601029000"
    outer = calls
    assert _T().send(PADDINGS["no mark"], mac_right=True) == "9F4601029000"
    assert calls > outer
