# SPDX-License-Identifier: Apache-2.0
"""SCP03 sessions with a security domain, through the card: opening, protection, what ends them (GPCS Amendment D)."""

from __future__ import annotations

import pytest

from apdu.channel.scp03 import SecurityLevel
from apdu.command.apdu import ResponseApdu
from apdu.gp.codes import LifeCycle
from apdu.ids import ECASD, ISD_R
from apdu.keys.entropy import SeededEntropy
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab, SecureHost
from tests.unit.channel.scp03_model import ModelSession

SELECT_ISD_R = f"00A4040010{ISD_R}00"
SELECT_ECASD = f"00A4040010{ECASD}00"
LIST = "80F24002024F0000"
CHALLENGE = "0102030405060708"
CHANNELS = [0, 1, 3, 4, 5, 19]


def initialize(lab: Lab, *, kvn: str = "30", p2: str = "00", challenge: str = CHALLENGE, cla: str = "80") -> str:
    return lab.send(f"{cla}50{kvn}{p2}{len(challenge) // 2:02X}{challenge}00")


class Model:
    """The second implementation of SCP03 (tests.unit.channel.scp03_model) talking to the card's ISD-R, in raw bytes."""

    def __init__(self, lab: Lab, *, channel: int = 0) -> None:
        self.lab = lab
        self.channel = channel
        if channel:
            lab.send(f"007000{channel:02X}")
        self.exchange(bytes.fromhex(SELECT_ISD_R))
        answer = self.exchange(bytes.fromhex(f"8050300008{CHALLENGE}00"))
        assert answer[-2:] == b"\x90\x00"
        enc, mac = lab.keys.enc.reveal(), lab.keys.mac.reveal()
        self.model = ModelSession(enc, mac, bytes.fromhex(CHALLENGE), answer[13:21])
        assert self.model.card_cryptogram == answer[21:29]
        self.counter = answer[29:32]

    def exchange(self, command: bytes) -> bytes:
        """Send on the channel: GPCS tables 11-11 and 11-12 written down once more."""
        cla, number = command[0], self.channel
        if number < 4:
            coded = cla | number
        else:
            coded = cla & 0x80 | 0x40 | (0x20 if cla & 0x04 else 0) | (number - 4)
        return self.lab.card.transmit(bytes((coded,)) + command[1:])

    def open(self, level: int = 0x33) -> bytes:
        return self.exchange(self.model.external_authenticate(level))

    def command(self, text: str, le: str = "00") -> str:
        """Header and data of a command, protected; the answer checked and in clear."""
        raw = bytes.fromhex(text)
        protected = self.model.wrap(raw[:4], raw[5:], bytes.fromhex(le))
        return self.model.unwrap_response(self.exchange(protected)).hex().upper()


# --- INITIALIZE UPDATE


def test_answer_to_initialize_update(lab: Lab) -> None:
    lab.send(SELECT_ISD_R)
    answer = initialize(lab)
    assert len(answer) == 2 * 32 + 4
    assert answer[:26] == "00" * 10 + "300370"
    assert answer[-10:] == "0000019000"


def test_cc_e8_14_the_same_host_challenge_twice(lab: Lab) -> None:
    lab.send(SELECT_ISD_R)
    answers = {initialize(lab)[26:58] for _ in range(50)}
    assert len(answers) == 50


def test_kvn_00_is_the_first_set(lab: Lab) -> None:
    lab.send(SELECT_ISD_R)
    assert initialize(lab, kvn="00")[20:26] == "300370"


@pytest.mark.parametrize("kvn", ["7F", "31", "2F", "01", "40", "FF"])
def test_cc_e8_09_unknown_key_version(lab: Lab, kvn: str) -> None:
    """SCP80 and SCP81 sets open no SCP03 session either."""
    lab.send(SELECT_ISD_R)
    before = lab.snapshot()
    assert initialize(lab, kvn=kvn) == "6A88"
    assert lab.snapshot() == before
    assert lab.send("8482330010" + "00" * 16) == "6985"


