# SPDX-License-Identifier: Apache-2.0
"""GET IDENTITY through the dispatcher (TS 31.102 7.5, TS 33.501 annex C)."""

from __future__ import annotations

import pytest

from apdu.aka.suci import Suci, open_suci
from apdu.ids import Imsi
from emulator.profile.base import FileNode
from tests.unit.fs.builder import ISIM, ProfileBuilder, SmallCard, service_table, standard

# keys of the home network, TS 33.501 C.4
A_PRIVATE = bytes.fromhex("C53C22208B61860B06C62E5406A7B330C2B577AA5558981510D128247D38BD1D")
A_PUBLIC = "5A8D38864820197C3394B92613B20B91633CBD897119273BF8E4A6F4EEC0A650"
B_PRIVATE = bytes.fromhex("F1AB1074477EBCC7F554EA1C5FC368B1616730155E0041AC447D6301975FECDA")
B_PUBLIC = "0272DA71976234CE833A6907425867B82E074D44EF907DFB4B3E21C1C2256EBCD1"
KEYS = f"A14B 80010A 8120{A_PUBLIC} 80010B 8121{B_PUBLIC}".replace(" ", "")
IMSI = Imsi("274012001002086")


def profile(calc_info: str, *services: int) -> ProfileBuilder:
    made = standard()
    usim = made.adfs[0]

    def fill(content: bytes, *path: int) -> None:
        node = usim
        for fid in path[:-1]:
            node = node.children[fid]  # type: ignore[assignment]  # a DF
        file = node.children[path[-1]]
        assert isinstance(file, FileNode)
        file.content, file.size = content, len(content)

    fill(IMSI.ef_imsi, 0x6F07)
    fill(bytes.fromhex("00000003"), 0x6FAD)
    fill(service_table(*(services or (27, 38, 124, 125))), 0x6F38)
    fill(bytes.fromhex(calc_info).ljust(160, b"\xff"), 0x5FD0, 0x4F01)
    return made


def ready(made: ProfileBuilder) -> SmallCard:
    card = SmallCard(made.build())
    card.usim()
    card.verify(0x01, "1234")
    return card


def suci(answer: str) -> Suci:
    assert answer.startswith("A1")
    assert answer.endswith("9000")
    raw = bytes.fromhex(answer[:-4])
    assert raw[1] == len(raw) - 2
    return Suci.parse(raw[2:])


@pytest.mark.parametrize("p2", ["01", "02"])
def test_null_scheme_is_the_sample_of_the_specification(p2: str) -> None:
    card = ready(profile("A0020000"))
    assert card(f"807800{p2}00") == "A10D" + "01722410F0FF0000" + "00012080F6" + "9000"


@pytest.mark.parametrize(
    "schemes, scheme, key_identifier, size",
    [
        ("A0020101", 1, 0x0A, 32 + 5 + 8),
        ("A0020202", 2, 0x0B, 33 + 5 + 8),
        ("A004 0202 0101", 2, 0x0B, 33 + 5 + 8),
        ("A006 0909 0101 0000", 1, 0x0A, 32 + 5 + 8),  # a scheme that nobody knows comes first
        ("A006 0107 0202 0000", 2, 0x0B, 33 + 5 + 8),  # a key that is not there comes first
    ],
)
def test_concealed_identity_opens_with_the_home_networks_keys(
    schemes: str, scheme: int, key_identifier: int, size: int
) -> None:
    card = ready(profile(schemes.replace(" ", "") + KEYS))
    first, second = suci(card("8078000100")), suci(card("8078000100"))
    assert (first.scheme, first.key_identifier, len(first.output)) == (scheme, key_identifier, size)
    assert first.output != second.output  # a fresh ephemeral key each time
    for one in (first, second):
        assert open_suci(one, {0x0A: A_PRIVATE, 0x0B: B_PRIVATE}) == IMSI


def test_same_seed_gives_the_same_identity() -> None:
    calc_info = "A0020101" + KEYS
    assert ready(profile(calc_info))("8078000100") == ready(profile(calc_info))("8078000100")


@pytest.mark.parametrize(
    "calc_info",
    [
        "",  # FF only
        "A0020101",  # no key
        "A0020909",  # no scheme that the card knows
        "A0020101A1" + "25" + "80010A" + "8120" + "00" * 32,  # a point of small order
        "A0020202A1" + "26" + "80010B" + "8121" + "02" + "FF" * 32,  # not on the curve
        "A00301" + "0100",
        "A0020000" + "00",
        "A0020000" + "A180",
    ],
)
def test_no_usable_scheme(calc_info: str) -> None:
    assert ready(profile(calc_info))("8078000100") == "6A88"


def test_null_scheme_is_no_way_out_unless_the_list_names_it() -> None:
    broken = "A1" + "25" + "80010A" + "8120" + "00" * 32
    assert ready(profile("A0020101" + broken))("8078000100") == "6A88"
    assert suci(ready(profile("A00401010000" + broken))("8078000100")).scheme == 0


@pytest.mark.parametrize("missing", [(0x6F07,), (0x6FAD,), (0x5FC0, 0x4F0A), (0x5FD0, 0x4F01)])
def test_missing_files(missing: tuple[int, ...]) -> None:
    made = profile("A0020000")
    node = made.adfs[0]
    for fid in missing[:-1]:
        node = node.children[fid]  # type: ignore[assignment]  # a DF
    del node.children[missing[-1]]
    assert ready(made)("8078000100") == "6A88"


@pytest.mark.parametrize(
    "command, status",
    [
        ("8078000300", "6A86"),  # END R-MAC SESSION has this instruction too, on a security domain
        ("8078000000", "6A86"),
        ("8078010100", "6A86"),
        ("807800010100", "6700"),
    ],
)
def test_what_is_refused(command: str, status: str) -> None:
    assert ready(profile("A0020000"))(command) == status


def test_without_a_service_table_there_is_no_service() -> None:
    made = profile("A0020000")
    del made.adfs[0].children[0x6F38]
    assert ready(made)("8078000100") == "6985"


@pytest.mark.parametrize("services", [(27,), (124,), (125,)])
def test_services_must_be_available(services: tuple[int, ...]) -> None:
    assert ready(profile("A0020000", *services))("8078000100") == "6985"


def test_pin_must_be_verified_and_the_usim_current() -> None:
    card = SmallCard(profile("A0020000").build())
    assert card("8078000100") == "6985"
    card.usim()
    assert card("8078000100") == "6982"
    card.verify(0x01, "1234")
    card.select(0x5FC0)
    assert card("8078000100").endswith("9000")
    card.usim(ISIM)
    assert card("8078000100") == "6985"
