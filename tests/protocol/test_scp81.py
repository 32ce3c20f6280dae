# SPDX-License-Identifier: Apache-2.0
"""Administration over HTTPS: the whole card against a server and a terminal of the tests' own (CC-81)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from apdu.cat.bip import OpenChannel
from apdu.cat.codes import CommandType
from apdu.keys.secret import KeyType, SecretKey
from apdu.ota.addressing import https_addressing
from apdu.ota.remote import parse_response_script
from apdu.ota.trigger import HttpParameters, PskSelection, SessionParameters, Trigger
from emulator.ota.agent import State
from emulator.sd.keyring import KeyRing
from emulator.sd.records import KeyRecord, KeySetRecord
from tests.protocol.https_bench import (
    CONNECTION,
    CONTENT,
    CREATE,
    IDENTITY,
    PROTOCOL,
    READ,
    Posted,
    Served,
    agent_state,
    executed,
    no_content,
    ok,
    script,
    serving,
    trigger,
)
from tests.protocol.test_scp80 import create
from tests.require import ROOT
from tests.support.lab import Lab
from tests.support.profile import USIM

SHORT = (
    "813F833D86070000A50300001E89328A0A3137322E39362E302E318B0A303132333435363738398C182F7365727665722F61646D696E6167"
    "656E743F636D643D31"
)
LONG = (
    "814A8348843705 00EE0222B8EF0200C83501033902058E471508696E7465726E6574076974656C63656C03636F6D3C030220FB2401FF3E05"
    "210A08288C890D8A0B31302E382E34302E313430"
).replace(" ", "")
FROM = "//se-id/eid/89001012012341234012345678901224;//aa-id/aid/A000000559/1010FFFFFFFF8900000100"
ECASD = "//aid/A000000559/1010FFFFFFFF8900000200"


def store(lab: Lab, *objects: bytes) -> None:
    """Addressing parameters, past the card's commands."""
    registry = lab.card.registry
    registry.save_isd_r(replace(registry.isd_r, addressing=objects))
    lab.card.memory.commit()


# --- the trigger


