# SPDX-License-Identifier: Apache-2.0
"""A whole card with a public test profile (GSMA TS.48), used the way a modem and a bench tool use one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.aka.suci import Suci, open_suci
from apdu.command.fcp import FcpTemplate
from emulator.factory.eum import Bootstrap
from emulator.fs.access import rule_of
from emulator.profile.base import Directory, FileKind, FileNode
from tests.require import profile_paths
from tests.support.lab import Lab

USIM = "A0000000871002FF49FF0589"
ISIM = "A0000000871004FF49FF0589"
# what the annex of the specification's facts says about these packages, and TS 34.108's equations for K 0001..0F
ICCID = "98001032547698103214"
RAND = "23553CBE9637A89D218AE64DAE47BF35"
CHALLENGE = f"008800812210{RAND}10BD9232AE9A08800023543EBD92132E9A00"
RES, KC = "23543EBD9232AE9A2983EC46A24AB13A", "0529CB4867BFAADD"
CK, IK = "543EBD9232AE9A2983EC46A24AB13A23", "3EBD9232AE9A2983EC46A24AB13A2354"
CODES = {0x0A: "35" * 8, 0x0B: "36" * 8, 0x81: "39" * 4 + "FF" * 4}


@pytest.fixture(params=profile_paths(), ids=lambda path: path.stem)
def card(request: pytest.FixtureRequest) -> Iterator[Lab]:
    path: Path = request.param
    lab = Lab(bootstrap=Bootstrap(path.read_bytes()))
    yield lab
    assert not lab.recorder.errors


def verify(card: Lab, *references: int) -> None:
    for reference in references:
        assert card.send(f"002000{reference:02X}08{CODES[reference]}") == "9000"


def test_identity_files_read_as_the_package_says(card: Lab) -> None:
    assert card.send("00A4000C022FE2") == "9000"
    assert card.send("00B000000A") == ICCID + "9000"
    assert card.send(f"00A4040C0C{USIM}") == "9000"
    assert card.send("00B0870009").startswith("0809101010")  # MCC 001, MNC 01
    assert card.send("00B0830004") == "800000029000"


def test_authentication_answers_the_test_algorithms_vector(card: Lab) -> None:
    assert card.send(CHALLENGE) == "6985"
    assert card.send(f"00A4040C0C{USIM}") == "9000"
    assert card.send(CHALLENGE) == f"DB10{RES}10{CK}10{IK}08{KC}9000"  # PIN1 is disabled in these packages
    assert card.send(f"00A4040C0C{ISIM}") == "9000"
    assert card.send(CHALLENGE) == f"DB10{RES}10{CK}10{IK}9000"


def test_get_identity_follows_the_service_table(card: Lab) -> None:
    assert card.send(f"00A4040C0C{USIM}") == "9000"
    assert card.send("00A4000C026F38") == "9000"
    table = bytes.fromhex(card.send("00B0000000")[:-4])
    answer = card.send("8078000100")
    if table[123 // 8] >> 123 % 8 & 1 and table[124 // 8] >> 124 % 8 & 1:
        assert answer.endswith("9000")
        imsi = open_suci(Suci.parse(bytes.fromhex(answer[4:-4])), {})
        assert imsi.ef_imsi.hex().upper() + "9000" == card.send("00B0870009")
    else:
        assert answer == "6985"


def walk(directory: Directory, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], FileNode]]:
    for fid, child in directory.children.items():
        if isinstance(child, Directory):
            yield from walk(child, (*path, fid))
        else:
            yield (*path, fid), child


def read_all(card: Lab, file: FileNode) -> bytes:
    """The body of the current file by READ BINARY or READ RECORD."""
    body = b""
    while len(body) < file.size:
        if file.kind is FileKind.TRANSPARENT:
            answer = card.send(f"00B0{len(body):04X}00")
        else:
            answer = card.send(f"00B2{len(body) // file.record_length + 1:02X}0400")
        assert answer.endswith("9000"), answer
        body += bytes.fromhex(answer[:-4])
    return body


def test_every_file_is_selected_by_path_and_read_as_its_rule_allows(card: Lab) -> None:
    files = card.card.files
    assert files is not None
    read = refused = 0
    for root in (files.base.mf, *files.base.adfs):
        if root.aid is not None:
            assert card.send(f"00A4040C{len(root.aid):02X}{root.aid}") == "9000"
        verify(card, 0x0A, 0x0B)
        for path, file in walk(root):
            steps = path if root.aid is None else (0x7FFF, *path)
            text = "".join(f"{fid:04X}" for fid in steps)
            answer = card.send(f"00A40804{len(text) // 2:02X}{text}00")
            template = FcpTemplate.from_tlv(bytes.fromhex(answer[:-4]))
            assert answer.endswith("9000")
            assert (template.fid, template.sfi) == (file.fid, file.sfi or 0)
            if 0x81 in file.parent.pin_references:
                verify(card, 0x81)
            if file.kind is FileKind.BER_TLV:
                assert card.send("00B0000000") == "6981"
            elif rule_of(files, file).allows(1, lambda _: True):
                assert read_all(card, file) == files.body(file), file
                read += 1
            else:
                assert card.send("00B0000000" if file.kind is FileKind.TRANSPARENT else "00B2010400") == "6982"
                refused += 1
    assert read > 200
    assert refused < 10


def test_update_needs_its_key_and_lasts(card: Lab) -> None:
    assert card.send("00A4000C022F05") == "9000"
    old = card.send("00B0000000")[:-4]
    assert card.send("00A4000C022FE2") == "9000"
    assert card.send("00D600000A" + "00" * 10) == "6982"
    card.send(f"00A4040C0C{USIM}")
    assert card.send("00A4000C026F7E") == "9000"
    assert card.send("00D600000B" + "11" * 11) == "9000"  # EF.LOCI: PIN1, which is disabled
    card.restart()
    card.send(f"00A4040C0C{USIM}")
    assert card.send("00A4000C026F7E") == "9000"
    assert card.send("00B000000B") == "11" * 11 + "9000"
    card.send("00A4000C023F00")
    card.send("00A4000C022F05")
    assert card.send("00B0000000")[:-4] == old


def test_applications_are_found_by_partial_aid_in_their_order(card: Lab) -> None:
    files = card.card.files
    assert files is not None
    expected = [adf.aid for adf in files.base.adfs if adf.aid is not None and adf.aid.hex().startswith("a000000087")]
    found = []
    occurrence = 0x04
    while (answer := card.send(f"00A404{occurrence:02X}05A00000008700")) != "6A82":
        found.append(FcpTemplate.from_tlv(bytes.fromhex(answer[:-4])).name)
        occurrence = 0x06
    assert found == expected


def test_status_works_while_a_security_domain_is_selected(card: Lab) -> None:
    assert card.send("00A4040010A0000005591010FFFFFFFF890000020000").startswith("6F")
    assert card.send("80F2000C00") == "9000"
    assert FcpTemplate.from_tlv(bytes.fromhex(card.send("80F2000000")[:-4])).fid == 0x3F00
    assert card.send("00A4000C022FE2") == "9000"
    assert card.send("00B000000A") == ICCID + "9000"
