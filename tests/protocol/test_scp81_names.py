# SPDX-License-Identifier: Apache-2.0
"""The card finds its server by name, through the device and name servers of the tests' own (CC-DN-01)."""

from __future__ import annotations

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from apdu.cat.bip import OpenChannel
from apdu.cat.codes import CommandType
from apdu.ota.trigger import DnsParameters
from emulator.ota.agent import State
from tests.protocol.https_bench import CONNECTION, Peer, Served, agent_state, serving, trigger
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab

NAME = "sm-sr.example"
NAMELESS = CONNECTION[:-7]
TWO_SERVERS = bytes.fromhex("3E0521C0000235 3E0521C0000236")
A = (NAME, "A", "203.0.113.7")
Say = Callable[[dns.message.Message], list[bytes]]


class NameServer:
    """One UDP peer; a datagram is there for itself, whatever waits before it."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.closed = False
        self.asked: list[tuple[str, str]] = []
        self._out: list[bytes] = []

    def receive(self, data: bytes) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        self.asked.append((question.name.to_text().rstrip("."), dns.rdatatype.to_text(question.rdtype)))
        self._out += self._say(query)

    def outgoing(self) -> bytes:
        return self._out.pop(0) if self._out else b""


def answering(*records: tuple[str, str, str], code: int = 0, flags: int = 0) -> Say:
    """Records of the name and type that are asked for, aliases included."""

    def say(query: dns.message.Message) -> list[bytes]:
        response = dns.message.make_response(query)
        (question,) = query.question
        asked = question.name.to_text().rstrip(".")
        wanted = {asked}
        for name, type, value in records:
            if name in wanted and type in ("CNAME", dns.rdatatype.to_text(question.rdtype)):
                response.answer.append(dns.rrset.from_text(name + ".", 60, "IN", type, value))
                wanted.add(value.rstrip("."))
        response.set_rcode(dns.rcode.Rcode.make(code))
        response.flags |= flags
        return [response.to_wire()]

    return say


class Named(Served):
    """A card that has to ask for its server's name."""

    def __init__(self, lab: Lab, *says: Say) -> None:
        self.says = list(says)
        self.servers: list[NameServer] = []
        super().__init__(lab, serving())

    def _connect(self, command: OpenChannel) -> Peer:
        assert command.transport is not None
        if command.transport.protocol == 2:
            return super()._connect(command)
        assert command.transport.port == 53
        self.servers.append(NameServer(self.says[len(self.servers) % len(self.says)]))
        return self.servers[-1]

    def named(self, *, attempts: int = 0, name: str | None = None, host: str = NAME) -> str:
        """Trigger; where the card then connected to."""
        settings = DnsParameters(name=name, connection=TWO_SERVERS)
        assert self.trigger(trigger(connection=NAMELESS, dns=settings, host=host, attempts=attempts)) == 0
        return self.destination

    @property
    def destination(self) -> str:
        opened = [command for command in self.terminal.asked if isinstance(command, OpenChannel)]
        tcp = [command for command in opened if command.transport is not None and command.transport.protocol == 2]
        return str(tcp[-1].destination) if tcp else ""

    @property
    def asked(self) -> list[list[tuple[str, str]]]:
        return [server.asked for server in self.servers]


def test_cc_dn_01_the_address_is_asked_for_through_the_device(lab: Lab) -> None:
    served = Named(lab, answering(A))
    assert served.named() == "203.0.113.7"
    assert served.asked == [[(NAME, "A")]]
    assert served.posted[0].headers["host"] == NAME
    first, second = (command for command in served.terminal.asked if isinstance(command, OpenChannel))
    assert (str(first.destination), first.bearer, first.buffer_size) == ("192.0.2.53", b"\x03", 0x578)
    kinds = [command.details.type for command in served.terminal.asked]
    assert kinds.index(CommandType.CLOSE_CHANNEL) < kinds.index(CommandType.OPEN_CHANNEL, kinds.index(0x40) + 1)
    assert agent_state(served) is State.IDLE
    assert second.transport is not None


def test_cc_dn_01_version_6_aliases_and_a_name_of_its_own(lab: Lab) -> None:
    served = Named(lab, answering(("other.example", "CNAME", "a.example."), ("a.example", "AAAA", "2001:db8::7")))
    assert served.named(name="other.example") == "2001:db8::7"
    assert served.asked == [[("other.example", "A"), ("a.example", "A"), ("other.example", "AAAA")]]
    assert served.posted[0].headers["host"] == NAME


