# SPDX-License-Identifier: Apache-2.0
"""Channels over real sockets: sessions that others recorded, every kind of link, every result, allowed addresses."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator

import pytest

from apdu.cat.bip import ChannelStatus
from apdu.cat.codes import CommandType
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility, TerminalProfile
from emulator.device.channels import Limits
from emulator.device.sockets import LOOPBACK, AllowList
from tests.unit.device.net import (
    BACKGROUND,
    DEMAND,
    LOCAL,
    UDP,
    NetBench,
    accept,
    close,
    full_server,
    listening,
    open_channel,
    port_of,
    read,
    receive,
    send,
)

UNREACHABLE = (0x3A, b"\x07")
CHANNEL_CLOSED = (0x3A, b"\x02")
CHANNEL_UNKNOWN = (0x3A, b"\x03")
NO_SERVICE = (0x20, b"\x04")


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((LOCAL, 0))
        found.settimeout(5)
        yield found


def deaf_port() -> int:
    """A port where nobody listens."""
    with listening() as found:
        return port_of(found)


# --- what others recorded


def test_profile_announces_what_there_is() -> None:
    profile = TerminalProfile(NetBench().card.profile)
    assert profile.channels == 7
    for type in (0x40, 0x41, 0x42, 0x43, 0x44):
        assert profile.supports(CommandType(type))
    for facility in (
        Facility.EVENT_DATA_AVAILABLE,
        Facility.EVENT_CHANNEL_STATUS,
        Facility.TCP_CLIENT,
        Facility.UDP_CLIENT,
        Facility.BEARER_GPRS,
        Facility.BEARER_E_UTRAN,
    ):
        assert profile.has(facility)


def test_session_that_a_modem_maker_tests_with(server: socket.socket) -> None:
    """Commands and patterns of answers are those of the maker's own test, with another port and address."""
    on = NetBench()
    port = f"{port_of(server):04X}"
    on.card.ask(f"D02F8103014003820281820500350702020403051F0239020578470908696E7465726E65743C0302{port}3E05217F000001")
    on.poll()
    on.until(lambda: len(on.card.answers) == 2)
    pattern = "810301400[1|3][0|8]2028281[0|8]30100[3|B]8028100[3|B]5070202040[3|5]051F02[3|B]9020578"
    # the maker's status byte is 81 as well: channel 1, linked
    assert re.fullmatch(pattern, on.card.answers[-1].hex().upper())
    peer = accept(server)
    on.card.ask("D013810301430182028121B6083132333435363738")
    on.poll()
    assert re.fullmatch("8103014301[0|8]2028281[0|8]30100[3|B]701FF", on.card.answers[-1].hex().upper())
    assert read(peer, 8) == b"12345678"
    peer.sendall(b"12345678")
    on.until(lambda: on.card.envelopes)
    assert re.fullmatch("D60E[1|9]90109[0|8]2028281[3|B]8028100[3|B]70108", on.card.envelopes[-1].hex().upper())
    on.card.ask("D00C810301420082028121B70108")
    on.poll()
    pattern = "8103014200[0|8]2028281[0|8]30100[3|B]6083132333435363738[3|B]70100"
    assert re.fullmatch(pattern, on.card.answers[-1].hex().upper())


def test_session_that_was_captured(server: socket.socket) -> None:
    """A real card's session: default bearer, buffer 058E; only address and port are others."""
    on = NetBench()
    opened = on.ask(
        f"D02A810301400302028182050C4F70656E204368616E6E656C3501033902058E3C0302{port_of(server):04X}3E05217F000001"
    )
    assert opened == TerminalAnswer.decode(bytes.fromhex("010301400302028281830100B8028100B50103B902058E"))
    peer = accept(server)
    hello = bytes.fromhex(
        "160303003C010000380303AA43FAC410B6DABF952A1699E6D3AD1376061AA5E493DE2E1AA01C58964384DF00000A00AE008C008B00B0"
        "002C010000050001000101"
    )
    sent = on.ask(f"D04C810301430182028121 36{len(hello):02X}{hello.hex()}")
    assert sent == TerminalAnswer.decode(bytes.fromhex("810301430102028281830100B701FF"))
    assert read(peer, len(hello)) == hello
    answered = bytes.fromhex(
        "16030100310200002D030174C122C4D08A003768630E479B1BCD2BC79C8528ABED635D37A5DD6BEC84967300008B0000050001000101"
    )
    peer.sendall(answered)
    on.data_available(1, 0x36)
    got = on.ask("D00C810301420082028121370136")
    assert got == TerminalAnswer.decode(
        bytes.fromhex("810301420002028281830100B636") + answered + bytes.fromhex("B70100")
    )


