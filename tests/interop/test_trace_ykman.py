# SPDX-License-Identifier: Apache-2.0
"""Sessions of yubikey-manager's host with our card, recorded and unwrapped with its keys."""

from __future__ import annotations

import pytest

from apdu.ids import MNO_SD
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace.decode import Severity, decode
from apdu.trace.events import ChannelEvent, LinkEvent
from apdu.trace.unwrap import DomainKeys, KeyRing, unwrap
from emulator.card import Card
from tests.require import require
from tests.support.domains import MNO_SD_KEY, lab_with

require("ykman")

from yubikit.core import TRANSPORT  # noqa: E402
from yubikit.core.smartcard import SmartCardConnection  # noqa: E402
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys  # noqa: E402
from yubikit.securitydomain import SecurityDomainSession  # noqa: E402

SET = KeyRef(ScpKid.SCP03, 0x30)
NEW_SET = KeyRef(ScpKid.SCP03, 0x31)
NEW = [bytes(range(at, at + 16)) for at in (0, 16, 32)]


class Recorded(SmartCardConnection):
    """yubikit's view of a reader, which keeps what crosses it."""

    def __init__(self, card: Card, transport: TRANSPORT) -> None:
        self.card = card
        self._transport = transport
        self.events: list[LinkEvent] = []

    @property
    def transport(self) -> TRANSPORT:
        return self._transport

    def close(self) -> None:
        self.card.power_off()

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.card.transmit(apdu)
        for kind, data in (("command", apdu), ("response", answer)):
            self.events.append(LinkEvent(time=len(self.events), side="reader", kind=kind, data=data))
        return answer[:-2], int.from_bytes(answer[-2:], "big")


def ring(kvn: int, *keys: bytes) -> DomainKeys:
    return DomainKeys(bytes(MNO_SD), KeySet(kvn, *map(SecretKey, keys)))


RIGHT = KeyRing([ring(0x30, *[MNO_SD_KEY] * 3), ring(0x31, *NEW)])
WRONG = KeyRing([ring(0x30, *[bytes(16)] * 3), ring(0x31, *NEW)])


def session(connection: Recorded, keys: StaticKeys, ref: KeyRef) -> SecurityDomainSession:
    opened = SecurityDomainSession(connection)
    opened.authenticate(Scp03KeyParams(ref=ref, keys=keys))
    return opened


@pytest.fixture(scope="module", params=[TRANSPORT.NFC, TRANSPORT.USB], ids=["short", "extended"])
def events(request: pytest.FixtureRequest) -> list[LinkEvent]:
    """Reading, a new key set, a session with it, and its deletion."""
    connection = Recorded(lab_with().card, request.param)
    first = StaticKeys(MNO_SD_KEY, MNO_SD_KEY, MNO_SD_KEY)
    opened = session(connection, first, SET)
    opened.get_key_information()
    opened.get_card_recognition_data()
    opened.put_key(NEW_SET, StaticKeys(*NEW))
    session(connection, StaticKeys(*NEW), NEW_SET).get_key_information()
    session(connection, first, SET).delete_key(kvn=0x31)
    return connection.events


def test_all_of_it_verifies(events: list[LinkEvent]) -> None:
    channels = [event for event in unwrap(events, RIGHT) if isinstance(event, ChannelEvent)]
    assert len(channels) >= 3 * 2 + 4
    assert {event.extra["verified"] for event in channels} == {True}
    assert {event.extra["kvn"] for event in channels} == {"30", "31"}
    assert not [event for event in channels if "findings" in event.extra]


def test_what_it_read_and_wrote_is_shown(events: list[LinkEvent]) -> None:
    channels = [event for event in unwrap(events, RIGHT) if isinstance(event, ChannelEvent)]
    plain = {event.plain[1]: event for event in channels if isinstance(event.plain, bytes)}
    put = plain[0xD8]
    assert isinstance(put.plain, bytes)
    assert put.plain[2:4] == b"\x00\x81"
    assert SecretKey(NEW[0]).kcv in put.plain  # key check values go with the keys
    assert isinstance(plain[0xCA].response_plain, bytes)
    assert plain[0xCA].response_plain.startswith(bytes.fromhex("C0 04 01"))  # the first key of the domain
    assert isinstance(plain[0xE4].plain, bytes)


def test_other_keys_are_found_out(events: list[LinkEvent]) -> None:
    found = [each for entry in decode(unwrap(events, WRONG)) for each in entry.findings]
    assert [each.rule for each in found].count("scp03-card-cryptogram") == 2
    right = [each for entry in decode(unwrap(events, RIGHT)) for each in entry.findings]
    assert not [each for each in right if each.severity is not Severity.NOTE]