def test_cc_81_01_a_message_opens_a_session(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/one")))
    assert served.trigger() == 0
    (peer,) = served.connections
    assert peer.tls.identity == IDENTITY
    assert not peer.failed
    first, second = peer.posted
    assert (first.target, first.body) == ("/admin", None)
    assert first.headers == {
        "host": "127.0.0.1",
        "x-admin-protocol": "globalplatform-remote-admin/1.0",
        "x-admin-from": FROM,
    }
    assert (second.target, second.body) == ("/one", bytes.fromhex("AF80230300900000 00"))
    assert second.headers["x-admin-script-status"] == "ok"
    assert second.headers["content-type"] == "application/vnd.globalplatform.card-content-mgt-response;version=1.0"
    assert second.headers["transfer-encoding"] == "chunked"
    assert executed(served)
    assert served.terminal.links == {}
    (command,) = served.terminal.of_type(CommandType.OPEN_CHANNEL)
    assert isinstance(command, OpenChannel)
    assert command.encode() == bytes.fromhex(
        f"D01C 8103{command.details.number:02X}4001 82028182 B50103 B9020578 BC030201BB BE05217F000001".replace(" ", "")
    )


@pytest.mark.parametrize("spi", ["1601", "1621", "1639"])
def test_cc_81_01_captured_triggers(lab: Lab, spi: str) -> None:
    """One brings its connection, one the other needs what is stored (card.md 8.1)."""
    served = Served(lab, serving())
    assert served.trigger(bytes.fromhex(LONG), spi) == 0
    (command,) = served.terminal.of_type(CommandType.OPEN_CHANNEL)
    assert isinstance(command, OpenChannel)
    assert (command.access_name, str(command.destination)) == ("internet.itelcel.com", "10.8.40.140")
    assert (served.posted[0].target, served.posted[0].headers["host"]) == ("/", "10.8.40.140")
    store(lab, https_addressing(Trigger(session=SessionParameters(connection=CONNECTION[:-7]))))
    assert served.trigger(bytes.fromhex(SHORT), spi) == 0
    (command,) = served.terminal.of_type(CommandType.OPEN_CHANNEL)
    assert isinstance(command, OpenChannel)
    assert str(command.destination) == "172.96.0.1"
    assert served.posted[1].target == "/server/adminagent?cmd=1"
    assert served.posted[1].headers["x-admin-from"] == "0123456789"


def test_cc_81_01_stored_parameters_serve_an_empty_trigger(lab: Lab) -> None:
    served = Served(lab, serving())
    assert served.trigger(b"\x81\x00") == 0
    assert served.connections == []
    stored = Trigger(session=SessionParameters(connection=CONNECTION, http=HttpParameters(host="sm-sr", uri="/stored")))
    raw = https_addressing(stored).hex()
    command = f"80E28800{len(raw) // 2 + 3:02X}3A07{len(raw) // 2:02X}{raw}"
    assert lab.open_isd_r().command(command).sw == 0x9000
    assert served.trigger(b"\x81\x00") == 0
    assert [posted.target for posted in served.posted] == ["/stored"]
    assert served.posted[0].headers["host"] == "sm-sr"


@pytest.mark.parametrize(
    "parameters",
    [
        trigger(connection=b""),
        trigger(connection=b"\x39"),
        trigger(connection=bytes.fromhex("350103 3C030201BB 3E05217F000001")),  # no buffer
        trigger(connection=bytes.fromhex("350103 39020000 3C030201BB 3E05217F000001")),
        trigger(connection=bytes.fromhex("350103 39020578 3E05217F000001")),  # no transport
        trigger(connection=bytes.fromhex("350103 39020578 3C030101BB 3E05217F000001")),  # UDP
        trigger(connection=CONNECTION[:-7], host="sm-sr.example"),  # a name, and nobody to ask
        trigger(connection=CONNECTION + b"\x05\x81\xe8" + bytes(232)),  # no room in a command
        trigger(uri="/a\r\nX-Evil: 1"),
        trigger(uri="/ä"),
        trigger(host="a b"),
        trigger(agent="a\nb"),
        trigger(security=PskSelection(0x41, 1)),
        trigger(security=PskSelection(0x40, 2)),
        trigger(security=PskSelection(0x01, 1)),
        trigger(security=PskSelection(0x30, 1)),
        trigger(security=PskSelection(0x40, 1, b"a\x00b")),
        trigger(security=PskSelection(0x40, 1, b"x" * 129)),
    ],
)
def test_cc_81_01_parameters_without_a_session_open_none(lab: Lab, parameters: Trigger) -> None:
    served = Served(lab, serving())
    assert served.trigger(parameters) == 0
    assert served.connections == []
    assert [command.details.type for command in served.terminal.asked] == [CommandType.SEND_SHORT_MESSAGE]
    assert served.trigger() == 0
    assert len(served.posted) == 1


@pytest.mark.parametrize("raw", ["81", "8101", "81028305", "810383018405", "8100AA00"])
def test_cc_81_01_a_broken_trigger_is_told_so(lab: Lab, raw: str) -> None:
    served = Served(lab, serving())
    assert served.trigger(bytes.fromhex(raw)) == 6
    assert served.connections == []


def test_cc_81_06_a_trigger_during_a_session_is_ignored(lab: Lab) -> None:
    served = Served(lab, serving())
    inner: list[int] = []

    def again(posted: Posted) -> bytes:
        packet = served.terminal.packet(trigger(uri="/other").encode(), spi="1601")
        inner.append(served.terminal.deliver(packet).sw)
        return no_content()

    served.reply = again
    assert served.trigger() == 0
    assert len(inner) == 1
    assert [posted.target for posted in served.posted] == ["/admin"]
    assert len(served.terminal.of_type(CommandType.OPEN_CHANNEL)) == 1
    assert agent_state(served) is State.IDLE
    served.reply = serving()
    assert served.trigger() == 0
    assert len(served.connections) == 2


# --- TLS


def test_cc_81_02_the_card_offers_two_suites_of_tls_1_2(lab: Lab) -> None:
    served = Served(lab, serving())
    hello: list[bytes] = []
    served.terminal.before = lambda command: hello.extend(
        link.sent[0] for link in served.terminal.links.values() if link.sent and not hello
    )
    served.trigger()
    (record,) = hello
    body = record[9:]
    assert body[:2] == b"\x03\x03"
    session = body[34]
    at = 35 + session
    size = int.from_bytes(body[at : at + 2], "big")
    suites = {body[at + 2 + n : at + 4 + n] for n in range(0, size, 2)} - {b"\x00\xff"}
    assert suites == {b"\x00\xa8", b"\x00\xae"}
    assert body[at + 2 : at + 4] == b"\x00\xa8"
    assert body[at + 2 + size : at + 4 + size] == b"\x01\x00"  # no compression
    assert session == 0


def add_psk(lab: Lab, kvn: int, kid: int, value: int) -> SecretKey:
    """Another SCP81 key set on the ISD-R."""
    psk = SecretKey(bytes((value,)) * 16, KeyType.TLS_PSK)
    keys = (
        KeyRecord(kid=kid, type=psk.type, secret=psk.reveal(), usage=b"\x3c", access=0),
        KeyRecord(kid=kid + 1, type=KeyType.AES, secret=bytes(16), usage=b"\xc8", access=0),
    )
    KeyRing(lab.card.memory, "isdr").put(KeySetRecord(kvn=kvn, keys=keys))
    lab.card.memory.commit()
    return psk


def test_cc_81_04_the_trigger_chooses_the_key(lab: Lab) -> None:
    served = Served(lab, serving())
    other = f"{IDENTITY[:-10]}820103830142"[-12:]
    identity = IDENTITY[:-12] + other
    served.keys[identity] = add_psk(lab, 0x42, 3, 0x77)
    served.trigger()
    served.trigger(trigger(security=PskSelection(0x42, 3)))
    served.trigger(trigger(security=PskSelection(0x42, 0)))
    assert [peer.tls.identity for peer in served.connections] == [IDENTITY, identity, identity]
    assert [len(peer.posted) for peer in served.connections] == [1, 1, 1]
    served.keys["by name"] = served.keys[IDENTITY]
    served.keys["name"] = served.keys[IDENTITY]
    served.trigger(trigger(security=PskSelection(0x40, 1, b"name")))
    assert served.connections[-1].tls.identity == "name"
    assert len(served.connections[-1].posted) == 1


@pytest.mark.parametrize("known", [True, False])
def test_cc_81_05_a_server_without_the_key_gets_no_request(lab: Lab, known: bool) -> None:
    served = Served(lab, serving())
    served.keys = {IDENTITY: SecretKey(bytes(16), KeyType.TLS_PSK)} if known else {}
    assert served.trigger(trigger(attempts=1)) == 0
    (peer,) = served.connections
    assert peer.failed
    assert peer.posted == []
    assert agent_state(served) is State.PAUSED
    served.keys = {IDENTITY: lab.made.scp81[1]}
    served.terminal.expire()
    (posted,) = served.connections[1].posted
    assert "x-admin-resume" not in posted.headers  # nothing was begun that could go on
    assert agent_state(served) is State.IDLE


# --- HTTP


def test_cc_81_07_scripts_next_addresses_and_the_end(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/1"), no_content("/2"), ok(script(READ), "/3"), ok(b"", "/4")))
    served.trigger()
    assert [(posted.target, posted.body is not None) for posted in served.posted] == [
        ("/admin", False), ("/1", True), ("/2", False), ("/3", True), ("/4", True),
    ]  # fmt: skip
    assert len(served.connections) == 1
    assert served.posted[2].headers.keys() == {"host", "x-admin-protocol", "x-admin-from"}
    body = served.posted[3].body
    assert body is not None
    (answer,) = parse_response_script(body).responses
    assert answer[:1] == b"\x66"
    assert (served.posted[4].body, served.posted[4].headers["x-admin-script-status"]) == (b"", "ok")
    assert agent_state(served) is State.IDLE


def test_cc_81_07_a_script_after_which_nothing_follows(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, None)))
    served.trigger()
    assert len(served.posted) == 1
    assert executed(served)
    assert agent_state(served) is State.IDLE


