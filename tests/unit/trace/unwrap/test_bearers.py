# SPDX-License-Identifier: Apache-2.0
"""Over the air in traces: BIP, TLS, HTTP and the scripts inside, with keys and without, and what can be wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from apdu.keys.secret import KeyType, SecretKey
from apdu.trace.decode import Entry, Exchange, decode
from apdu.trace.events import AnyEvent, BearerEvent, ChannelEvent, LinkEvent, Masked
from apdu.trace.redact import Redactor
from apdu.trace.unwrap import KeyRing, unwrap
from apdu.trace.unwrap.keys import PresharedKey
from tests.unit.trace.unwrap.channel import (
    ANSWER,
    CREATE,
    END,
    IDENTITY,
    PSK,
    PSK_RING,
    SCRIPT,
    SECRET_SCRIPT,
    SESSION,
    channel,
    conversation,
    ok,
    opened,
    post,
)

OTHER = KeyRing(preshared=[PresharedKey(SecretKey(bytes(16), KeyType.TLS_PSK), identity=IDENTITY)])


def bearers(events: Iterable[AnyEvent], ring: KeyRing = PSK_RING, layer: str = "") -> list[BearerEvent]:
    """The messages of bearers that unwrapping adds."""
    found = [event for event in unwrap(events, ring) if isinstance(event, BearerEvent)]
    return [event for event in found if layer in ("", event.layer)]


def broken(events: Iterable[AnyEvent], ring: KeyRing = PSK_RING) -> list[str]:
    """The rules that messages of bearers break."""
    found: list[str] = []
    for event in bearers(events, ring):
        rows = event.extra.get("findings", ())
        assert isinstance(rows, tuple)
        found += [row["rule"] for row in rows]
    return found


def shown(events: Iterable[AnyEvent], ring: KeyRing = PSK_RING) -> list[Entry]:
    redactor = Redactor()
    return list(decode(redactor.redact(event) for event in unwrap(events, ring)))  # type: ignore[arg-type]


def test_a_session_is_shown_from_channel_to_commands() -> None:
    trace = channel(conversation(SESSION))
    http = bearers(trace, layer="http")
    assert [(event.direction, event.name, event.data) for event in http] == [
        ("from-card", "POST /admin HTTP/1.1", b""),
        ("to-card", "HTTP/1.1 200 OK", SCRIPT),
        ("from-card", "POST /admin HTTP/1.1", ANSWER),
        ("to-card", "HTTP/1.1 204 No Content", b""),
    ]
    headers = http[0].fields["headers"]
    assert isinstance(headers, dict | type(http[0].fields))
    assert headers["X-Admin-Protocol"] == "globalplatform-remote-admin/1.0"
    assert [event.name for event in bearers(trace, layer="bip")] == ["BIP channel opened", "BIP channel closed"]
    tls = bearers(trace, layer="tls")
    assert tls[0].name == "TLS client hello, TLS 1.2"
    assert {event.extra.get("verified") for event in tls} == {None, True}
    assert tls[-1].fields["identity"] == IDENTITY
    assert not broken(trace)
    remote = [event for event in unwrap(trace, PSK_RING) if isinstance(event, ChannelEvent)]
    (command,) = remote
    assert (command.layer, command.plain, command.response_plain) == ("scp81", CREATE, b"\x00\x90\x00")


def test_the_decoder_names_the_function_of_a_remote_command() -> None:
    entries = shown(channel(conversation(SESSION)))
    (remote,) = [entry for entry in entries if entry.layer == "scp81"]
    assert isinstance(remote, Exchange)
    assert "ES5.CreateISDP" in remote.summary
    assert remote.tree().find("ES5.CreateISDP") is not None
    assert [entry.number for entry in entries] == sorted(entry.number for entry in entries)
    script = next(entry for entry in entries if entry.summary.startswith("HTTP/1.1 200"))
    assert script.tree().find("ES5.CreateISDP") is not None
    hello = next(entry for entry in entries if "client hello" in entry.summary)
    suites = [node.value for node in hello.tree().walk() if node.name == "cipher suite"]
    assert suites[:2] == ["TLS_PSK_WITH_AES_128_GCM_SHA256", "TLS_PSK_WITH_AES_128_CBC_SHA256"]
    exchange = next(entry for entry in entries if "client key exchange" in entry.summary)
    key = exchange.tree().find("key")
    assert key is not None
    assert key.value == "KVN 40, KID 01"


def test_without_the_key_records_are_shown_and_it_is_said_why_not_more() -> None:
    trace = channel(conversation(SESSION))
    assert not bearers(trace, KeyRing(), "http")
    protected = [event for event in bearers(trace, KeyRing(), "tls") if "verified" in event.extra]
    assert {event.extra["why"] for event in protected} == {"no key for this PSK identity"}
    assert not broken(trace, KeyRing())


def test_another_key_is_told_once_for_each_direction() -> None:
    found = broken(channel(conversation(SESSION)), OTHER)
    assert found.count("tls-key") == 2
    assert not bearers(channel(conversation(SESSION)), OTHER, "http")


def test_a_changed_record_is_found() -> None:
    talk = conversation(SESSION)
    at = max(number for number, (_, data) in enumerate(talk) if data[0] == 23)
    talk[at] = (talk[at][0], talk[at][1][:-1] + bytes((talk[at][1][-1] ^ 1,)))
    assert "tls-mac" in broken(channel(talk))


def test_an_alert_other_suites_and_broken_records_are_found() -> None:
    assert broken(channel([("server", bytes.fromhex("15030300020228"))])) == ["tls-alert"]
    hello = bytes.fromhex("160303002A020000260303") + bytes(32) + bytes.fromhex("00C02F00")
    assert broken(channel([("server", hello)])) == ["tls-choice"]
    older = bytes.fromhex("160301002A020000260301") + bytes(32) + bytes.fromhex("0000A800")
    assert broken(channel([("server", older)])) == ["tls-choice"]
    assert "tls-broken" in broken(channel([("card", bytes.fromhex("160301FFFF")), ("card", b"more")]))


@pytest.mark.parametrize(
    "exchanges, rule",
    [
        ([(b"this is no request\r\n\r\n", END)], "http-malformed"),
        ([(post(), b"HTTP/9 what\r\n\r\n")], "http-malformed"),
        ([(post(), ok(SCRIPT)[:-20])], "http-cut"),
        ([(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", END)], "admin-protocol"),
        ([(post(), ok(b"\xae\x80\x22\x7f" + bytes(4)))], "remote-script"),
        ([(post(b"no script"), END)], "remote-script"),
    ],
)
def test_http_that_is_not_right_is_found(exchanges: list[tuple[bytes, bytes]], rule: str) -> None:
    assert rule in broken(channel(conversation(exchanges)))


def test_bytes_that_are_no_tls_are_shown_as_they_are() -> None:
    (data,) = [event for event in bearers(channel([("card", b"\x12\x34 a question")])) if event.name == "BIP data"]
    assert data.data == b"\x12\x34 a question"


def test_a_channel_whose_beginning_is_missing_is_followed_as_far_as_it_goes() -> None:
    trace = channel(conversation(SESSION))[len(list(opened())) + 40 :]
    found = bearers(trace, layer="tls")
    assert found
    assert {event.extra.get("why") for event in found} <= {None, "the beginning of the connection is not in the trace"}


def test_what_a_trace_holds_already_is_not_told_twice() -> None:
    told = list(unwrap(channel(conversation(SESSION)), PSK_RING))
    assert list(unwrap(told, KeyRing())) == told
    assert list(unwrap(told, PSK_RING)) == told


def test_keys_in_scripts_are_hidden_in_every_place() -> None:
    trace = channel(conversation(((post(), ok(SECRET_SCRIPT)), (post(ANSWER), END))))
    redactor = Redactor()
    seen = [redactor.redact(event) for event in unwrap(trace, PSK_RING)]  # type: ignore[arg-type]
    (script,) = [each for each in seen if isinstance(each, BearerEvent) and each.name == "HTTP/1.1 200 OK"]
    assert isinstance(script.data, Masked)
    assert bytes(range(18)) not in script.data.data
    remote = [event for event in seen if isinstance(event, ChannelEvent)]
    assert [isinstance(event.plain, Masked) for event in remote] == [True]
    assert not [entry for entry in decode(seen) if "00010203" in str(entry.tree())]


def test_a_body_that_is_no_script_is_withheld() -> None:
    trace = channel(conversation(((post(), ok(b"\x01 secret of another kind")),)))
    redactor = Redactor()
    seen = [redactor.redact(event) for event in unwrap(trace, PSK_RING)]  # type: ignore[arg-type]
    (body,) = [each for each in seen if isinstance(each, BearerEvent) and each.name == "HTTP/1.1 200 OK"]
    assert not isinstance(body.data, bytes)


def test_streams_are_of_their_link_and_a_reset_ends_them() -> None:
    talk = conversation(SESSION)
    one = channel(talk)
    two = [replace(event, reader="other") for event in channel(conversation(SESSION))]
    mixed = [event for pair in zip(one, two, strict=False) for event in pair]
    assert len(bearers(mixed, layer="http")) == 8
    reset = LinkEvent(time=0, side="reader", kind="atr", data=b"\x3b\x00")
    half = len(one) // 2
    assert not broken([*one[:half], reset, *one])


def test_memory_is_bounded_whatever_comes() -> None:
    endless = bytes.fromhex("1603030400") + b"\x63\x00\x03\xfc" + bytes(1020)
    found = bearers(channel([("server", endless * 100)]))
    assert broken(channel([("server", endless * 100)])) == ["tls-broken"]
    assert len([event for event in found if event.layer == "tls"]) < 70
    long = post()[:-2] + b"X-More: " + bytes(1).hex().encode() * 20000
    assert broken(channel(conversation(((long, END),)))) == ["http-malformed"]


def test_a_key_is_found_by_identity_or_by_eid() -> None:
    talk = channel(conversation(SESSION))
    ring = KeyRing(preshared=[PresharedKey(PSK, identity=IDENTITY)])
    assert len(bearers(talk, ring, "http")) == 4
    assert PSK.reveal().hex() not in repr(ring)
