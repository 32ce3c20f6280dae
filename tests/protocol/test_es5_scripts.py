# SPDX-License-Identifier: Apache-2.0
"""ES5 scripts against answers as real cards gave them (card.md 4, S marks), and against refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apdu.command.apdu import ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, RemoteProtocolError, StatusError
from apdu.gp.codes import LifeCycle
from apdu.gp.recognition import ExtendedCardResources
from apdu.ids import Aid
from apdu.script import ApduScript
from smsr.scripts.audit import Audit, IsdP, audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile, personalize
from tests.protocol.scripted import play

ISD_P_13 = Aid.isd_p(0x13)
ISD_P_10 = Aid.isd_p(0x10)
AID = "A0000005591010FFFFFFFF8900001300"

CREATE = (  # captured (S:whty)
    "80E60C003F 10A0000005591010FFFFFFFF8900000D00 10A0000005591010FFFFFFFF8900000E00"
    f"10{AID} 0380C000 06C90481020370 00 00"
)
CASES: list[tuple[Callable[[], ApduScript[None]], str]] = [
    (lambda: create_isdp(ISD_P_13), CREATE),
    (
        lambda: create_isdp(ISD_P_13, 0x8000),
        CREATE.replace("003F", "0045").replace("06C90481020370", "0CC90481020370 EF0483028000"),
    ),
    (lambda: enable_profile(ISD_P_13), f"80E2880015 3A0312 4F10{AID}"),
    (lambda: disable_profile(ISD_P_13), f"80E2880015 3A0412 4F10{AID}"),
    (lambda: delete_profile(ISD_P_13), f"80E4004012 4F10{AID} 00"),
    (lambda: personalize(ISD_P_13), f"80E6200016 0000 10{AID} 000000 00"),
]


@pytest.mark.parametrize("script, command", CASES)
@pytest.mark.parametrize("answer", ["9000", "00 9000", "910B"])
def test_functions_of_one_command(script: Callable[[], ApduScript[None]], command: str, answer: str) -> None:
    play(script(), [(command, answer)])


@pytest.mark.parametrize("script, command", CASES)
@pytest.mark.parametrize("sw", [0x6985, 0x69E1, 0x6A80, 0x6A84, 0x6A88, 0x6581, 0x6982, 0x6F00, 0x6310])
def test_refusals_name_the_status_word(script: Callable[[], ApduScript[None]], command: str, sw: int) -> None:
    with pytest.raises(StatusError) as caught:
        play(script(), [(command, f"{sw:04X}")])
    assert caught.value.sw == sw
    assert f"{sw:04X} (" in str(caught.value)
    assert str(caught.value).startswith(("ES5.", "INSTALL"))


def test_unexpected_response_data() -> None:
    with pytest.raises(RemoteProtocolError, match="unexpected response data"):
        play(enable_profile(ISD_P_13), [(CASES[2][1], "0102 9000")])


def test_no_answer_at_all() -> None:
    with pytest.raises(RemoteProtocolError, match="0 answers to 1 commands"):
        script = enable_profile(ISD_P_13)
        next(script)
        script.send([])


CERTIFICATE = "7F21 06 930102 420103"
AUDIT_COMMANDS = ("80CABF3004 5C027F21 00", "80CAFF2100", "80F240020A 4F00 5C06 4F9F70538F91 00")
NEXT = "80F240030A 4F00 5C06 4F9F70538F91 00"
RESOURCES = "FF210D 810102 820400064000 83020800"
FIRST = f"E323 4F10{AID} 9F70013F 530101 8F028000 910400010000"
SECOND = "E319 4F10A0000005591010FFFFFFFF8900001000 9F70010F 530100"
OTHER = "E311 4F08A000000151000000 9F700107 C50100"
ONE = IsdP(ISD_P_13, LifeCycle.ENABLED, True, False, 0x8000, 0x10000)
TWO = IsdP(ISD_P_10, LifeCycle.PERSONALIZED)


def _audit(certificate: str, resources: str, status: str) -> list[tuple[str, str]]:
    return list(zip(AUDIT_COMMANDS, (certificate, resources, status), strict=True))


def test_audit_in_one_batch() -> None:
    answers = _audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", f"{FIRST} {SECOND} 9000")
    result = play(audit(), answers)
    assert result == Audit(
        bytes.fromhex(CERTIFICATE),
        ExtendedCardResources(applications=2, free_nonvolatile=0x64000, free_volatile=0x800),
        (ONE, TWO),
    )
    assert result.find(ISD_P_10) == TWO
    assert result.find(Aid.isd_p(0x99)) is None


def test_audit_with_paging_and_other_applications() -> None:
    answers = _audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", f"{FIRST} 6310")
    pages = ([(NEXT, f"{OTHER} 6310")], [(NEXT, f"{SECOND} 9000")])
    assert play(audit(), answers, *pages).isd_ps == (ONE, TWO)


@pytest.mark.parametrize("last", [f"{SECOND} 6310", "6A88"])
def test_a_list_that_ends_with_nothing_more(last: str) -> None:
    answers = _audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", f"{FIRST} 6310")
    pages = [[(NEXT, last)]] + ([[(NEXT, "6A88")]] if last != "6A88" else [])
    assert play(audit(), answers, *pages).isd_ps[0] == ONE


def test_empty_card() -> None:
    assert play(audit(), _audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", "6A88")).isd_ps == ()


@pytest.mark.parametrize(
    "answers, error",
    [
        (_audit("6A88", "", ""), StatusError),
        (_audit(f"BF3009 {CERTIFICATE} 9000", "6A88", ""), StatusError),
        (_audit("BF3000 9000", f"{RESOURCES} 9000", "6A88"), RemoteProtocolError),
        (_audit(f"BF3009 {CERTIFICATE} 9000", "FF2103810102 9000", "6A88"), DecodeError),
        (_audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", "E30180 9000"), DecodeError),
        (_audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", f"E3124F10{AID} 9000"), RemoteProtocolError),
        (_audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", "6A80"), StatusError),
    ],
)
def test_audits_that_fail(answers: list[tuple[str, str]], error: type[Exception]) -> None:
    with pytest.raises(error):
        play(audit(), answers)


def test_a_list_without_end() -> None:
    answers = _audit(f"BF3009 {CERTIFICATE} 9000", f"{RESOURCES} 9000", f"{FIRST} 6310")
    with pytest.raises(RemoteProtocolError, match="no end"):
        play(audit(), answers, *([(NEXT, f"{FIRST} 6310")] for _ in range(256)))


def test_state_of_one() -> None:
    # the exchange of card.md 3.6, with the tags that an audit asks for
    query = f"80F240021A 4F10{AID} 5C06 4F9F70538F91 00"
    assert play(isd_p_states(ISD_P_13), [(query, f"E316 4F10{AID} 9F70013F 9000")]) == (
        IsdP(ISD_P_13, LifeCycle.ENABLED),
    )
    assert play(isd_p_states(ISD_P_13), [(query, f"{SW.REFERENCED_DATA_NOT_FOUND:04X}")]) == ()


def test_an_error_in_the_middle_of_a_batch() -> None:
    """A bearer that sends on after an error: the script stops at it all the same."""
    script = audit()
    next(script)
    with pytest.raises(StatusError, match="6A88"):
        script.send([ResponseApdu(b"", 0x6A88), ResponseApdu(b"", 0x9000), ResponseApdu(b"", 0x9000)])