@pytest.mark.parametrize("challenge", ["", "00", "01020304050607", "010203040506070809", "00" * 16])
def test_initialize_update_with_a_challenge_of_another_length(lab: Lab, challenge: str) -> None:
    lab.send(SELECT_ISD_R)
    before = lab.snapshot()
    command = f"80503000{len(challenge) // 2:02X}{challenge}00" if challenge else "8050300000"
    assert lab.send(command) == "6700"
    assert lab.snapshot() == before


@pytest.mark.parametrize("p2", ["01", "80", "FF"])
def test_initialize_update_with_p2(lab: Lab, p2: str) -> None:
    lab.send(SELECT_ISD_R)
    before = lab.snapshot()
    assert initialize(lab, p2=p2) in ("6A86", "6A88")
    assert lab.snapshot() == before


@pytest.mark.parametrize("select", ["", "00A40004023F00"])
def test_no_session_without_a_security_domain(lab: Lab, select: str) -> None:
    if select:
        lab.send(select)
    assert initialize(lab) == "6D00"
    assert lab.send("8482330010" + "00" * 16) in ("6882", "6D00")


def test_a_production_card_has_no_door_at_the_terminal(make_lab: MakeLab) -> None:
    """Annex 11: INITIALIZE UPDATE of a production ISD-R answers 6A88."""
    lab = make_lab(lab=False)
    lab.send(SELECT_ISD_R)
    for kvn in ("00", "30", "01", "40"):
        assert initialize(lab, kvn=kvn) == "6A88"


def test_the_sequence_counter_is_durable_before_the_answer(lab: Lab) -> None:
    lab.send(SELECT_ISD_R)
    for number in range(1, 5):
        assert initialize(lab)[-10:-4] == f"{number:06X}"
        lab.restart()
        lab.send(SELECT_ISD_R)


def test_a_counter_that_is_used_up(lab: Lab) -> None:
    lab.card.memory.put("isdr/ctr/30", b"\xff\xff\xfe")
    lab.card.memory.commit()
    lab.send(SELECT_ISD_R)
    assert initialize(lab)[-10:] == "FFFFFF9000"
    before = lab.snapshot()
    assert initialize(lab) == "6985"
    assert lab.snapshot() == before
    assert lab.send("8482330010" + "00" * 16) == "6985"


# --- EXTERNAL AUTHENTICATE


def test_external_authenticate(lab: Lab) -> None:
    assert Model(lab).open() == b"\x90\x00"  # no data, no R-MAC, ever


@pytest.mark.parametrize("level", [level for level in range(256) if level != 0x33])
def test_the_isd_r_takes_level_33_only(lab: Lab, level: int) -> None:
    model = Model(lab)
    assert model.open(level) == b"\x6a\x86"
    assert lab.send(LIST) == "6982"
    assert model.open(0x33) == b"\x69\x85"  # the session is gone


@pytest.mark.parametrize("position", range(16))
def test_cc_e8_10_wrong_cryptogram_or_mac(lab: Lab, position: int) -> None:
    model = Model(lab)
    command = bytearray(model.model.external_authenticate(0x33))
    command[5 + position] ^= 0x01
    assert model.exchange(bytes(command)) == b"\x63\x00"
    assert lab.send(LIST) == "6982"
    command[5 + position] ^= 0x01
    assert model.exchange(bytes(command)) == b"\x69\x85"  # no second try


def test_cc_e8_10_wrong_cryptogram_under_a_right_mac(lab: Lab) -> None:
    """Whoever knows the MAC key alone: the cryptogram counts by itself."""
    model = Model(lab)
    model.model.host_cryptogram = bytes(8)
    assert model.open() == b"\x63\x00"
    assert lab.send(LIST) == "6982"


def test_cc_e8_10_wrong_mac_over_a_right_cryptogram(lab: Lab) -> None:
    model = Model(lab)
    raw = model.model.external_authenticate(0x33)
    assert model.exchange(raw[:-8] + bytes(8)) == b"\x63\x00"
    assert lab.send(LIST) == "6982"


