# SPDX-License-Identifier: Apache-2.0
"""Nothing secret reaches a line of a trace, and what is not secret stays readable."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    Json,
    LinkEvent,
    Masked,
    Octets,
    Withheld,
)
from apdu.trace.jsonl import LineWriter, from_line, to_line
from apdu.trace.names import is_secret
from apdu.trace.redact import HIDDEN, UNREDACTED, Redactor

H = bytes.fromhex
KI = H("000102030405060708090A0B0C0D0E0F")
PIN = b"1234\xff\xff\xff\xff"


def link(data: str | bytes, kind: str = "command", side: str = "reader") -> LinkEvent:
    return LinkEvent(time=1, side=side, kind=kind, data=H(data) if isinstance(data, str) else data)


def shown(octets: Octets) -> str:
    """Bytes as a line shows them."""
    line = to_line(LinkEvent(time=0, side="", kind="", data=octets))
    return line.rpartition('"data":')[2].rstrip("}").strip('"') if octets != b"" else ""


def through(events: Sequence[AnyEvent], redactor: Redactor | None = None) -> list[str]:
    """The data of link events after redaction."""
    redactor = redactor or Redactor()
    out = [redactor.redact(event) for event in events]
    return [shown(event.data) for event in out if isinstance(event, LinkEvent)]


X8, X16 = "xx" * 8, "xx" * 16


@pytest.mark.parametrize(
    "command, line",
    [
        ("0020000108" + PIN.hex(), "0020000108" + X8),
        ("002000010831323334FFFFFF", "0020000108" + "xx" * 7),  # cut: hidden all the same
        ("002000010431323334FFFFFFFF", "0020000104" + X8),  # longer than it says
        ("80200001083132333435363738", "8020000108" + X8),
        ("0420000108" + "AA" * 8, "0420000108" + X8),
        ("C020000108" + "AA" * 8, "C020000108" + X8),
        ("FF20000108" + "AA" * 8, "FF20000108" + X8),  # no class at all
        ("00200001000008" + "AA" * 8, "00200001000008" + X8),  # extended length
        ("002400011031323334FFFFFFFF35363738FFFFFFFF", "0024000110" + X16),
        ("0026000108" + PIN.hex(), "0026000108" + X8),
        ("0028000108" + PIN.hex(), "0028000108" + X8),
        ("002C00011031323334FFFFFFFF35363738FFFFFFFF", "002C000110" + X16),
        ("00200001", "00200001"),
        ("0020000100", "0020000100"),
        ("80D8008043018810" + "AB" * 16 + "03C35280", "80D800804301" + "xx" * 22),
        ("84D8008043018810" + "AB" * 16 + "03C35280", "84D8008043018810" + "AB" * 16 + "03C35280"),
        ("00A40004023F00", "00A40004023F00"),
        ("00B0850009", "00B0850009"),
        ("00E2000008" + "81" * 8, "00E2000008" + "81" * 8),  # APPEND RECORD
        ("00", "00"),
        ("", ""),
    ],
)
def test_commands(command: str, line: str) -> None:
    assert through([link(command)]) == [line.upper().replace("X", "x")]


def dgi(tag: str, value: bytes) -> bytes:
    return H(tag) + (bytes((len(value),)) if len(value) < 255 else b"\xff" + len(value).to_bytes(2, "big")) + value


def store(block: bytes, number: int, *, last: bool, p1: int = 0x08) -> LinkEvent:
    return link(bytes((0x80, 0xE2, p1 | (0x80 if last else 0), number, len(block))) + block)


PUBLIC = dgi("00B9", H("B9069501188001880000"[:16]))
SECRET = dgi("8113", KI)


def test_key_groupings_of_store_data() -> None:
    (line,) = through([store(PUBLIC + SECRET + dgi("3A02", b"\x01" * 4), 0, last=True)])
    head = f"80E28800{len(PUBLIC) + len(SECRET) + 7:02X}"
    assert line == head + PUBLIC.hex().upper() + "811310" + X16 + "3A020401010101"


@pytest.mark.parametrize("tag", ["8113", "8137", "8000", "8010", "8FFF"])
def test_all_secret_groupings(tag: str) -> None:
    assert KI.hex().upper() not in through([store(dgi(tag, KI), 0, last=True)])[0]


@pytest.mark.parametrize("tag", ["0070", "3A01", "00B9", "7F21", "0085", "9000"])
def test_public_groupings(tag: str) -> None:
    assert KI.hex().upper() in through([store(dgi(tag, KI), 0, last=True)])[0]


LONG = dgi("8113", KI * 20)
"""A length field of three bytes."""


@pytest.mark.parametrize("groups", [PUBLIC + SECRET + dgi("3A02", b"\xaa" * 9), LONG + PUBLIC, SECRET], ids=len)
def test_a_grouping_that_straddles_blocks_at_every_byte(groups: bytes) -> None:
    two = [store(groups[:200], 0, last=False), store(groups[200:], 1, last=True)]
    whole = "".join(line[10:] for line in through(two))
    for cut in range(1, min(len(groups), 250)):
        first, second = groups[:cut], groups[cut:][:250]
        lines = through([store(first, 0, last=False), store(second, 1, last=True)])
        assert lines[0][10:] + lines[1][10:] == whole[: 2 * (len(first) + len(second))]
        assert KI.hex().upper() not in "".join(lines)


def test_three_blocks_and_an_le() -> None:
    body = PUBLIC + SECRET + PUBLIC
    first, second, third = body[:14], body[14:20], body[20:]
    events = [store(first, 0, last=False), store(second, 1, last=False), store(third, 2, last=True)]
    with_le = [LinkEvent(time=1, side="reader", kind="command", data=event.data + b"\x00") for event in events
               if isinstance(event.data, bytes)]  # fmt: skip
    plain, other = through(events), through(with_le)
    assert [line + "00" for line in plain] == other


def test_the_middle_of_a_chain_is_hidden_when_its_start_is_not_there() -> None:
    assert through([store(PUBLIC, 1, last=True)]) == ["80E288010B" + "xx" * 11]


def test_a_host_that_never_counts_its_blocks_leaks_nothing() -> None:
    body = PUBLIC + SECRET
    lines = through([store(body[: len(body) - 12], 0, last=False), store(body[-12:], 0, last=True)])
    assert lines[1] == "80E288000C" + "xx" * 12


def test_streams_do_not_mix() -> None:
    start = store(SECRET[:8], 0, last=False)
    other = link(b"\x81" + bytes(start.data)[1:] if isinstance(start.data, bytes) else b"")
    lines = through([start, other, store(SECRET[8:], 1, last=True)])
    assert lines[2] == "80E288010B" + "xx" * 11
    assert "0A0B0C" not in "".join(lines)


def test_store_data_without_groupings_is_kept() -> None:
    tlv = H("8403010203")
    assert through([store(tlv, 0, last=True, p1=0x10)]) == ["80E29800058403010203".replace("98", "90")]


RES, CK, IK, KC = b"\xa5" * 4 + b"\x42" * 4, KI, KI[::-1], H("EAE4BE823AF9A08B")
SUCCESS = b"\xdb\x08" + RES + b"\x10" + CK + b"\x10" + IK + b"\x08" + KC
AUTHENTICATE = "0088008122" + "10" + "11" * 16 + "10" + "22" * 16


def test_keys_of_authenticate() -> None:
    lines = through([link(AUTHENTICATE), link(SUCCESS + b"\x90\x00", "response")])
    assert lines == [AUTHENTICATE, "DB08" + RES.hex().upper() + "xx" * 43 + "9000"]


def test_keys_of_authenticate_by_get_response() -> None:
    events = [link(AUTHENTICATE), link("6135", "response"), link("00C0000035"), link(SUCCESS + b"\x90\x00", "response")]
    assert through(events)[3] == "DB08" + RES.hex().upper() + "xx" * 43 + "9000"


def test_keys_of_authenticate_in_pieces() -> None:
    events = [link(AUTHENTICATE), link("6135", "response")]
    for at in range(0, 53, 10):
        piece = SUCCESS[at : at + 10]
        events += [link(bytes((0, 0xC0, 0, 0, len(piece)))), link(piece + b"\x61\x05", "response")]
    lines = through(events)[3::2]
    assert lines[0] == "DB08" + RES.hex().upper() + "6105"
    assert all(set(line[:-4]) == {"x"} for line in lines[1:])


@pytest.mark.parametrize(
    "command, response, line",
    [
        (AUTHENTICATE, "DC0E" + "33" * 14 + "9000", "DC0E" + "33" * 14 + "9000"),
        (AUTHENTICATE, "DC0F" + "33" * 15 + "9000", "xx" * 17 + "9000"),
        (AUTHENTICATE, "9862", "9862"),
        (AUTHENTICATE, "DB9000", "xx9000"),
        (AUTHENTICATE, "DBFF" + "33" * 16 + "9000", "xx" * 18 + "9000"),
        ("008800801110" + "11" * 16, "0411223344" + "08" + "44" * 8 + "9000", "0411223344" + "xx" * 9 + "9000"),
        ("A08800001011", "1122334455667788AABBCCDD9000", "11223344" + X8 + "9000"),
        ("00A40004023F00", "DB08" + "33" * 20 + "9000", "DB08" + "33" * 20 + "9000"),
    ],
)
def test_other_answers(command: str, response: str, line: str) -> None:
    assert through([link(command), link(response, "response")])[1] == line


def test_a_response_without_its_command_is_hidden() -> None:
    assert through([link(SUCCESS + b"\x90\x00", "response")]) == ["xx" * len(SUCCESS) + "9000"]
    assert through([link("3B9F", "atr"), link("6A82", "response")]) == ["3B9F", "6A82"]


def test_the_two_sides_are_followed_apart() -> None:
    events = [link(AUTHENTICATE), link("00B0000000", side="card"), link(SUCCESS + b"\x90\x00", "response")]
    assert CK.hex().upper() not in through(events)[2]


def test_session_keys_that_were_seen_are_hidden_when_a_terminal_stores_them() -> None:
    update = H("00D6000021") + b"\x07" + CK + IK
    lines = through([link(AUTHENTICATE), link(SUCCESS + b"\x90\x00", "response"), link(update)])
    assert lines[2] == "00D600002107" + "xx" * 32


def test_registered_values_are_hidden_everywhere() -> None:
    redactor = Redactor()
    redactor.register(KI)
    assert through([link(b"\x00\xdb\x00\x00\x22" + b"\xaa" + KI + KI + b"\xbb")], redactor) == [
        "00DB000022AA" + "xx" * 32 + "BB"
    ]
    event = FunctionEvent(
        time=1,
        layer="es8",
        name="ES8.Prepare",
        fields={"note": f"<{KI.hex()}>", "list": [KI.hex().upper(), {"deep": "x" + KI.hex()}], "n": 1},
        outcome=f"failed at {KI.hex().upper()}",
        extra={"later": [KI.hex()]},
    )
    out = redactor.redact(event)
    assert isinstance(out, FunctionEvent)
    assert out.fields == {"note": f"<{HIDDEN}>", "list": (HIDDEN, {"deep": "x" + HIDDEN}), "n": 1}
    assert out.outcome == f"failed at {HIDDEN}"
    assert out.extra == {"later": (HIDDEN,)}
    assert repr(redactor) == "Redactor(1 known values)"


def test_registered_text() -> None:
    redactor = Redactor()
    redactor.register(b"12345678")
    out = redactor.redact(FunctionEvent(time=1, layer="x", name="x", fields={"said": "use 12345678 now"}))
    assert isinstance(out, FunctionEvent)
    assert out.fields == {"said": f"use {HIDDEN} now"}


def test_what_cannot_be_registered() -> None:
    redactor = Redactor()
    with pytest.raises(ValueError, match="at least 8 bytes, not 7"):
        redactor.register(bytes(7))
    redactor.register(b"\xff" * 16)
    assert through([link("00D6000010" + "FF" * 16)], redactor) == ["00D6000010" + "FF" * 16]


def channel(layer: str, plain: bytes, answer: bytes = b"\x90\x00", protected: bytes = b"\x84") -> ChannelEvent:
    return ChannelEvent(
        time=1,
        layer=layer,
        side="card",
        protected=protected,
        plain=plain,
        response_protected=b"\x90\x00",
        response_plain=answer,
    )


def redacted(event: ChannelEvent, redactor: Redactor | None = None) -> ChannelEvent:
    out = (redactor or Redactor()).redact(event)
    assert isinstance(out, ChannelEvent)
    return out


def test_plain_side_of_scp03() -> None:
    put_key = H("80D8008017018810") + KI + H("03C35280")
    out = redacted(channel("scp03", put_key, b"\x01\xc3\x52\x80\x90\x00"))
    assert shown(out.plain) == "80D800801701" + "xx" * 22
    assert out.response_plain == b"\x01\xc3\x52\x80\x90\x00"
    assert out.protected == b"\x84"
    verify = redacted(channel("scp03", H("0020000108") + PIN))
    assert shown(verify.plain) == "0020000108" + X8


def test_a_protected_side_that_is_not_encrypted() -> None:
    block = H("8113") + b"\x10" + KI
    plain = H("80E2880013") + block
    wire = H("84E288001B") + block + b"\xcc" * 8
    out = redacted(channel("scp03", plain, protected=wire))
    assert shown(out.protected) == "84E288001B811310" + X16 + "CC" * 8


def test_chains_inside_a_secure_channel() -> None:
    redactor = Redactor()
    first = redacted(channel("scp03", H("80E2080008") + SECRET[:8]), redactor)
    second = redacted(channel("scp03", H("80E288010B") + SECRET[8:]), redactor)
    assert shown(first.plain) == "80E2080008811310" + "xx" * 5
    assert shown(second.plain) == "80E288010B" + "xx" * 11


def test_the_profile_package_is_withheld() -> None:
    out = redacted(channel("scp03t", KI * 60, b"\x30\x07\xa0\x05\x30\x03\x80\x01\x00", b"\x86\x82"))
    assert out.plain == Withheld(960)
    assert out.response_plain == b"\x30\x07\xa0\x05\x30\x03\x80\x01\x00"
    assert to_line(out).count("00010203") == 0


def test_a_digest_needs_a_salt_and_depends_on_it() -> None:
    plains = [
        redacted(channel("scp03t", data), Redactor(salt=salt)).plain
        for data, salt in ((KI, b"a"), (KI, b"a"), (KI, b"b"), (PIN, b"a"))
    ]
    digests = [plain.digest for plain in plains if isinstance(plain, Withheld)]
    assert digests[0] == digests[1]
    assert len({digests[0], digests[2], digests[3]}) == 3
    assert all(len(digest) == 8 for digest in digests)


def test_channels_that_are_not_known_are_withheld() -> None:
    out = redacted(channel("scp80", KI, KI, KI[:4]))
    assert (out.plain, out.response_plain, out.protected) == (Withheld(16), Withheld(16), KI[:4])


@pytest.mark.parametrize("layer, kept", [("sms", True), ("tls", True), ("bip", True), ("http", False), ("new", False)])
def test_bearers(layer: str, kept: bool) -> None:
    event = BearerEvent(
        time=1, layer=layer, side="card", direction="to-card", data=b"\xaa" * 9, fields={"psk": "AA", "url": "x"}
    )
    out = Redactor().redact(event)
    assert isinstance(out, BearerEvent)
    assert out.data == (b"\xaa" * 9 if kept else Withheld(9))
    assert out.fields == {"psk": HIDDEN, "url": "x"}


def test_a_kind_of_link_event_that_is_not_known_is_withheld() -> None:
    out = Redactor().redact(link("0102", "telepathy"))
    assert isinstance(out, LinkEvent)
    assert out.data == Withheld(2)


@pytest.mark.parametrize(
    "name, secret",
    [
        *((name, True) for name in (
            "ki", "Ki", "KI", "k", "opc", "OPc", "op", "TOPc", "key", "keys", "sessionKey", "session_key", "S-ENC",
            "kEnc", "DEK", "psk", "tlsPsk", "pin", "PIN1", "pinValue", "puk2", "adm1", "profilePackage", "keyData",
            "privateKey", "user_password", "kic", "kid", "plain", "authentication.key",
        )),
        *((name, False) for name in (
            "kvn", "kcv", "keyVersion", "key_version_number", "keyIdentifier", "keyType", "publicKey", "iccid", "imsi",
            "eid", "aid", "pinStatus", "packageLength", "packageName", "spin", "monkey", "skipped", "keyReference",
            "operator", "", "name", "state",
        )),
    ],
)  # fmt: skip
def test_names(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_below_a_secret_name_only_descriptions_stay() -> None:
    keys: Json = [{"kvn": 1, "type": "AES", "kcv": "C35280", "value": "00", "parts": ["11", 5], "on": True, "no": None}]
    fields: dict[str, Json] = {"keySet": keys, "pin": 1234, "kic": "12", "kid": 0x12, "aid": "A0"}
    out = Redactor().redact(FunctionEvent(time=1, layer="es8", name="x", fields=fields))
    assert isinstance(out, FunctionEvent)
    hidden = {"kvn": 1, "type": "AES", "kcv": "C35280", "value": HIDDEN, "parts": (HIDDEN, HIDDEN)}
    hidden |= {"on": True, "no": None}
    assert out.fields == {"keySet": (hidden,), "pin": HIDDEN, "kic": "12", "kid": 0x12, "aid": "A0"}


def test_a_description_below_a_secret_name_is_still_searched_for_known_values() -> None:
    redactor = Redactor()
    redactor.register(KI)
    out = redactor.redact(FunctionEvent(time=1, layer="x", name="x", fields={"key": {"id": KI.hex()}}))
    assert isinstance(out, FunctionEvent)
    assert out.fields == {"key": {"id": HIDDEN}}


def test_foreign_events() -> None:
    redactor = Redactor()
    redactor.register(KI)
    event = ForeignEvent(time=1, layer="x", event="new", extra={"ki": "00", "body": KI.hex(), "plain": "AA", "n": 2})
    out = redactor.redact(event)
    assert out.extra == {"ki": HIDDEN, "body": HIDDEN, "plain": HIDDEN, "n": 2}


def test_redaction_twice_changes_nothing() -> None:
    events: list[AnyEvent] = [
        link("0020000108" + PIN.hex()),
        link(AUTHENTICATE),
        link(SUCCESS + b"\x90\x00", "response"),
        channel("scp03t", KI),
        FunctionEvent(time=1, layer="x", name="x", fields={"ki": "00"}),
    ]
    first, second = Redactor(), Redactor()
    for event in events:
        once = first.redact(event)
        assert second.redact(once) == once
        assert from_line(to_line(once)) == once


def test_known_values_are_found_in_what_is_partly_hidden() -> None:
    redactor = Redactor()
    redactor.register(KI)
    out = redactor.redact(LinkEvent(time=1, side="card", kind="command", data=Masked(b"\xaa\xbb" + KI, ((0, 1),))))
    assert isinstance(out, LinkEvent)
    assert out.data == Masked(b"\xaa\xbb" + KI, ((0, 1), (2, 16)))


def test_lines_are_redacted_unless_asked_otherwise() -> None:
    event = link("0020000108" + PIN.hex())
    lines: list[str] = []
    LineWriter(lines.append)(event)
    assert "31323334" not in "".join(lines)
    LineWriter(lines.append, UNREDACTED)(event)
    assert "31323334" in lines[-1]
    assert repr(UNREDACTED) == "UNREDACTED"