GECKO = (
    "d04b81030140018202818205074f70656e204944350702030403041f0239020578470a06546573744770027273"
    "0d08f4557365724c6f670d08f4557365725077643c0301ad9c3e052101010101"
)
"""OPEN CHANNEL of 3GPP TS 31.124 27.22.4.27, as Mozilla's toolkit tests have it: UDP, GPRS, name and password."""


def test_channel_of_the_conformance_tests(datagrams: socket.socket) -> None:
    on = NetBench()
    assert on.result(GECKO) == UNREACHABLE  # 1.1.1.1 is not on the list
    here = GECKO.replace("ad9c3e052101010101", f"{port_of(datagrams):04x}3e05217f000001")
    said = on.ask(here)
    assert said == TerminalAnswer.decode(
        bytes.fromhex("8103014001 82028281 830100 38028100 350702030403041F02 39020578")
    )
    # SEND DATA, RECEIVE DATA and CLOSE CHANNEL of the same tests, text attributes included
    sent = on.ask("d026810301430182028121850b53656e6420446174612031b6080001020304050607d004000b00b4")
    assert (sent.result.general, sent.channel_data_length) == (0, 0xFF)
    data, address = datagrams.recvfrom(2000)
    assert data == bytes(range(8))
    datagrams.sendto(bytes(range(200)), address)
    on.data_available(1, 200)
    got = on.ask("d022810301420082028121850e5265636569766520446174612031b701c8d004000e00b4")
    assert (got.result.general, got.channel_data, got.channel_data_length) == (0, bytes(range(200)), 0)
    assert on.result("d01b810301410082028121850a436c6f73652049442031d004000a00b4") == (0, b"")


# --- kinds of links


def test_link_on_demand_is_made_by_the_first_data_sent(server: socket.socket) -> None:
    on = NetBench()
    assert on.ask(open_channel(port_of(server), qualifier=DEMAND)).channel_status == (b"\x01\x00",)
    stored = on.ask(send(1, b"one ", now=False))
    assert stored.channel_data_length == 0xFF
    server.settimeout(0.05)
    with pytest.raises(TimeoutError):
        server.accept()
    assert on.statuses() == [ChannelStatus(1, False)]
    assert on.result(receive(1, 1)) == (2, b"")
    server.settimeout(5)
    assert on.result(send(1, b"two")) == (0, b"")
    peer = accept(server)
    assert read(peer, 7) == b"one two"
    assert on.statuses() == [ChannelStatus(1, True)]


def test_link_on_demand_that_fails_leaves_the_channel() -> None:
    on = NetBench()
    port = deaf_port()
    assert on.result(open_channel(port, qualifier=DEMAND)) == (0, b"")
    assert on.result(send(1, b"x")) == UNREACHABLE
    with socket.socket() as late:
        late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        late.bind((LOCAL, port))
        late.listen()
        late.settimeout(5)
        assert on.result(send(1, b"y")) == (0, b"")
        assert read(accept(late), 1) == b"y"


def test_link_in_the_background(server: socket.socket) -> None:
    on = NetBench()
    assert on.ask(open_channel(port_of(server), qualifier=BACKGROUND)).channel_status == (b"\x01\x00",)
    assert on.envelope() == [(0x19, "0A"), (0x02, "8281"), (0x38, "8100"), (0x35, "03")]
    assert on.result(send(1, b"x")) == (0, b"")
    assert read(accept(server), 1) == b"x"


def test_link_in_the_background_that_fails() -> None:
    on = NetBench()
    assert on.result(open_channel(deaf_port(), qualifier=BACKGROUND)) == (0, b"")
    assert on.envelope() == [(0x19, "0A"), (0x02, "8281"), (0x38, "0105"), (0x35, "03")]
    assert on.result(send(1, b"x")) == CHANNEL_CLOSED
    assert on.statuses() == [ChannelStatus(1, False, 5)]
    assert on.result(close(1)) == (0, b"")
    assert on.statuses() == [ChannelStatus(0, False)]


def test_immediate_link_that_is_refused_leaves_no_channel() -> None:
    on = NetBench()
    assert on.result(open_channel(deaf_port())) == UNREACHABLE
    assert on.statuses() == [ChannelStatus(0, False)]