@pytest.mark.parametrize("change", ["plain class", "p2", "short", "long", "without data"])
def test_external_authenticate_malformed(lab: Lab, change: str) -> None:
    model = Model(lab)
    raw = model.model.external_authenticate(0x33)
    changed = {
        "plain class": b"\x80" + raw[1:],
        "p2": raw[:3] + b"\x01" + raw[4:],
        "short": raw[:4] + b"\x0f" + raw[5:-1],
        "long": raw[:4] + b"\x11" + raw[5:] + b"\x00",
        "without data": raw[:4],
    }[change]
    assert model.exchange(changed).hex() in {"plain class": "6982", "p2": "6a86"}.get(change, "6700")
    assert model.exchange(raw) == b"\x69\x85"


def test_external_authenticate_without_initialize_update(lab: Lab) -> None:
    model = Model(lab)
    raw = model.model.external_authenticate(0x33)
    lab.send(SELECT_ISD_R)
    assert model.exchange(raw) == b"\x69\x85"


def test_a_cryptogram_of_an_earlier_session(lab: Lab) -> None:
    first, second = Model(lab), Model(lab)
    assert second.exchange(first.model.external_authenticate(0x33)) == b"\x63\x00"


def test_external_authenticate_twice(lab: Lab) -> None:
    model = Model(lab)
    raw = model.model.external_authenticate(0x33)
    assert model.exchange(raw) == b"\x90\x00"
    assert model.exchange(raw) == b"\x69\x85"
    assert model.exchange(model.model.wrap(bytes.fromhex("80F24002"), b"\x4f\x00", b"\x00")) == b"\x69\x82"


# --- protected commands


@pytest.mark.parametrize("channel", CHANNELS)
def test_cc_e8_12_cc_e8_13_commands_with_and_without_data(make_lab: MakeLab, channel: int) -> None:
    """Counter of every command, ICVs of both directions, R-MAC: against a second implementation, on all channels."""
    lab = make_lab()
    model = Model(lab, channel=channel)
    assert model.open() == b"\x90\x00"
    create = (
        "80E60C003F10A0000005591010FFFFFFFF8900000D0010A0000005591010FFFFFFFF8900000E00"
        "10A0000005591010FFFFFFFF89000013000380C00006C9048102037000"
    )
    assert model.command("80CA0066").startswith("66")  # no data: the counter counts too
    assert model.command(create) == "009000"
    assert model.command("80CAFF21").startswith("FF21")
    assert model.command("80F24002124F10A0000005591010FFFFFFFF8900001300")[-4:] == "9000"
    assert model.command("80CA00D3") == "D301339000"
    assert model.command("80F24002124F10A0000005591010FFFFFFFF8900001400") == "6A88"  # an error: neither data nor R-MAC
    assert model.command("80CA00D3") == "D301339000"
    assert model.command("80E40040124F10A0000005591010FFFFFFFF8900001300") == "009000"
    assert model.command("80E60C0000"[:8]) == "6A80"  # a command without data that wants some


def test_an_answer_without_data_has_an_r_mac(lab: Lab) -> None:
    host = lab.open_isd_r()
    host.command(
        "80E60C003F10A0000005591010FFFFFFFF8900000D0010A0000005591010FFFFFFFF8900000E00"
        "10A0000005591010FFFFFFFF89000013000380C00006C904810203700000"
    )
    raw = host.send(host.session.wrap(host.parse("80E6200016000010A0000005591010FFFFFFFF890000130000000000")))
    assert (raw.sw, len(raw.data)) == (0x9000, 8)
    assert host.session.unwrap(raw).data == b""


def test_more_data_is_protected_too(lab: Lab) -> None:
    """62xx and 63xx carry an R-MAC (6.2.5): GET STATUS with 6310."""
    for number in range(0x10, 0x30):
        lab.put_isd_p(number, LifeCycle.DISABLED)
    model = Model(lab)
    model.open()
    assert model.command("80F24002024F00")[-4:] == "6310"
    assert model.command("80F24003024F00")[-4:] in ("6310", "9000")


