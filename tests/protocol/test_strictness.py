# SPDX-License-Identifier: Apache-2.0
"""Where open cards are lax, on a card with a profile: one test for each point, and what a million commands cost.

More of each stands elsewhere: secure sessions in test_security_domains.py, channels in test_dispatch_channels.py,
malformed commands in tests/fuzz.
"""

from __future__ import annotations

import gc
import resource
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from apdu.command import CommandApdu
from apdu.errors import SecurityError
from apdu.ids import ISD_R
from apdu.trace import Recorder
from tests.scale import count
from tests.support.flow import flow_lab
from tests.support.lab import Lab, SecureHost
from tests.support.profile import ADM1, USIM, subscriber

SELECT_ISD_R = f"00A4040010{ISD_R}00"
LIST = "80F24002024F0000"
EF_ICCID = "00A4000C022FE2"
DIGITS = str(subscriber(1).iccid).ljust(20, "F")
ICCID = "".join(DIGITS[at + 1] + DIGITS[at] for at in range(0, 20, 2))


@pytest.fixture
def lab() -> Lab:
    return flow_lab()


def code(digits: str) -> str:
    return digits.encode().ljust(8, b"\xff").hex()


def wrapped(host: SecureHost, command: str = LIST) -> bytes:
    return host.session.wrap(host.parse(command)).encode()


def test_plaintext_in_a_secure_session_is_refused_and_ends_it(lab: Lab) -> None:
    host = lab.open_isd_r()
    assert lab.send(LIST) == "6982"
    assert lab.card.transmit(wrapped(host)) == b"\x69\x82"


def test_session_is_over_after_a_wrong_mac(lab: Lab) -> None:
    host = lab.open_isd_r()
    good = wrapped(host)
    assert lab.card.transmit(good[:-2] + bytes((good[-2] ^ 1, good[-1]))) == b"\x69\x82"
    assert lab.card.transmit(good) == b"\x69\x82"
    assert lab.card.transmit(wrapped(host)) == b"\x69\x82"


@pytest.mark.parametrize("select", [SELECT_ISD_R, f"00A4040C{len(USIM) // 2:02X}{USIM}", "00A4000C023F00"])
def test_select_closes_the_session(lab: Lab, select: str) -> None:
    host = lab.open_isd_r()
    assert lab.send(select).endswith("9000")
    assert lab.send(SELECT_ISD_R).endswith("9000")
    assert lab.card.transmit(wrapped(host)) == b"\x69\x82"


def test_r_mac_is_present_and_right(lab: Lab) -> None:
    """Eight bytes more than the padded cipher text; a changed answer is found out."""
    host = lab.open_isd_r()
    answer = host.send(CommandApdu.parse(wrapped(host, "80CAFF2100")))
    assert answer.sw == 0x9000
    assert len(answer.data) % 16 == 8
    changed = answer._replace(data=answer.data[:-1] + bytes((answer.data[-1] ^ 1,)))
    with pytest.raises(SecurityError):
        host.session.unwrap(changed)


def test_channels_are_independent(lab: Lab) -> None:
    """Selection, current file and session of a channel are its own; a wrong command on one leaves the other alone."""
    assert lab.send("0070000001") == "019000"
    host = lab.open_isd_r(1)
    assert lab.send(EF_ICCID) == "9000"
    assert lab.send("00B000000A") == ICCID + "9000"
    assert lab.send(LIST) == "6A86"  # STATUS of the file system: no GET STATUS
    assert host.command("80CAFF2100").sw == 0x9000
    assert lab.send("01B000000A") == "6982"
    assert lab.send("00B000000A").endswith("9000")
    assert lab.send("00708001") == "9000"
    assert lab.send("01B000000A") == "6881"


@pytest.mark.parametrize("cla", ["01", "03", "40", "4F", "81", "87", "C0", "E0", "EF"])
def test_closed_channel_is_6881(lab: Lab, cla: str) -> None:
    assert lab.send(f"{cla}A40004023F00") == "6881"
    assert lab.send(f"{cla}F2000C") == "6881"


def test_ef_iccid_is_not_writable(lab: Lab) -> None:
    """Without a code, with PINs, with a wrong ADM; its rule lets not even ADM1 change it, while EF.SPN lets ADM1."""
    before = lab.snapshot()
    attempts = (
        "00D600000A" + "00" * 10,
        "00D6000001FF",
        "00D6820001FF",
        "80D400000A620883022FE280020014",
        "00E40000022FE2",
    )
    for verify, answer in ((None, ""), (("81", "9876"), "9000"), (("0A", "00000000"), "63C9"), (("0A", ADM1), "9000")):
        if verify is not None:
            lab.send(f"00A4040C{len(USIM) // 2:02X}{USIM}")
            assert lab.send(f"002000{verify[0]}08{code(verify[1])}") == answer
        for attempt in attempts:
            assert lab.send("00A4000C023F00") == lab.send(EF_ICCID) == "9000"
            assert lab.send(attempt) in ("6982", "6985"), (verify, attempt)
        assert lab.send(EF_ICCID) == "9000"
        assert lab.send("00B000000A") == f"{ICCID}9000"
    changed = {key for key, value in lab.snapshot().items() if before.get(key) != value}
    assert all("/pin/" in key for key in changed)


def test_ef_spn_is_writable_with_adm_only(lab: Lab) -> None:
    lab.send(f"00A4040C{len(USIM) // 2:02X}{USIM}")
    assert lab.send("00A4000C026F46") == "9000"
    assert lab.send("00D60000024D32") == "6982"
    assert lab.send(f"0020008108{code('9876')}") == "9000"
    assert lab.send("00D60000024D32") == "6982"
    assert lab.send(f"0020000A08{code(ADM1)}") == "9000"
    assert lab.send("00D60000024D32") == "9000"


