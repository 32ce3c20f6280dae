# SPDX-License-Identifier: Apache-2.0
"""Sessions that break, go on, or give up, and the reset that waits for their end (CC-81-10 to CC-81-12)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apdu.cat.codes import CommandType, GeneralResult
from apdu.cat.commands import TimerManagement
from apdu.cat.comprehension import Result
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from apdu.sms.address import Address
from apdu.sms.tpdu import Submit
from apdu.sms.userdata import UserData
from emulator.ota.agent import State
from tests.protocol.https_bench import (
    CONTENT,
    CREATE,
    PROTOCOL,
    READ,
    Posted,
    Reply,
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
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab


def endless(pieces: Iterator[bytes]) -> Reply:
    """The beginning of a 200, then without end."""
    head = f"HTTP/1.1 200 OK\r\n{PROTOCOL}\r\n{CONTENT}\r\nTransfer-Encoding: chunked\r\n".encode()
    body = b"".join(next(pieces) for _ in range(400_000))
    return lambda posted: head + body[:400_000]


@pytest.mark.parametrize(
    "pieces",
    [
        iter(lambda: b"1\r\nx\r\n", None),
        iter(lambda: b"x", None),
    ],
    ids=["one byte each", "no chunk"],
)
def test_cc_81_10_a_body_without_end_closes_the_session(lab: Lab, pieces: Iterator[bytes]) -> None:
    served = Served(lab, endless(pieces))
    served.trigger()
    assert len(served.posted) == 1
    assert served.terminal.links == {}
    assert agent_state(served) is State.IDLE
    received = len(served.terminal.of_type(CommandType.RECEIVE_DATA))
    assert received * 237 < 200_000


CHUNKED = (
    f"HTTP/1.1 200 OK\r\n{PROTOCOL}\r\n{CONTENT}\r\nX-Admin-Next-URI: /1\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"FFFFFFFFFFFFFFFF\r\n" + bytes(70_000),
        CHUNKED + b"-1\r\n" + CREATE,
        CHUNKED + b"0x10\r\n" + CREATE,
        CHUNKED + b"\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"1" * 5000,
        CHUNKED + b"1;" + b"x" * 5000,
        CHUNKED + b"%x\r\n%bxx0\r\n\r\n" % (len(CREATE), CREATE),
        CHUNKED + b"%x\r\n%b\r\n0\r\nA: b\r\n" % (len(CREATE), CREATE) + b"C: d\r\n" * 1000,
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 99999999\r\n\r\n").replace(
            b"Transfer-Encoding: chunked\r\n", b""
        ) + bytes(70_000),
        CHUNKED.replace(b"chunked", b"gzip"),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 OK\r\n\r\n",
        b"\x00" * 5000,
        b"HTTP/2 200\r\n\r\n",
    ],
)  # fmt: skip
def test_cc_81_10_broken_http_closes_the_session_in_bounded_memory(lab: Lab, answer: bytes) -> None:
    served = Served(lab, serving(answer))
    served.trigger()
    assert not executed(served)
    assert len(served.posted) == 1
    assert served.terminal.links == {}
    assert agent_state(served) is State.IDLE
    assert served.trigger() == 0
    assert len(served.posted) == 2


def test_cc_81_10_trailers_are_passed_over(lab: Lab) -> None:
    answer = CHUNKED + b"%x\r\n%b\r\n0\r\nX-Admin-Protocol: no\r\nA: b\r\n\r\n" % (len(CREATE), CREATE)
    served = Served(lab, serving(answer))
    served.trigger()
    assert executed(served)
    assert len(served.posted) == 2


def test_cc_81_10_an_answer_that_does_not_come_to_its_end_is_given_up(lab: Lab) -> None:
    served = Served(lab, serving(CHUNKED + b"%x\r\n%b" % (len(CREATE) + 9, CREATE)))
    served.trigger()
    assert agent_state(served) is State.WAITING
    served.terminal.expire()
    assert agent_state(served) is State.IDLE
    assert not executed(served)
    assert served.terminal.links == {}


def test_cc_81_10_requests_of_a_session_share_a_timer_and_a_silent_server_is_given_up(lab: Lab) -> None:
    """Each request has 300 seconds, and at most as many again: the timer is not started anew for each."""
    silent = CHUNKED + b"1\r\n"
    served = Served(lab, serving(ok(CREATE, "/1"), ok(script(READ), "/2"), no_content("/3"), silent))
    served.trigger()
    assert len(served.posted) == 4
    timers = served.terminal.of_type(CommandType.TIMER_MANAGEMENT)
    assert [timer.seconds for timer in timers if isinstance(timer, TimerManagement)] == [120, 300]
    served.terminal.expire()  # the last request went out after that had begun: not yet
    assert agent_state(served) is State.WAITING
    assert served.terminal.timers == {1: 300}
    served.terminal.expire()
    assert agent_state(served) is State.IDLE
    assert served.terminal.links == {}
    assert served.terminal.timers == {}


def test_cc_81_10_an_answer_nobody_asked_for_is_no_script(lab: Lab) -> None:
    served = Served(lab, serving(ok(b"", "/1") + ok(CREATE, "/2")))
    served.trigger()
    assert [posted.target for posted in served.posted] == ["/admin"]
    assert not executed(served)
    assert agent_state(served) is State.IDLE


REPORT = Submit(destination=Address.of("+491710000001"), data=UserData(b"failed")).encode()


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_cc_81_11_attempts_are_counted_and_the_failure_reported(lab: Lab, attempts: int) -> None:
    served = Served(lab, lambda posted: None)
    report = b"\x8b" + bytes((len(REPORT),)) + REPORT
    served.trigger(trigger(attempts=attempts, seconds=90, report=report))
    sent: list[Submit] = []
    for _ in range(attempts):
        assert agent_state(served) is State.PAUSED
        assert served.terminal.timers == {1: 90}
        assert sent == []
        sent = served.terminal.expire()
    assert len(served.connections) == attempts + 1
    assert agent_state(served) is State.IDLE
    assert served.terminal.timers == {}
    messages = [command for command in served.terminal.asked if command.details.type == CommandType.SEND_SHORT_MESSAGE]
    assert len(messages) == 2  # the proof of receipt of the trigger, and the report
    assert [message.encode().endswith(REPORT) for message in messages] == [False, True]


@pytest.mark.parametrize("report", [b"", b"\x8b\x00", b"\x8b\x05hello", b"\x8b", b"\x00" * 20])
def test_cc_81_11_a_report_that_is_no_message_is_not_sent(lab: Lab, report: bytes) -> None:
    served = Served(lab, lambda posted: None)
    served.trigger(trigger(report=report))
    assert len(served.terminal.of_type(CommandType.SEND_SHORT_MESSAGE)) == 1
    assert agent_state(served) is State.IDLE


@pytest.mark.parametrize(
    "kind, result",
    [
        (CommandType.OPEN_CHANNEL, Result(GeneralResult.BIP_ERROR, b"\x07")),
        (CommandType.OPEN_CHANNEL, Result(GeneralResult.USER_DECLINED)),
        (CommandType.OPEN_CHANNEL, Result(GeneralResult.DONE)),  # but no channel
        (CommandType.SEND_DATA, Result(GeneralResult.BIP_ERROR, b"\x02")),
        (CommandType.RECEIVE_DATA, Result(GeneralResult.BIP_ERROR, b"\x03")),
        (CommandType.RECEIVE_DATA, Result(GeneralResult.TERMINAL_UNABLE, b"\x00")),
    ],
)
def test_cc_81_11_a_terminal_that_cannot_counts_as_a_broken_connection(
    lab: Lab, kind: CommandType, result: Result
) -> None:
    served = Served(lab, serving())
    served.terminal.answers[kind] = result
    served.trigger(trigger(attempts=1))
    assert agent_state(served) is State.PAUSED
    assert served.posted == []
    assert served.terminal.links == {}
    served.terminal.answers.clear()
    served.terminal.expire()
    assert len(served.posted) == 1
    assert agent_state(served) is State.IDLE


def test_cc_81_11_a_terminal_without_channels_or_timers(lab: Lab) -> None:
    served = Served(lab, serving())
    profile = bytearray(b"\xff" * 30)
    profile[11] = 0
    lab.card.reset()
    served.terminal.power_up(bytes(profile))
    served.trigger(trigger(attempts=2, seconds=0))
    for _ in range(2):
        assert served.terminal.timers == {1: 1}
        served.terminal.expire()
    assert agent_state(served) is State.IDLE
    assert served.connections == []
    assert served.terminal.of_type(CommandType.OPEN_CHANNEL) == []
    # with channels, but without timers and events: the card goes by the terminal's polls
    profile[11], profile[5], profile[7] = 0xFF, 0, 0
    lab.card.reset()
    served.terminal.power_up(bytes(profile))
    served.reply = serving(None, ok(CREATE, "/1"))
    served.trigger(trigger(attempts=1, seconds=60))
    assert served.terminal.of_type(CommandType.TIMER_MANAGEMENT) == []
    for _ in range(20):
        served.terminal.poll()
    assert executed(served)
    assert agent_state(served) is State.IDLE


def test_cc_81_11_a_terminal_that_refuses_the_event_list_is_asked_for_data(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/1")))
    served.terminal.answers[CommandType.SET_UP_EVENT_LIST] = Result(GeneralResult.BEYOND_CAPABILITIES)
    served.trigger()
    assert agent_state(served) is State.CONNECTING
    for _ in range(10):
        served.terminal.poll()
    assert executed(served)
    assert agent_state(served) is State.IDLE
    assert served.terminal.of_type(CommandType.GET_CHANNEL_STATUS)
    # the next session tries the list again
    served.terminal.answers.clear()
    served.trigger()
    assert served.terminal.events == b"\x09\x0a"
    assert agent_state(served) is State.IDLE


def records(make_lab: MakeLab) -> int:
    """Records of a whole session."""
    served = Served(make_lab(), serving(ok(CREATE, "/1"), ok(script(READ), "/2")))
    served.terminal.cut_at = 10_000
    served.trigger()
    return served.terminal.records


class Keyed:
    """A server that goes by the address that is posted to: its scripts are given out until they are answered."""

    def __init__(self, scripts: list[bytes]) -> None:
        self.scripts = scripts
        self.answers: dict[int, list[bytes]] = {}
        self.given = [0] * len(scripts)

    def __call__(self, posted: Posted) -> bytes:
        number = 0 if posted.target == "/admin" else int(posted.target[1:])
        if posted.body is not None:
            self.answers.setdefault(number, []).append(posted.body)
        if number == len(self.scripts):
            return no_content()
        self.given[number] += 1
        return ok(self.scripts[number], f"/{number + 1}")


def test_cc_81_11_cc_81_12_the_link_is_cut_at_each_record(make_lab: MakeLab) -> None:
    whole = records(make_lab)
    assert whole > 15
    for at in range(1, whole + 1):
        lab = make_lab()
        server = Keyed([CREATE, script(READ), script(create(0x11))])
        served = Served(lab, server)
        served.terminal.cut_at = at
        served.trigger(trigger(attempts=1))
        for _ in range(2):
            if agent_state(served) is State.PAUSED:
                served.terminal.expire()
        assert agent_state(served) is State.IDLE, at
        # once each: another CreateISDP would have been answered 6A80
        said = {number: {body.hex() for body in bodies} for number, bodies in server.answers.items()}
        assert said[1] == {"af8023030090000000"}, at
        assert said[3] == {"af8023030090000000"}, at
        assert len(served.connections) <= 2
        assert lab.state_of(Aid.isd_p(0x11)) is LifeCycle.SELECTABLE


def test_cc_81_12_an_answer_the_server_may_not_have_is_sent_again(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/1"), None))
    served.trigger(trigger(attempts=1))
    served.terminal.expire()
    assert [(posted.target, posted.headers.get("x-admin-resume"), posted.body) for posted in served.posted] == [
        ("/admin", None, None),
        ("/1", None, bytes.fromhex("AF8023030090000000")),
        ("/1", "true", bytes.fromhex("AF8023030090000000")),
    ]
    assert served.posted[2].headers["x-admin-script-status"] == "ok"


def test_cc_81_12_an_answer_the_server_has_is_not_sent_again(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/1"), no_content("/2"), None))
    served.trigger(trigger(attempts=1))
    served.terminal.expire()
    assert [(posted.target, posted.headers.get("x-admin-resume"), posted.body) for posted in served.posted[2:]] == [
        ("/2", None, None), ("/2", "true", None),
    ]  # fmt: skip


def test_cc_81_12_a_server_that_forgot_gets_the_answer_and_not_a_second_run(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/1"), None, ok(CREATE, "/1")))
    served.trigger(trigger(attempts=1))
    served.terminal.expire()
    bodies = [posted.body for posted in served.posted]
    assert bodies == [None, *[bytes.fromhex("AF8023030090000000")] * 3]
    # but in a session without a break the same script twice is meant
    lab.card.reset()
    other = Served(lab, serving(ok(script(READ), "/1"), ok(script(READ), "/1")))
    other.terminal.counter = served.terminal.counter
    other.trigger()
    assert len(other.posted) == 3


def test_cc_81_12_after_a_reset_nothing_is_resumed(lab: Lab) -> None:
    served = Served(lab, serving(ok(CREATE, "/1"), None))
    served.trigger(trigger(attempts=3))
    assert agent_state(served) is State.PAUSED
    lab.card.reset()
    served.terminal.power_up()
    assert served.terminal.timers == {}
    served.reply = serving()
    served.trigger()
    assert [(posted.target, posted.body) for posted in served.connections[-1].posted] == [("/admin", None)]


# --- REFRESH


def test_cc_81_07_a_reset_waits_for_the_end_of_the_session(profiled: Lab) -> None:
    lab = profiled
    other = lab.put_isd_p(0x20, LifeCycle.DISABLED)
    enable = f"80E28800153A03124F10{other.hex()}"
    served = Served(lab, serving(ok(script(enable), "/1"), None, ok(script(READ), "/2")))
    served.trigger(trigger(attempts=1))
    assert lab.state_of(other) is LifeCycle.ENABLED
    assert agent_state(served) is State.PAUSED
    served.terminal.poll()
    assert served.terminal.of_type(CommandType.REFRESH) == []
    served.terminal.expire()
    kinds = [command.details.type for command in served.terminal.asked]
    assert kinds[-2:] == [CommandType.CLOSE_CHANNEL, CommandType.REFRESH]
    assert len(served.posted) == 4


def test_cc_81_11_a_reset_is_let_go_when_the_session_has_failed(profiled: Lab) -> None:
    other = profiled.put_isd_p(0x20, LifeCycle.DISABLED)
    served = Served(profiled, serving(ok(script(f"80E28800153A03124F10{other.hex()}"), "/1"), None))
    served.trigger()
    assert served.terminal.asked[-1].details.type == CommandType.REFRESH