def test_cc_81_07_content_length_and_other_spellings(lab: Lab) -> None:
    body = script(READ)
    head = (
        "HTTP/1.1 200 fine\r\nx-ADMIN-protocol:globalplatform-remote-admin/1.0\r\nX-Admin-Next-URI:   /1  \r\n"
        "content-TYPE: Application/vnd.ETSI.scp.command-data; version=1.0\r\n"
        f"Content-Length: {len(body)}\r\nServer: other\r\n\r\n"
    )
    served = Served(lab, serving(b"HTTP/1.1 100 Continue\r\n\r\n" + head.encode() + body))
    served.trigger()
    assert served.posted[1].target == "/1"
    assert served.posted[1].headers["content-type"] == "application/vnd.etsi.scp.response-data;version=1.0"


def test_cc_81_07_a_definite_script_and_one_that_is_none(lab: Lab) -> None:
    definite = b"\xaa\x07\x22\x05" + bytes.fromhex(READ)
    served = Served(lab, serving(ok(definite, "/1"), ok(b"hello", "/2"), ok(b"\xae\x80\x22", "/3")))
    served.trigger()
    bodies = [posted.body for posted in served.posted[1:]]
    assert bodies[0] is not None
    assert bodies[0][:1] == b"\xab"
    assert bodies[1:] == [bytes.fromhex("AF809001010000"), bytes.fromhex("AF809001030000")]