GOLDEN = [
    "00A40004022FE2",
    "00B000000A",
    "00D60000024D32",
    f"0020008108{code('9876')}",
    f"002C008110{code('22222222')}{code('9876')}",
    "00A2010402" + "0000",
    "0070000001",
    "80F2000C",
    "8010000002FFFF",
    "80140000 0C 810301030082028281830100".replace(" ", ""),
    "0088008122" + "10" + "00" * 16 + "10" + "00" * 16,
    "0084000008",
    "80500000080102030405060708",
]


def test_malformed_commands_are_never_9000() -> None:
    """A command without its end, with a byte too many, with Lc one off: no success, and nothing is written."""
    lab = flow_lab()
    lab.send(f"00A4040C{len(USIM) // 2:02X}{USIM}")
    before = lab.snapshot()
    tried = 0
    for text in GOLDEN:
        raw = bytes.fromhex(text)
        body = raw[5:]
        if not body:  # a header, perhaps with Le: what is shorter is no command
            malformed = [raw[:end] for end in range(4)]
        else:
            malformed = [raw[:end] for end in range(len(raw)) if end not in (4, 5)]
            malformed += [
                raw[:4] + bytes((lc,)) + body for lc in (len(body) + 1, len(body) - 2, 0xFF) if 0 < lc <= 0xFF
            ]
            malformed += [raw + b"\x00\x00", raw[:4] + b"\x00" + raw[4:]]
        for each in malformed:
            answer = lab.card.transmit(each)
            assert answer[0] not in (0x90, 0x91, 0x61, 0x9F), f"{each.hex()}: {answer.hex()}"
            tried += 1
    assert tried > 150
    assert lab.snapshot() == before
    assert not lab.recorder.errors


# --- memory


class Mix:
    """Commands of a busy life: files on one channel, a secure session on another, wrong PINs among right ones."""

    def __init__(self) -> None:
        self.lab = flow_lab()
        self.lab.recorder = Recorder(lambda event: None)
        self.lab.restart()
        self.sent = 0
        self.refused = 0
        for command in ("0070000001", f"00A4040C{len(USIM) // 2:02X}{USIM}", f"0020000A08{code(ADM1)}"):
            assert self.lab.send(command).endswith("9000")
        self.host = self.lab.open_isd_r(1)
        self._rounds = cycle(
            [self._files, self._files, self._files, self._pins, self._secure, self._files, self._session]
        )
        self._value = 0

    def run(self, commands: int) -> None:
        """So many commands, or a few more."""
        end = self.sent + commands
        for step in self._rounds:
            step()
            if self.sent >= end:
                return

    def _send(self, raw: bytes, *expected: int) -> None:
        answer = self.lab.card.transmit(raw)
        assert answer[-2] in expected, f"{raw.hex()}: {answer.hex()}"
        self.sent += 1

    def _files(self) -> None:
        self._value = (self._value + 1) % 251
        for _ in range(50):
            self._send(b"\x00\xa4\x00\x04\x02\x6f\x07", 0x90, 0x61)
            self._send(b"\x00\xb0\x00\x00\x09", 0x90)
            self._send(b"\x00\xa4\x00\x04\x02\x6f\xff", 0x6A)
            self._send(b"\x80\xf2\x00\x0c", 0x90)
        self._send(b"\x00\xa4\x00\x0c\x02\x6f\x46", 0x90)
        self._send(bytes((0x00, 0xD6, 0x00, 0x01, 0x02, self._value, self._value)), 0x90)

    def _pins(self) -> None:
        self._send(bytes.fromhex(f"0020008108{code('0000')}"), 0x63)
        self._send(bytes.fromhex(f"0020008108{code('9876')}"), 0x90)

    def _secure(self) -> None:
        for command in ("80CA00D300", LIST, "80CAFF2100"):
            assert self.host.command(command).sw in (0x9000, 0x6A88)
            self.sent += 1

    def _session(self) -> None:
        self.host = self.lab.open_isd_r(1)
        self.sent += 3


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def journal_sizes(mix: Mix, commands: int) -> Iterator[int]:
    """Run, and tell the size of the journal every now and then."""
    end = mix.sent + commands
    while mix.sent < end:
        mix.run(2000)
        yield len(mix.lab.flash.data)


def grown(measure: Callable[[], int], work: Callable[[], object]) -> int:
    gc.collect()
    before = measure()
    work()
    gc.collect()
    return measure() - before


def test_memory_is_flat_over_a_million_apdus() -> None:
    """The process, the objects that Python knows of, and the journal that stands for the chip's memory."""
    mix = Mix()
    largest_early = max(islice(journal_sizes(mix, 50_000), 100))
    sizes: list[int] = []
    assert grown(resident, lambda: sizes.extend(journal_sizes(mix, count("flat_apdus")))) < 4 << 20
    assert max(sizes) <= largest_early + 256
    tracemalloc.start()
    try:
        mix.run(5_000)
        # what leaks does so every time; a table of Python itself that is built anew does so once
        assert min(grown(lambda: tracemalloc.get_traced_memory()[0], lambda: mix.run(10_000)) for _ in range(4)) < 5_000
    finally:
        tracemalloc.stop()
    assert not mix.lab.recorder.errors
    assert mix.sent > count("flat_apdus")