@pytest.mark.parametrize("qualifier", [1, DEMAND, BACKGROUND])
def test_connection_that_takes_too_long(qualifier: int) -> None:
    on = NetBench(limits=Limits(patience=20))
    server, fill = full_server()
    with server:
        answers = len(on.card.answers)
        on.card.ask(open_channel(port_of(server), qualifier=qualifier))
        if qualifier == DEMAND:
            on.card.ask(send(1, b"x"))
        on.poll()
        on.rest()
        waits = 0 if qualifier == 1 else 1
        assert len(on.card.answers) == answers + waits
        assert not on.device.at_rest
        assert on.channels.wake == on.time.now + 20
        on.time.now += 19
        on.rest()
        assert len(on.card.answers) == answers + waits
        on.time.now += 1
        if qualifier == BACKGROUND:
            assert on.envelope()[2] == (0x38, "0105")
        else:
            on.until(lambda: len(on.card.answers) == answers + 1 + waits)
            assert TerminalAnswer.decode(on.card.answers[-1]).result == UNREACHABLE
        for client in fill:
            client.close()


def test_commands_of_others_pass_while_a_connection_is_made() -> None:
    on = NetBench()
    server, fill = full_server()
    with server:
        on.card.ask(open_channel(port_of(server)))
        on.poll()
        assert on.device.transmit(bytes.fromhex("80F2000C")) == b"\x90\x00"
        on.device.power_up()  # the card is reset: the answer is nobody's any more
        on.device.settle()
        assert on.result("D009 8103010200 82028182") == (0, b"")
        assert not on.channels.linked
        for client in fill:
            client.close()