@pytest.mark.parametrize("size", [0x0010, 0x0060, 0x0200, 0x0578])
def test_cc_81_07_long_answers_are_sent_in_chunks_that_fit_the_buffer(lab: Lab, size: int) -> None:
    served = Served(lab, serving(ok(script(*[READ] * 60), "/1")))
    served.terminal.buffer = size
    served.trigger()
    body, chunks = served.posted[1].body, served.posted[1].chunks
    assert body is not None
    assert len(parse_response_script(body).responses) == 60
    assert max(chunks) <= max(size, 16)
    pieces = [command for command in served.terminal.asked if command.details.type == CommandType.SEND_DATA]
    assert all(len(command.encode()) <= 256 for command in pieces)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "400 Bad", "403 Forbidden", "404 No", "500 No", "201 Ok"])
def test_cc_81_07_any_other_answer_ends_the_connection(lab: Lab, status: str) -> None:
    answer = f"HTTP/1.1 {status}\r\n{PROTOCOL}\r\nLocation: https://evil.example/\r\nX-Admin-Next-URI: /n\r\n"
    served = Served(lab, serving(f"{answer}Content-Length: 0\r\n\r\n".encode()))
    served.trigger(trigger(attempts=1))
    assert len(served.posted) == 1
    assert agent_state(served) is State.PAUSED
    served.terminal.expire()
    assert [(posted.target, posted.headers.get("x-admin-resume")) for posted in served.posted] == [
        ("/admin", None), ("/admin", "true"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        ok(CREATE, "/1", content="Content-Type: text/html"),
        ok(CREATE, "/1", content=""),
        ok(CREATE, "/1", content=CONTENT.replace("1.0", "2.0")),
        ok(CREATE, "/1", content=CONTENT.replace("mgt", "mgt-response")),
        ok(CREATE, "/1", protocol=""),
        ok(CREATE, "/1", protocol="X-Admin-Protocol: globalplatform-remote-admin/1.1"),
        ok(CREATE, "/1", protocol=PROTOCOL + "x"),
    ],
)
def test_cc_81_08_with_wrong_headers_nothing_is_carried_out(lab: Lab, answer: bytes) -> None:
    served = Served(lab, serving(answer))
    served.trigger()
    assert not executed(served)
    assert (served.posted[1].target, served.posted[1].body) == ("/1", None)
    assert served.posted[1].headers["x-admin-script-status"] == "security-error"
    assert "content-type" not in served.posted[1].headers


@pytest.mark.parametrize("following", ["/a b", "/\x7f", "ä"])
def test_cc_81_08_a_next_address_that_is_none_ends_the_connection(lab: Lab, following: str) -> None:
    served = Served(lab, serving(ok(CREATE, following)))
    served.trigger()
    assert len(served.posted) == 1
    assert not executed(served)


@pytest.mark.parametrize(
    "name, status",
    [
        ("//aid/A000000559/1010FFFFFFFF8900001100", "unknown-application"),
        ("//aid/A000000087/1002FF49FF0599", "unknown-application"),
        ("//aid/A0000005/59", "unknown-application"),
        ("nonsense", "unknown-application"),
        ("", "unknown-application"),
        (ECASD, "security-error"),
        ("//aid/A000000151/000000", "security-error"),  # the operator's
        (f"//aid/{USIM[:10]}/{USIM[10:]}", "not-a-security-domain"),
    ],
)
def test_cc_81_09_targets_that_are_not_the_servers(profiled: Lab, name: str, status: str) -> None:
    served = Served(profiled, serving(ok(script(READ), "/1", f"X-Admin-Targeted-Application: {name}")))
    served.trigger()
    assert (served.posted[1].body, served.posted[1].headers["x-admin-script-status"]) == (None, status)


def test_cc_81_09_isd_r_by_name_and_an_isd_p(profiled: Lab) -> None:
    isd_r, isd_p = "//aid/A000000559/1010ffffffff8900000100", "//aid/A000000559/1010FFFFFFFF8900001000"
    answers = [ok(script(create(0x20)), "/1", f"X-Admin-Targeted-Application: {isd_r}")]
    answers.append(ok(script("80E20900045F2001AA"), "/2", f"X-Admin-Targeted-Application: {isd_p}"))
    served = Served(profiled, serving(*answers))
    served.trigger()
    bodies = [posted.body for posted in served.posted[1:]]
    assert [parse_response_script(body or b"").responses for body in bodies] == [(b"\x00\x90\x00",), (b"\x69\x82",)]


def test_a_card_without_sessions_pays_for_none() -> None:
    """h11 and pyOpenSSL come with the first session."""
    code = (
        "import sys\n"
        "from tests.support.lab import Lab\n"
        "from tests.protocol.sms_bench import SmsBench\n"
        "bench = SmsBench(Lab())\n"
        "assert bench.ask(bytes.fromhex('AA07220580CA006600')).status == 0\n"
        "assert bench.ask(b'\\x81\\x00').status == 0\n"
        "assert not {'h11', 'OpenSSL'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