BROKEN = {
    "mac": lambda raw: raw[:-2] + bytes((raw[-2] ^ 1,)) + raw[-1:],
    "first byte of the mac": lambda raw: raw[:-9] + bytes((raw[-9] ^ 0x80,)) + raw[-8:],
    "cipher text": lambda raw: raw[:5] + bytes((raw[5] ^ 1,)) + raw[6:],
    "p1": lambda raw: raw[:2] + b"\x80" + raw[3:],
    "p2": lambda raw: raw[:3] + b"\x03" + raw[4:],
    "ins": lambda raw: raw[:1] + b"\xe2" + raw[2:],
    "no mac": lambda raw: raw[:4] + bytes((raw[4] - 8,)) + raw[5:-9] + raw[-1:],
    "only a mac": lambda raw: raw[:4] + b"\x08" + raw[-9:],
    "seven bytes": lambda raw: raw[:4] + b"\x07" + raw[-8:],
    "no data at all": lambda raw: raw[:4] + b"\x00",
    "plain class": lambda raw: b"\x80" + raw[1:],
}
REFUSED_AFTER = [
    LIST,
    "80CA006600",
    "84CA0066080000000000000000",
    "80E2880003000000",
    "8482330010" + "00" * 16,
    "80F0408000",
    "80FF0000",
]


@pytest.mark.parametrize("fault", BROKEN)
def test_cc_e8_11_atk_08_a_wrong_command_ends_the_session(lab: Lab, fault: str) -> None:
    host = lab.open_isd_r()
    good = host.session.wrap(host.parse(LIST)).encode()
    before = lab.snapshot()
    assert lab.card.transmit(BROKEN[fault](good)) == b"\x69\x82"
    for command in REFUSED_AFTER:
        assert lab.send(command) == "6982"
    assert lab.card.transmit(good) == b"\x69\x82"  # the right one comes too late
    assert lab.card.transmit(host.session.wrap(host.parse(LIST)).encode()) == b"\x69\x82"
    assert lab.snapshot() == before
    again = lab.open_isd_r()  # SELECT and INITIALIZE UPDATE are what works
    assert again.command(LIST).sw == 0x6A88


def test_cc_e8_11_initialize_update_alone_begins_a_new_session(lab: Lab) -> None:
    lab.open_isd_r()
    assert lab.send(LIST) == "6982"
    host = SecureHost(lab.card, lab.keys, ISD_R, SecurityLevel.ALL, 0, bytes(8))
    answer = host.send(host.session.initialize_update())
    host.session.authenticated(host.send(host.session.external_authenticate(answer)))
    assert host.command(LIST).sw == 0x6A88


@pytest.mark.parametrize("fault", ["dropped", "repeated", "exchanged"])
def test_cc_e8_11_order_of_commands(lab: Lab, fault: str) -> None:
    host = lab.open_isd_r()
    first = host.session.wrap(host.parse(LIST)).encode()
    second = host.session.wrap(host.parse("80CA00D300")).encode()
    if fault == "repeated":
        assert lab.card.transmit(first) == b"\x6a\x88"
        assert lab.card.transmit(first) == b"\x69\x82"
    else:
        assert lab.card.transmit(second) == b"\x69\x82"
        if fault == "exchanged":
            assert lab.card.transmit(first) == b"\x69\x82"


PLAIN_IN_A_SESSION = ["80CA006600", "00CA006600", LIST, "80E28800153A03124F10" + "00" * 16, "80FF0000", "00B0000000"]


@pytest.mark.parametrize("command", PLAIN_IN_A_SESSION)
def test_a_plain_command_ends_the_session(lab: Lab, command: str) -> None:
    host = lab.open_isd_r()
    assert lab.send(command) == "6982"
    assert lab.card.transmit(host.session.wrap(host.parse(LIST)).encode()) == b"\x69\x82"


CARDS_OWN = ["0070000001", "80F2000C", "801000000101", "00C0000010", "00A4040005A0000000FF", "00A40004023FFF"]


@pytest.mark.parametrize("command", CARDS_OWN)
def test_commands_of_the_card_itself_leave_the_session_alone(lab: Lab, command: str) -> None:
    """A modem polls and manages channels whatever is selected (annex 3.6); a SELECT that fails changes nothing."""
    host = lab.open_isd_r()
    lab.send(command)
    assert host.command("80CA00D300").data == b"\xd3\x01\x33"