def test_cc_dn_01_an_address_as_host_is_asked_from_nobody(lab: Lab) -> None:
    served = Named(lab, answering(A))
    assert served.named(host="198.51.100.3") == "198.51.100.3"
    assert served.servers == []


@pytest.mark.parametrize(
    "says",
    [answering(A, code=2), answering(A, code=3), answering(A, flags=dns.flags.TC), answering()],
    ids=["failure", "no such name", "truncated", "no address"],
)
def test_cc_dn_01_the_next_server_is_asked(lab: Lab, says: Say) -> None:
    served = Named(lab, says, answering(A))
    assert served.named() == "203.0.113.7"
    assert len(served.servers) == 2


def test_cc_dn_01_without_an_address_the_retry_policy_applies(lab: Lab) -> None:
    served = Named(lab, answering(code=3), answering(code=3), answering(code=3), answering(A))
    assert served.named(attempts=1) == ""
    assert agent_state(served) is State.PAUSED
    assert served.terminal.links == {}
    served.terminal.expire()
    assert served.destination == "203.0.113.7"


def forged(query: dns.message.Message) -> bytes:
    """An answer with another identifier that leads elsewhere."""
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(NAME + ".", 60, "IN", "A", "198.51.100.66"))
    response.id ^= 1
    return response.to_wire()


def test_cc_dn_01_forged_and_oversized_datagrams_are_passed_over(lab: Lab) -> None:
    """Nothing comes of them; the question is repeated when its time is over, with another identifier."""
    identifiers: list[int] = []

    def say(query: dns.message.Message) -> list[bytes]:
        identifiers.append(query.id)
        good = answering(A)(query)
        return [forged(query), good[0] + bytes(600), good[0]][len(identifiers) - 1 :][:1]

    served = Named(lab, say)
    assert served.named() == ""
    assert agent_state(served) is State.RESOLVING
    for _ in range(2):
        assert served.terminal.timers == {1: 5}
        served.terminal.expire()
    assert served.destination == "203.0.113.7"
    assert len(set(identifiers)) == 3
    assert served.terminal.timers == {}


def test_cc_dn_01_a_silent_server_is_given_up(lab: Lab) -> None:
    served = Named(lab, lambda query: [], answering(A))
    served.named()
    for _ in range(8):
        assert served.destination == ""
        served.terminal.expire()
    assert served.destination == "203.0.113.7"
    assert served.asked[0] == [(NAME, "A")] * 8


def test_cc_dn_01_aliases_without_end_are_given_up(make_lab: MakeLab) -> None:
    numbers = iter(range(1000))

    def chain(query: dns.message.Message) -> list[bytes]:
        name = query.question[0].name.to_text().rstrip(".")
        return answering((name, "CNAME", f"n{next(numbers)}.example."))(query)

    served = Named(make_lab(), chain)
    assert served.named() == ""
    assert agent_state(served) is State.IDLE
    assert [len(asked) for asked in served.asked] == [8, 8]

    def loop(query: dns.message.Message) -> list[bytes]:
        return answering((NAME, "CNAME", "b.example."), ("b.example", "CNAME", NAME + "."))(query)

    served = Named(make_lab(), loop)
    assert served.named() == ""
    assert [len(asked) for asked in served.asked] == [1, 1]


def test_a_dns_connection_of_its_own(lab: Lab) -> None:
    served = Named(lab, answering(A))
    own = bytes.fromhex("35010B 39020100 470403646E73 3C03010035") + TWO_SERVERS
    served.trigger(trigger(connection=NAMELESS, dns=DnsParameters(connection=own), host=NAME))
    command = next(command for command in served.terminal.asked if isinstance(command, OpenChannel))
    assert (command.bearer, command.buffer_size, command.access_name) == (b"\x0b", 0x100, "dns")
    assert served.destination == "203.0.113.7"


@pytest.mark.parametrize("own", [b"", b"\x39", bytes.fromhex("3C03020035") + TWO_SERVERS, bytes.fromhex("3C03010035")])
def test_a_dns_connection_that_is_none_opens_no_session(lab: Lab, own: bytes) -> None:
    served = Named(lab, answering(A))
    served.trigger(trigger(connection=NAMELESS, dns=DnsParameters(connection=own), host=NAME))
    assert served.terminal.of_type(CommandType.OPEN_CHANNEL) == []
