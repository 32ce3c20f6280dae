# SPDX-License-Identifier: Apache-2.0
"""What the ISD-R tells: GET STATUS with paging, GET DATA, the audit (GPCS 11.3, 11.4; SGP.02 v4.2 4.1.1.5)."""

from __future__ import annotations

import pytest

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from tests.protocol.test_isd_r import (
    ECASD,
    FIRST,
    ISD_R,
    LOAD_FILE,
    MODULE,
    PREFIX,
    SECOND,
    answer,
    create,
    delete,
    lv,
    resources,
    status,
)
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab


def test_cc_e5_25_the_observed_exchange(lab: Lab) -> None:
    """card.md 3.6: `80F24002 17 4F10.. 5C03 4F9F70` was answered with `E316 4F10 .. 9F7001 3F`."""
    lab.put_isd_p(0x13, LifeCycle.ENABLED)
    host = lab.open_isd_r()
    command = f"80F24002174F10{FIRST}5C034F9F7000"
    assert command == status(FIRST)
    assert answer(host, command) == f"E3164F10{FIRST}9F70013F9000"


STATES = [
    (LifeCycle.SELECTABLE, "07"),
    (LifeCycle.PERSONALIZED, "0F"),
    (LifeCycle.DISABLED, "1F"),
    (LifeCycle.ENABLED, "3F"),
]


@pytest.mark.parametrize("state, code", STATES)
def test_cc_e5_25_every_state_with_all_objects(lab: Lab, state: LifeCycle, code: str) -> None:
    lab.put_isd_p(0x13, state, granted=0x8000, used=0x1234, fallback=state is LifeCycle.DISABLED)
    host = lab.open_isd_r()
    fallback = "01" if state is LifeCycle.DISABLED else "00"
    entry = f"4F10{FIRST}9F7001{code}5301{fallback}8F02800091026DCC9"[:-1]
    assert answer(host, status(FIRST, "4F9F70538F91")) == f"E3{len(entry) // 2:02X}{entry}9000"


def test_only_the_listed_objects_come(lab: Lab) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, status(FIRST, "9F70")) == "E3049F70011F9000"
    assert answer(host, status(FIRST, "4F")) == f"E3124F10{FIRST}9000"
    assert answer(host, status(FIRST, "C5")) == "E305C50380C0009000"
    assert answer(host, status(FIRST, "CC")) == f"E312CC10{ISD_R}9000"
    assert answer(host, status(FIRST, "C4")) == f"E312C410{LOAD_FILE}9000"
    assert answer(host, status(FIRST, "CF")) == "E3009000"  # there is none


def test_without_a_tag_list_the_usual_objects_come(lab: Lab) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    reply = answer(host, status(FIRST, ""))
    for item in (f"4F10{FIRST}", "9F70011F", "C50380C000"):
        assert item in reply


def test_cc_e5_26_unknown_isd_p(lab: Lab) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, status(SECOND)) == "6A88"
    assert answer(host, status(ISD_R)) == "6A88"  # not under itself
    assert answer(host, status(ECASD)) == "6A88"
    assert answer(host, status(p1=0x80)) == f"E3164F10{ISD_R}9F70010F9000"
    assert answer(host, status(p1=0x20)) == f"E3164F10{LOAD_FILE}9F7001019000"
    assert answer(host, status(LOAD_FILE, "4F84", p1=0x10)) == f"E3244F10{LOAD_FILE}8410{MODULE}9000"