@pytest.mark.parametrize("command", ["00A4040010" + str(ISD_R), "0070000001", "80F2000C00", "8010000001FF"])
def test_commands_of_the_card_itself_are_not_protected(lab: Lab, command: str) -> None:
    host = lab.open_isd_r()
    wrapped = host.session.wrap(host.parse(command))
    assert lab.card.transmit(wrapped.encode()) in (b"\x68\x82", b"\x69\x82")
    assert lab.send("0070000001") == "019000"  # nothing was opened


@pytest.mark.parametrize(
    "select", [SELECT_ISD_R, SELECT_ECASD, f"00A404000A{str(ISD_R)[:20]}00", f"00A4044010{ISD_R}00"]
)
def test_select_ends_the_session(lab: Lab, select: str) -> None:
    host = lab.open_isd_r()
    assert lab.send(select)[-4:] == "9000"
    again = lab.send(SELECT_ISD_R)
    assert again[-4:] == "9000"
    assert lab.card.transmit(host.session.wrap(host.parse(LIST)).encode()) == b"\x69\x82"
    assert lab.send(LIST) == "6982"
    assert lab.send("80CA00D300") == "D301009000"


@pytest.mark.parametrize("how", ["reset", "power", "close"])
def test_what_else_ends_it(lab: Lab, how: str) -> None:
    lab.send("0070000001")
    host = lab.open_isd_r(1)
    if how == "reset":
        lab.card.reset()
    elif how == "power":
        lab.card.power_off()
        lab.card.power_on()
    else:
        assert lab.send("00708001") == "9000"
    lab.send("0070000001")
    lab.send(f"01A4040010{ISD_R}00")
    assert lab.card.transmit(host.session.wrap(host.parse("81F24002024F0000")).encode()) == b"\x69\x82"


@pytest.mark.parametrize("one, other", [(0, 1), (1, 5), (5, 0), (4, 19), (3, 4)])
def test_sessions_of_two_channels(make_lab: MakeLab, one: int, other: int) -> None:
    lab = make_lab()
    for number in (one, other):
        if number:
            lab.send(f"007000{number:02X}")
    first, second = lab.open_isd_r(one), lab.open_isd_r(other)
    for _ in range(3):
        assert first.command("80CA00D300").data == b"\xd3\x01\x33"
        assert second.command("80CA00D300").data == b"\xd3\x01\x33"
    # what one channel was sent does not count on the other, though the MAC does not cover the channel
    stray = first.session.wrap(first.parse(LIST)._replace(cla=_plain(one)))
    moved = stray._replace(cla=second.session.wrap(second.parse("80CA00D300")._replace(cla=_plain(other))).cla)
    assert lab.card.transmit(moved.encode()) == b"\x69\x82"
    assert lab.card.transmit(stray.encode())[-2:] == b"\x6a\x88"  # its own channel is not disturbed


def _plain(number: int) -> int:
    return 0x80 | number if number < 4 else 0xC0 | number - 4


def test_atk_07_random_sessions_agree_with_the_second_implementation(lab: Lab) -> None:
    """ATK-07: sessions of random lengths, with and without data, through the whole card."""
    random = SeededEntropy(b"sessions")
    for _ in range(100):
        model = Model(lab)
        assert model.open() == b"\x90\x00"
        for _ in range(random.draw(1)[0] % 8):
            if random.draw(1)[0] & 1:
                assert model.command("80CA00D3") == "D301339000"
            else:
                aid = random.draw(1 + random.draw(1)[0] % 16).hex()
                answer = model.command(f"80F24002{len(aid) // 2 + 2:02X}4F{len(aid) // 2:02X}{aid}")
                assert answer == "6A88"


def test_a_short_answer_in_t0_pieces_keeps_its_r_mac(lab: Lab) -> None:
    """61xx: the R-MAC covers the whole response before it is cut (GPCS 11.1.5.2)."""
    host = lab.open_isd_r()
    wrapped = host.session.wrap(host.parse("80CA006600"))._replace(le=None)
    first = lab.card.transmit(wrapped.encode())
    assert first[0] == 0x61
    pieces = b""
    left = first[1]
    while left:
        size = min(left, 10)
        piece = lab.card.transmit(bytes((0x00, 0xC0, 0x00, 0x00, size)))
        pieces += piece[:-2]
        left -= size
    assert host.session.unwrap(ResponseApdu(pieces, 0x9000)).data[:1] == b"\x66"
