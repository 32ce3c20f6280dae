# SPDX-License-Identifier: Apache-2.0
"""The MNO-SD of the project's own profile as yubikey-manager's host manages it: SCP03 level 33, S8, AES-128."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from emulator.card import Card
from tests.require import require
from tests.support.domains import MNO_SD_KEY, lab_with
from tests.support.lab import Lab

require("ykman")

from yubikit.core import TRANSPORT  # noqa: E402
from yubikit.core.smartcard import SW, ApduError, SmartCardConnection  # noqa: E402
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys  # noqa: E402
from yubikit.securitydomain import SecurityDomainSession  # noqa: E402

KEYS = StaticKeys(MNO_SD_KEY, MNO_SD_KEY, MNO_SD_KEY)
SET = KeyRef(ScpKid.SCP03, 0x30)
NEW_SET = KeyRef(ScpKid.SCP03, 0x31)
NEW_KEYS = StaticKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))


class Connection(SmartCardConnection):
    """yubikit's view of a reader with our card in it."""

    def __init__(self, card: Card, transport: TRANSPORT) -> None:
        self.card = card
        self._transport = transport

    @property
    def transport(self) -> TRANSPORT:
        """USB makes yubikit use extended lengths for everything, NFC short ones with command chaining."""
        return self._transport

    def close(self) -> None:
        self.card.power_off()

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.card.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:], "big")


class Bench(NamedTuple):
    """A card and how yubikit reaches it."""

    lab: Lab
    connection: Connection


@pytest.fixture(params=[TRANSPORT.NFC, TRANSPORT.USB], ids=["short", "extended"])
def lab(request: pytest.FixtureRequest) -> Bench:
    made = lab_with()
    return Bench(made, Connection(made.card, request.param))


def session(lab: Bench, keys: StaticKeys = KEYS, ref: KeyRef = SET) -> SecurityDomainSession:
    opened = SecurityDomainSession(lab.connection)
    opened.authenticate(Scp03KeyParams(ref=ref, keys=keys))
    return opened


def test_it_reads_keys_and_recognition_data(lab: Bench) -> None:
    opened = session(lab)
    keys = opened.get_key_information()
    assert keys[SET] == {0x88: 16}
    assert keys[KeyRef(0x03, 0x30)] == {0x88: 16}
    assert keys[KeyRef(0x01, 0x40)] == {0x85: 16}
    assert opened.get_card_recognition_data().startswith(bytes.fromhex("06072A864886FC6B01"))


def test_it_works_without_a_session_where_none_is_needed(lab: Bench) -> None:
    opened = SecurityDomainSession(lab.connection)
    assert SET in opened.get_key_information()
    with pytest.raises(ApduError) as refused:
        opened.delete_key(kvn=0x31)
    assert refused.value.sw == SW.SECURITY_CONDITION_NOT_SATISFIED


def test_it_adds_a_key_set_and_uses_it(lab: Bench) -> None:
    session(lab).put_key(NEW_SET, NEW_KEYS)
    assert NEW_SET in session(lab, NEW_KEYS, NEW_SET).get_key_information()
    assert SET in session(lab).get_key_information()


def test_it_replaces_a_key_set_and_the_old_one_is_gone(lab: Bench) -> None:
    session(lab).put_key(NEW_SET, NEW_KEYS, replace_kvn=0x30)
    assert SET not in session(lab, NEW_KEYS, NEW_SET).get_key_information()
    with pytest.raises(ValueError, match="Incorrect SCP parameters"):  # so yubikit says 6A88
        session(lab)


def test_it_deletes_a_key_set(lab: Bench) -> None:
    session(lab).put_key(NEW_SET, NEW_KEYS)
    session(lab).delete_key(kvn=0x31)
    assert NEW_SET not in session(lab).get_key_information()


def test_keys_outlive_the_power(lab: Bench) -> None:
    session(lab).put_key(NEW_SET, NEW_KEYS)
    lab.connection.card = lab.lab.restart()
    assert NEW_SET in session(lab, NEW_KEYS, NEW_SET).get_key_information()


@pytest.mark.parametrize("wrong", range(2))
def test_wrong_static_keys_do_not_open_it(lab: Bench, wrong: int) -> None:
    keys = [MNO_SD_KEY] * 3
    keys[wrong] = bytes(16)
    # yubikit itself notices that the card's cryptogram is not the one of these keys, unless only ENC differs
    with pytest.raises((ApduError, ValueError)):
        session(lab, StaticKeys(*keys)).get_key_information()


def test_no_internal_error(lab: Bench) -> None:
    session(lab).get_key_information()
    assert not lab.lab.recorder.errors
