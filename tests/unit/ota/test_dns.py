# SPDX-License-Identifier: Apache-2.0
"""DNS against dnspython, and against those who forge answers (CC-DN-01)."""

from __future__ import annotations

from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import EncodeError
from apdu.ota.dns import MAX_DATAGRAM, Answer, Query, RecordType, ResponseCode, is_name

NAME = "sm-sr.example.org"
QUERY = Query(0x1234, NAME)


def answer(*records: tuple[str, str, str], query: Query = QUERY, **flags: int) -> bytes:
    """What dnspython answers to a query of ours."""
    response = dns.message.make_response(dns.message.from_wire(query.encode()))
    for name, type, value in records:
        response.answer.append(dns.rrset.from_text(name.rstrip(".") + ".", 60, "IN", type, value))
    response.flags |= flags.get("flags", 0)
    response.set_rcode(dns.rcode.Rcode.make(flags.get("code", 0)))
    return response.to_wire()


@pytest.mark.parametrize("type", [RecordType.A, RecordType.AAAA])
@pytest.mark.parametrize("name", [NAME, "a", "x" * 63 + "." + "y" * 63, ".".join("abcdefgh" for _ in range(28)), "a."])
def test_dnspython_reads_our_query(name: str, type: RecordType) -> None:
    read = dns.message.from_wire(Query(77, name, type).encode())
    (question,) = read.question
    assert (read.id, int(question.rdtype), int(question.rdclass)) == (77, int(type), 1)
    assert question.name.to_text() == name.rstrip(".") + "."
    assert read.flags == dns.flags.RD


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64, ".".join(["abcdefgh"] * 29), "ä.de", "a b", "\n"])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(EncodeError):
        Query(1, name).encode()


def test_cc_dn_01_addresses_of_either_kind() -> None:
    assert QUERY.read(answer((NAME, "A", "192.0.2.1"), (NAME, "A", "192.0.2.2"))) == Answer(
        (ip_address("192.0.2.1"), ip_address("192.0.2.2"))
    )
    six = Query(9, NAME, RecordType.AAAA)
    assert six.read(answer((NAME, "AAAA", "2001:db8::1"), query=six)) == Answer((ip_address("2001:db8::1"),))
    # records of other kinds stand among them
    mixed = answer((NAME, "TXT", '"hello"'), (NAME, "A", "192.0.2.1"), ("other.example", "A", "192.0.2.9"))
    assert QUERY.read(mixed) == Answer((ip_address("192.0.2.1"),))
    assert QUERY.read(answer()) == Answer()


def test_cc_dn_01_aliases_lead_to_addresses_or_to_another_question() -> None:
    chain = [(f"a{n}.example", "CNAME", f"a{n + 1}.example.") for n in range(6)]
    first = (NAME, "CNAME", "a0.example.")
    assert QUERY.read(answer(first, *chain, ("a6.example", "A", "192.0.2.7"))) == Answer((ip_address("192.0.2.7"),))
    assert QUERY.read(answer(*chain, ("a6.example", "A", "192.0.2.7"))) == Answer()  # does not begin with the name
    assert QUERY.read(answer(first, *chain)) == Answer(alias="a6.example")


@pytest.mark.parametrize("length", [1, 2, 7])
def test_cc_dn_01_aliases_in_a_loop_are_followed_no_further(length: int) -> None:
    names = [NAME, *(f"l{n}.example" for n in range(1, length))]
    loop = [(name, "CNAME", names[(at + 1) % length] + ".") for at, name in enumerate(names)]
    assert QUERY.read(answer(*loop)) == Answer(code=ResponseCode.SERVER_FAILURE)


@pytest.mark.parametrize("identifier", [0, 0x1233, 0x1235, 0x3412, 0xFFFF])
def test_cc_dn_01_another_identifier_is_no_answer(identifier: int) -> None:
    forged = identifier.to_bytes(2, "big") + answer((NAME, "A", "192.0.2.66"))[2:]
    assert QUERY.read(forged) is None


def test_cc_dn_01_another_question_is_no_answer() -> None:
    other, six = Query(0x1234, "other.example.org"), Query(0x1234, NAME, RecordType.AAAA)
    assert QUERY.read(answer((other.name, "A", "192.0.2.1"), query=other)) is None
    assert QUERY.read(answer((NAME, "AAAA", "2001:db8::1"), query=six)) is None
    assert QUERY.read(QUERY.encode()) is None  # the question itself
    assert QUERY.read(answer((NAME, "A", "192.0.2.1"), query=Query(0x1234, NAME.upper()))) is not None


def test_cc_dn_01_a_truncated_answer_and_one_that_says_no() -> None:
    cut = answer((NAME, "A", "192.0.2.1"), flags=dns.flags.TC)
    assert QUERY.read(cut) == Answer(truncated=True)
    for code in (1, 2, 3, 5, 9):
        assert QUERY.read(answer(code=code)) == Answer(code=code)


def test_cc_dn_01_what_is_too_long_is_no_answer() -> None:
    fits = answer(*[(NAME, "A", f"192.0.2.{n}") for n in range(28)])
    assert len(fits) < MAX_DATAGRAM
    read = QUERY.read(fits)
    assert read is not None
    assert len(read.addresses) == 28
    assert QUERY.read(fits + bytes(MAX_DATAGRAM - len(fits))) == read
    assert QUERY.read(fits + bytes(MAX_DATAGRAM - len(fits) + 1)) is None


def test_cc_dn_01_names_that_point_in_circles_end() -> None:
    head = answer()[:6] + b"\x00\x01" + answer()[8:]
    at = len(head)
    tail = b"\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\xc0\x00\x02\x01"
    for target in (at, at + 1, at + 2, 0x3FFF):
        assert QUERY.read(head + (0xC000 | target).to_bytes(2, "big") + tail) is None
    # back to a label that leads to the pointer again
    assert QUERY.read(head + b"\x01a" + (0xC000 | at).to_bytes(2, "big") + tail) is None
    assert QUERY.read(head + b"\xc0\x0c" + tail) == Answer((ip_address("192.0.2.1"),))


def test_cc_dn_01_answers_that_end_early_are_none() -> None:
    whole = answer((NAME, "CNAME", "b.example."), ("b.example", "A", "192.0.2.1"))
    assert QUERY.read(whole) is not None
    for size in range(len(whole)):
        assert QUERY.read(whole[:size]) is None


@given(st.binary(max_size=600), st.integers(0, 80))
def test_cc_dn_01_anything_at_all_is_read_without_harm(noise: bytes, keep: int) -> None:
    QUERY.read(noise)
    QUERY.read(answer((NAME, "CNAME", "b.example."))[:keep] + noise)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=20))
def test_what_dnspython_reads_as_addresses_is_read_the_same(last: list[int]) -> None:
    wire = answer(*[(NAME, "A", f"192.0.2.{n}") for n in last])
    read = QUERY.read(wire)
    assert read is not None
    theirs = {str(item) for rrset in dns.message.from_wire(wire).answer for item in rrset}
    assert {str(address) for address in read.addresses} == theirs