def test_a_partial_aid_finds_all(lab: Lab) -> None:
    for number in (0x13, 0x14, 0x113):
        lab.put_isd_p(number, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    for length, found in ((5, 3), (13, 3), (14, 2), (15, 1), (16, 1)):
        assert answer(host, status(FIRST[: 2 * length], "4F")).count("4F10") == found


@pytest.mark.parametrize(
    "command, expected",
    [
        ("80F2400200", "6700 6A80"),
        ("80F24002025C0000", "6A80"),
        ("80F24002034F02A000", "6A80"),  # longer than its parent
        (f"80F24002{lv('4F11' + FIRST + '00')}00", "6A80"),
        (f"80F24002{lv('4F00' + '5C019F')}00", "6A80"),  # a tag list that ends inside a tag
        (f"80F24002{lv('4F00' + '5C014F' * 2)}00", "6A80"),
        (f"80F24002{lv('4F00' + '990100')}00", "6A80"),
        ("80F24000024F0000", "6A86"),  # not the TLV form
        ("80F24001024F0000", "6A86"),
        ("80F24004024F0000", "6A86"),
        ("80F24082024F0000", "6A86"),
        ("80F2C002024F0000", "6A86"),
        ("80F20302024F0000", "6A86"),
        ("80F24003024F0000", "6985 6A88"),  # next, without a first
    ],
)
def test_get_status_refused(lab: Lab, command: str, expected: str) -> None:
    lab.put_isd_p(0x13, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    assert answer(host, command) in expected.split()


def _pages(lab: Lab, tags: str) -> list[str]:
    host = lab.open_isd_r()
    pages = [answer(host, status("", tags))]
    while pages[-1].endswith("6310"):
        pages.append(answer(host, status("", tags, p2=0x03)))
        assert len(pages) < 100
    assert pages[-1].endswith("9000")
    return pages


@pytest.mark.parametrize("count", [1, 6, 7, 12, 30, 100])
@pytest.mark.parametrize("tags", ["4F9F70", "4F9F70538F91", "4F", "", "9F70"])
def test_cc_e5_25_paging(make_lab: MakeLab, count: int, tags: str) -> None:
    lab = make_lab()
    expected = [lab.put_isd_p(number, LifeCycle.DISABLED) for number in range(0x10, 0x10 + count)]
    pages = _pages(lab, tags)
    entries: list[str] = []
    for page in pages:
        body = page[:-4]
        assert len(body) // 2 <= 239  # what fits an answer with R-MAC under one short APDU
        while body:  # one E3 after the other
            assert body[:2] == "E3"
            end = 4 + 2 * int(body[2:4], 16)
            entries.append(body[4:end])
            body = body[end:]
    assert len(entries) == count
    if tags != "9F70":
        assert [Aid.from_string(entry[4:36]) for entry in entries] == expected
    assert (len(pages) > 1) == (sum(len(entry) // 2 + 2 for entry in entries) > 239)


def test_paging_belongs_to_one_query_on_one_channel(lab: Lab) -> None:
    for number in range(0x10, 0x30):
        lab.put_isd_p(number, LifeCycle.DISABLED)
    lab.send("0070000001")
    host, other = lab.open_isd_r(), lab.open_isd_r(1)
    assert answer(host, status())[-4:] == "6310"
    assert answer(other, status(p2=0x03)) in ("6985", "6A88")
    assert answer(host, status("", "4F", p2=0x03)) in ("6985", "6A88")  # another tag list: another query
    assert answer(host, status())[-4:] == "6310"
    assert answer(host, status(p2=0x03))[-4:] in ("6310", "9000")


def test_an_isd_p_deleted_between_two_pages(lab: Lab) -> None:
    for number in range(0x10, 0x1A):
        lab.put_isd_p(number, LifeCycle.DISABLED)
    host = lab.open_isd_r()
    first = answer(host, status())
    assert first[-4:] == "6310"
    for number in range(0x10, 0x1A):
        assert answer(host, delete(f"{PREFIX}{number:04X}00")) == "009000"
    assert answer(host, status(p2=0x03)) in ("6A88", "6985")


# --- GET DATA


def test_recognition_data_of_a_lab_card_and_of_a_production_card(make_lab: MakeLab) -> None:
    """Annex 11: 0066 of a lab ISD-R lists SCP03 i=70 besides SCP80 and SCP81; that of a production card does not."""
    scp03, scp80, scp81 = "640B06092A864886FC6B040370", "640C060A2A864886FC6B04810000", "640C060A2A864886FC6B048101"
    for is_lab in (True, False):
        lab = make_lab(lab=is_lab)
        lab.send(f"00A4040010{ISD_R}00")
        data = lab.send("80CA006600")
        assert data[-4:] == "9000"
        assert data.startswith("66")
        assert "06072A864886FC6B01" in data
        assert (scp03 in data) == is_lab
        assert scp80 in data
        assert scp81 in data


def test_identification_objects(lab: Lab) -> None:
    lab.send(f"00A4040010{ISD_R}00")
    sin, sdin = lab.made.sin.hex().upper(), lab.made.sdin.hex().upper()
    assert lab.send("80CA004200") == f"42{lv(sin)}9000"
    assert lab.send("80CA004500") == f"45{lv(sdin)}9000"
    assert lab.send("00CA004500") == f"{sdin}9000"
    assert lab.send("80CA00D300") == "D301009000"  # no session
    host = lab.open_isd_r()
    assert answer(host, "80CA00D300") == "D301339000"


def test_key_information(lab: Lab) -> None:
    lab.send(f"00A4040010{ISD_R}00")
    scp80 = "".join(f"C004{kid:02X}018810" for kid in (1, 2, 3))
    scp81 = "C00401408510C00402408810"
    lab_set = "".join(f"C004{kid:02X}308810" for kid in (1, 2, 3))
    entries = scp80 + lab_set + scp81
    assert lab.send("80CA00E000") == f"E0{len(entries) // 2:02X}{entries}9000"


def test_sequence_counter(lab: Lab) -> None:
    lab.send(f"00A4040010{ISD_R}00")
    assert lab.send("80CA00C100") == "C1030000009000"
    lab.send("8050300008010203040506070800")
    lab.send("8050000008010203040506070800")
    lab.send(f"00A4040010{ISD_R}00")
    assert lab.send("80CA00C100") == "C1030000029000"


@pytest.mark.parametrize("tag", ["0041", "005A", "7F21", "9F7F", "00CF", "2F00", "0000", "FFFF"])
def test_objects_that_the_isd_r_does_not_have(lab: Lab, tag: str) -> None:
    lab.send(f"00A4040010{ISD_R}00")
    assert lab.send(f"80CA{tag}00") == "6A88"
    assert lab.send(f"00CA{tag}00") == "6A88"


@pytest.mark.parametrize("tag", ["0042", "0045", "0066", "00E0", "00C1", "00D3", "FF21"])
def test_objects_that_take_no_data(lab: Lab, tag: str) -> None:
    lab.send(f"00A4040010{ISD_R}00")
    assert lab.send(f"80CA{tag}045C027F2100") == "6A80"


def test_cc_e5_25_the_whole_audit(lab: Lab) -> None:
    """The sequence of card.md 4.5 in one session."""
    host = lab.open_isd_r()
    assert answer(host, create(parameters="C90481020370EF0483021000")) == "009000"
    certificate = lab.made.certificate.hex().upper()
    assert answer(host, "80CABF30045C027F2100") == f"BF3081{len(certificate) // 2:02X}{certificate}9000"
    applications, free = resources(host)
    assert (applications, free <= lab.memory_size - 0x1000) == (1, True)
    expected = f"4F10{FIRST}9F7001075301008F02100091021000"
    assert answer(host, status("", "4F9F70538F91")) == f"E3{len(expected) // 2:02X}{expected}9000"