def test_over_ipv6() -> None:
    try:
        server = listening(family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    on = NetBench()
    with server:
        assert on.result(open_channel(port_of(server), host="::1")) == (0, b"")
        assert on.result(send(1, b"six")) == (0, b"")
        assert read(accept(server), 3) == b"six"


# --- numbers, buffers, errors


def test_seven_channels_and_no_eighth(server: socket.socket) -> None:
    on = NetBench()
    peers = []
    for number in range(1, 8):
        said = on.ask(open_channel(port_of(server)))
        assert said.channel_status == (bytes((0x80 | number, 0)),)
        peers.append(accept(server))
    assert on.result(open_channel(port_of(server))) == (0x3A, b"\x01")
    for number, peer in enumerate(peers, 1):
        assert on.result(send(number, bytes((number,)))) == (0, b"")
        assert read(peer, 1) == bytes((number,))
    assert [status.channel for status in on.statuses()] == list(range(1, 8))
    assert on.result(close(3)) == (0, b"")
    assert on.ask(open_channel(port_of(server))).channel_status == (b"\x83\x00",)


@pytest.mark.parametrize("asked", [lambda n: send(n, b"x"), lambda n: receive(n, 1), close])
def test_numbers_of_channels_that_are_not_open(server: socket.socket, asked: Callable[[int], str]) -> None:
    on = NetBench()
    assert on.result(asked(1)) == CHANNEL_UNKNOWN
    assert on.result(asked(8)) == CHANNEL_UNKNOWN
    assert on.result(open_channel(port_of(server))) == (0, b"")
    assert on.result(asked(2)) == CHANNEL_UNKNOWN
    assert on.result(close(1)) == (0, b"")
    assert on.result(asked(1)) == CHANNEL_CLOSED
    on.device.power_up()
    on.device.settle()
    assert on.result(asked(1)) == CHANNEL_UNKNOWN


def test_command_to_the_terminal_instead_of_a_channel(server: socket.socket) -> None:
    on = NetBench()
    for _ in range(2):
        assert on.result(open_channel(port_of(server))) == (0, b"")
    assert on.result("D009 8103014100 82028182") == CHANNEL_UNKNOWN  # 82 is no channel 2
    assert len(on.statuses()) == 2


def test_buffer_that_is_too_large_is_made_smaller(server: socket.socket) -> None:
    on = NetBench(limits=Limits(buffer=1500))
    said = on.ask(open_channel(port_of(server), size=0xFFFF))
    assert (said.result.general, said.buffer_size) == (0x07, 1500)


OPEN = open_channel(0x1234)
WRONG = [
    ("no bearer", OPEN.replace("350103", ""), (0x36, b"")),
    ("an empty bearer", OPEN.replace("350103", "3500"), (0x32, b"")),
    ("circuit switched data", OPEN.replace("350103", "350401020304"), (0x30, b"")),
    ("Bluetooth", OPEN.replace("350103", "350105"), (0x30, b"")),
    ("a packet service without parameters", OPEN.replace("350103", "350102"), (0x32, b"")),
    ("no buffer size", OPEN.replace("39020400", ""), (0x36, b"")),
    ("no buffer", OPEN.replace("39020400", "39020000"), (0x3A, b"\x04")),
    ("no transport level", OPEN.replace("3C03021234", ""), (0x3A, b"\x06")),
    ("a server", OPEN.replace("3C03021234", "3C03031234"), (0x3A, b"\x06")),
    ("a local link", OPEN.replace("3C03021234", "3C03041234"), (0x3A, b"\x06")),
    ("no address", OPEN.replace("3E05217f000001", ""), (0x36, b"")),
    ("an address that is to be given", OPEN.replace("3E05217f000001", "3E00"), (0x36, b"")),
    ("half an address", OPEN.replace("3E05217f000001", "3E03217f00"), (0x32, b"")),
    ("a transport level of two bytes", OPEN.replace("3C03021234", "3C020212"), (0x32, b"")),
]


@pytest.mark.parametrize("command, result", [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_open_channel_that_cannot_be(command: str, result: tuple[int, bytes]) -> None:
    on = NetBench()
    assert command != OPEN
    assert on.result(command) == result
    assert on.statuses() == [ChannelStatus(0, False)]


def test_port_that_is_no_port() -> None:
    assert NetBench().result(open_channel(0)) == UNREACHABLE


# --- where to


ELSEWHERE = (
    "192.0.2.1", "10.0.0.1", "0.0.0.0", "126.255.255.255", "128.0.0.0", "::", "2001:db8::1", "::ffff:192.0.2.1",
)  # fmt: skip


class NoSocket(AssertionError):
    pass


@pytest.mark.parametrize("qualifier", [1, DEMAND, BACKGROUND])
@pytest.mark.parametrize("protocol", [1, 2])
def test_address_that_is_not_allowed_is_not_even_tried(
    protocol: int, qualifier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = NetBench()

    def refuse(*_: object) -> None:
        raise NoSocket

    monkeypatch.setattr(socket, "socket", refuse)
    for host in ELSEWHERE:
        command = open_channel(80, host=host, protocol=protocol, qualifier=qualifier)
        assert on.result(command) == UNREACHABLE
    with pytest.raises(NoSocket):
        on.result(open_channel(80, protocol=protocol))  # what is allowed gets that far


def test_allowed_addresses_can_be_others(server: socket.socket) -> None:
    from ipaddress import ip_address, ip_network

    assert ip_address("::ffff:127.0.0.1") in AllowList()
    assert ip_address("127.255.0.9") in AllowList()
    assert ip_address("::1") in AllowList(LOOPBACK)
    only = AllowList([ip_network("10.0.0.0/8")])
    assert ip_address("10.9.8.7") in only
    on = NetBench(allowed=only)
    assert on.result(open_channel(port_of(server))) == UNREACHABLE


def test_user_can_decline(server: socket.socket) -> None:
    from emulator.device.user import User

    class Careful(User):
        def confirms(self, command: object) -> bool:
            return False

    on = NetBench(user=Careful())
    assert on.result(open_channel(port_of(server))) == (0x22, b"")
    assert on.statuses() == [ChannelStatus(0, False)]


def test_commands_that_carry_more_than_is_known(server: socket.socket) -> None:
    on = NetBench()
    assert on.ask(open_channel(port_of(server)) + "7E0100").result.general == 0x01
    assert on.ask(open_channel(port_of(server)) + "9E020001").result.general == 0x04


def test_datagrams_are_received_one_by_one(datagrams: socket.socket) -> None:
    on = NetBench()
    assert on.result(open_channel(port_of(datagrams), protocol=UDP, size=300)) == (0, b"")
    assert on.result(send(1, b"half a ", now=False)) == (0, b"")
    assert on.result(send(1, b"datagram")) == (0, b"")
    data, address = datagrams.recvfrom(2000)
    assert data == b"half a datagram"
    datagrams.sendto(b"a" * 301, address)  # larger than the buffer: lost
    datagrams.sendto(b"", address)
    datagrams.sendto(b"b" * 300, address)
    datagrams.sendto(b"c" * 2, address)
    on.data_available(1, 0xFF)
    got = on.ask(receive(1, 200))
    assert (got.result.general, got.channel_data, got.channel_data_length) == (0, b"b" * 200, 100)
    got = on.ask(receive(1, 200))
    assert (got.result.general, got.channel_data, got.channel_data_length) == (2, b"b" * 100, 0)
    on.data_available(1, 2)
    assert on.ask(receive(1, 2)).channel_data == b"cc"
    assert on.result(close(1)) == (0, b"")


def test_datagrams_to_nobody_end_nothing(datagrams: socket.socket) -> None:
    on = NetBench()
    port = port_of(datagrams)
    datagrams.close()
    assert on.result(open_channel(port, protocol=UDP)) == (0, b"")
    for _ in range(4):
        assert on.result(send(1, b"x")) == (0, b"")
        on.rest()
    assert on.statuses() == [ChannelStatus(1, True)]
    assert on.card.envelopes == []
