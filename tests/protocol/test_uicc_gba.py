# SPDX-License-Identifier: Apache-2.0
"""AUTHENTICATE in the GBA security context (TS 31.102 7.1), against the formulas of TS 33.220 on pycryptodome."""

from __future__ import annotations

import pytest
from Crypto.Hash import HMAC, SHA1, SHA256

from apdu.aka.gba import NafRequest
from apdu.aka.milenage import Milenage
from apdu.aka.tokens import Auts, join_sqn, make_autn, open_auts
from apdu.profile.build import build_package
from apdu.profile.package import encode_package
from emulator.factory.eum import Bootstrap
from emulator.memory.journal import Moment, PowerCut
from emulator.profile.base import ProfileBase
from tests.support.domains import description
from tests.support.lab import Lab
from tests.unit.fs.builder import ISIM, PIN1, PIN1_ADM, PREFIX, USIM, SmallCard, service_table, standard

K, OPC = bytes.fromhex("465B5CE8B199B49FAA5F0A2EE238A6BC"), bytes.fromhex("CD63CB71954A9F4E48A5994E37A02BAF")
RAND = bytes.fromhex("23553CBE9637A89D218AE64DAE47BF35")
# TS 35.208 test set 1: f2, f3 and f4 depend on RAND only
RES = "A54211D5E3BA50BF"
CK, IK = bytes.fromhex("B40BA9A3C58B2A05BBF0D987B21BF8CB"), bytes.fromhex("F769BCD751044604127672711C6D3441")
NAF_ID, IMPI = b"naf.example.com\x01\x00\x00\x00\x01", b"001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
DERIVE = f"DE{len(NAF_ID):02X}{NAF_ID.hex()}{len(IMPI):02X}{IMPI.hex()}".upper()
BOTH = pytest.mark.parametrize("aid, fid", [(USIM, 0x6FD6), (ISIM, 0x6FD5)], ids=["USIM", "ISIM"])


LIST = {USIM: 0x6FDA, ISIM: 0x6FD7}
LENGTH = 60


def base(*, services: tuple[int, ...] = (27, 38, 68), size: int = 40, records: int = 0) -> ProfileBase:
    """USIM and ISIM with Milenage, GBA in their service tables, EF.GBABP, and EF.GBANL where it has records."""
    builder = standard()
    usim, isim, _ = builder.adfs
    usim.children[0x6F38].content = service_table(*services)  # type: ignore[union-attr]  # an EF
    builder.file(isim, 0x6F07, service_table(*(2,) * (68 in services), size=1), PIN1)
    for adf, fid in ((usim, 0x6FD6), (isim, 0x6FD5)):
        if size:
            builder.file(adf, fid, b"\xff" * size, PIN1)
        if records:
            builder.file(adf, LIST[adf.aid], b"\xff" * LENGTH * records, PIN1_ADM, length=LENGTH)  # type: ignore[index]
        builder.naa(adf, 1, K.hex(), OPC.hex())
    return builder.build()


def ready(made: ProfileBase, aid: bytes = USIM) -> SmallCard:
    card = SmallCard(made)
    card(f"00A4040C{len(aid):02X}{aid.hex()}")
    card.verify(0x01, "1234")
    return card


def bootstrapping(seq: int, *, concealed: bool = True) -> str:
    """The data field: AUTN* has MAC xor the first 8 bytes of SHA-1(IK)."""
    token = make_autn(Milenage(K, OPC), RAND, join_sqn(seq, 1), b"\x80\x00").encode()
    if concealed:
        mask = SHA1.new(IK).digest()[:8]
        token = token[:8] + bytes(a ^ b for a, b in zip(token[8:], mask, strict=True))
    return f"DD10{RAND.hex()}10{token.hex()}".upper()


def ask(card: SmallCard, data: str) -> str:
    return card(f"00880084{len(data) // 2:02X}{data}00")


def ks_naf(label: bytes, naf_id: bytes = NAF_ID) -> str:
    """TS 33.220 B.2 and B.3: S = FC || P0 || L0 || ..."""
    text = b"\x01"
    for value in (label, RAND, IMPI, naf_id):
        text += value + len(value).to_bytes(2, "big")
    return HMAC.new(CK + IK, text, SHA256).hexdigest().upper()


def ks_ext_naf() -> str:
    return ks_naf(b"gba-me")


def derive(card: SmallCard, naf_id: bytes) -> str:
    return ask(card, NafRequest(naf_id, IMPI).encode().hex())


def listed(card: SmallCard, aid: bytes = USIM) -> list[str]:
    """The records of EF.GBANL without the bytes that are not used."""
    card.select(LIST[aid])  # type: ignore[index]
    records = [card(f"00B2{number:02X}04{LENGTH:02X}") for number in range(1, 4)]
    return [record[:-4].removesuffix("FF" * LENGTH).rstrip("F") for record in records if record.endswith("9000")]


def kept(card: SmallCard, kind: str = "0") -> list[tuple[int, str]]:
    """Which record of EF.GBANL each Ks_int_NAF belongs to, the one derived last first."""
    stored = dict(card.memory.items(f"{PREFIX}/naf/")).get(f"{PREFIX}/naf/{kind}", b"")
    return [(stored[at] + 1, stored[at + 1 : at + 33].hex().upper()) for at in range(0, len(stored), 33)]


def entry(naf_id: bytes, b_tid: bytes = b"") -> str:
    """TS 31.102 4.2.83: 80 L NAF_ID 81 L B-TID."""
    return f"80{len(naf_id):02X}{naf_id.hex()}81{len(b_tid):02X}{b_tid.hex()}".upper()


@BOTH
def test_bootstrapping_and_derivation(aid: bytes, fid: int) -> None:
    card = ready(base(), aid)
    assert ask(card, DERIVE) == "6985"
    assert ask(card, bootstrapping(7)) == f"DB08{RES}9000"
    card.select(fid)
    assert card("00B0000028") == f"10{RAND.hex().upper()}0000" + "FF" * 21 + "9000"
    assert ask(card, DERIVE) == f"DB20{ks_ext_naf()}9000"


@pytest.mark.parametrize("aid, number", [(USIM, "0"), (ISIM, "1")], ids=["USIM", "ISIM"])
def test_derivation_lists_the_server_and_keeps_ks_int_naf(aid: bytes, number: str) -> None:
    """TS 33.220 G.2: the UICC stores Ks_int_NAF and associated B-TID together with NAF_Id."""
    card = ready(base(records=3), aid)
    assert ask(card, bootstrapping(7)) == f"DB08{RES}9000"
    assert listed(card, aid) == ["", "", ""]
    card.select(0x6FD5 if aid == ISIM else 0x6FD6)
    assert card("00D600110504" + b"b-id".hex()) == "9000"  # length and B-TID, written by the terminal
    assert ask(card, DERIVE) == f"DB20{ks_ext_naf()}9000"
    assert listed(card, aid) == [entry(NAF_ID, b"b-id"), "", ""]
    assert kept(card, number) == [(1, ks_naf(b"gba-u"))]
    assert ks_naf(b"gba-u") not in card(f"00B20104{LENGTH:02X}")


def test_list_that_is_full_gives_up_the_key_derived_longest_ago() -> None:
    """TS 33.220 G.2: a list of the entries, the last derived first; its last one is overwritten."""
    made = base(records=3)
    card = ready(made)
    ask(card, bootstrapping(7))
    for name in (b"a", b"b", b"c", b"b", b"d"):
        assert derive(card, name) == f"DB20{ks_naf(b'gba-me', name)}9000"
    assert listed(card) == [entry(b"d"), entry(b"b"), entry(b"c")]
    assert kept(card) == [(number, ks_naf(b"gba-u", name)) for number, name in ((1, b"d"), (2, b"b"), (3, b"c"))]
    again = SmallCard(made, card.flash)
    again.usim()
    again.verify(0x01, "1234")
    derive(again, b"e")
    assert listed(again) == [entry(b"d"), entry(b"b"), entry(b"e")]


def test_new_bootstrapping_leaves_the_list() -> None:
    card = ready(base(records=3))
    ask(card, bootstrapping(7))
    ask(card, DERIVE)
    assert ask(card, bootstrapping(8)).startswith("DB")
    assert listed(card) == [entry(NAF_ID), "", ""]
    assert kept(card) == [(1, ks_naf(b"gba-u"))]


def test_keys_that_were_replaced_are_not_on_the_medium_any_more() -> None:
    card = ready(base(records=1))
    ask(card, bootstrapping(7))
    old = bytes.fromhex(ks_naf(b"gba-u", b"a"))
    derive(card, b"a")
    assert old in card.flash.contents()
    derive(card, b"b")
    assert old not in card.flash.contents()
    assert kept(card) == [(1, ks_naf(b"gba-u", b"b"))]


def test_server_that_does_not_fit_into_a_record_is_no_memory_space_and_changes_nothing() -> None:
    card = ready(base(records=3))
    ask(card, bootstrapping(7))
    before = dict(card.memory.items(""))
    assert derive(card, b"n" * (LENGTH - 3)) == "9866"
    assert dict(card.memory.items("")) == before
    assert derive(card, b"n" * (LENGTH - 4)).startswith("DB20")


@pytest.mark.parametrize("body", ["FF" * 40, "10", "1000", "27" + "00" * 39, "10" + "00" * 16 + "FF" + "00" * 22])
def test_whatever_the_terminal_wrote_into_the_parameters_the_derivation_goes_on(body: str) -> None:
    card = ready(base(records=3))
    ask(card, bootstrapping(7))
    card.select(0x6FD6)
    assert card(f"00D60000{len(body) // 2:02X}{body}") == "9000"
    assert ask(card, DERIVE) == f"DB20{ks_ext_naf()}9000"  # Ks and RAND are the card's own
    assert listed(card)[0].startswith(entry(NAF_ID)[:-2])


def test_answers_by_get_response() -> None:
    card = ready(base())
    data = bootstrapping(7)
    assert card(f"0088008423{data}") == "610A"
    assert card("00C000000A") == f"DB08{RES}9000"


def test_keys_survive_a_restart_and_belong_to_one_application() -> None:
    made = base()
    card = ready(made)
    ask(card, bootstrapping(7))
    again = SmallCard(made, card.flash)
    again.usim()
    assert ask(again, DERIVE) == "6982"
    again.verify(0x01, "1234")
    assert ask(again, DERIVE) == f"DB20{ks_ext_naf()}9000"
    again.usim(ISIM)
    assert ask(again, DERIVE) == "6985"


def test_replay_is_a_synchronisation_failure_and_keeps_the_keys() -> None:
    card = ready(base())
    ask(card, bootstrapping(7))
    before = dict(card.memory.items(""))
    answer = ask(card, bootstrapping(7))
    assert answer.startswith("DC0E")
    assert open_auts(Milenage(K, OPC), RAND, Auts.parse(bytes.fromhex(answer[4:-4]))) == join_sqn(7, 1)
    assert dict(card.memory.items("")) == before
    assert ask(card, DERIVE) == f"DB20{ks_ext_naf()}9000"


def test_ordinary_challenge_does_not_bootstrap_nor_the_other_way_round() -> None:
    card = ready(base())
    assert ask(card, bootstrapping(7, concealed=False)) == "9862"
    assert card(f"0088008122{bootstrapping(7)[2:]}00") == "9862"
    assert ask(card, DERIVE) == "6985"
    assert card(f"0088008122{bootstrapping(7, concealed=False)[2:]}00").startswith(f"DB08{RES}")
    assert ask(card, bootstrapping(7)).startswith("DC0E")  # one sequence number for both


@pytest.mark.parametrize(
    "data, sw",
    [
        ("", "6700"),
        ("DD", "6700"),
        (bootstrapping(7)[:-2], "6700"),
        (bootstrapping(7) + "00", "6700"),
        ("DC" + bootstrapping(7)[2:], "6A80"),
        ("DD0F" + bootstrapping(7)[4:], "6A80"),
        ("DE", "6A80"),
        ("DE0100", "6A80"),
        ("DE01000000", "6A80"),
        ("DE000101", "6A80"),
        ("DE0101030101", "6A80"),
        ("DE010101010101", "6A80"),
    ],
)
def test_malformed_data(data: str, sw: str) -> None:
    card = ready(base())
    before = dict(card.memory.items(""))
    assert (ask(card, data) if data else card("00880084")) == sw
    assert dict(card.memory.items("")) == before


@BOTH
def test_without_the_service_or_the_file_there_is_no_gba(aid: bytes, fid: int) -> None:
    for made in (base(services=(27, 38)), base(size=0)):
        card = ready(made, aid)
        assert ask(card, bootstrapping(7)) == "9864"
        assert ask(card, DERIVE) == "9864"
        assert card(f"00A4000C02{fid:04X}") in ("9000", "6A82")


def test_file_that_is_too_small_costs_no_sequence_number() -> None:
    card = ready(base(size=18))
    assert ask(card, bootstrapping(7)) == "9866"
    assert card(f"0088008122{bootstrapping(7, concealed=False)[2:]}00").startswith("DB")


@pytest.mark.parametrize("context", ["82", "85", "86"])
def test_contexts_that_the_card_does_not_have(context: str) -> None:
    card = ready(base())
    assert card(f"008800{context}23{bootstrapping(7)}00") == "9864"


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.RECORD, Moment.INSIDE, Moment.MARKED])
def test_power_cut_never_lets_a_challenge_pass_twice_with_an_answer(moment: Moment) -> None:
    """Sequence number first, then the keys with the file: never one without the other."""
    for at in range(1, 4):
        made = base()
        card = ready(made)
        left = [at]

        def cut(now: Moment, left: list[int] = left) -> None:
            left[0] -= now is moment
            if now is moment and not left[0]:
                raise PowerCut

        card.backend.hook = cut
        try:
            ask(card, bootstrapping(7))
        except PowerCut:
            pass
        else:
            continue
        again = SmallCard(made, card.flash)
        again.usim()
        again.verify(0x01, "1234")
        derived = ask(again, DERIVE)
        assert derived in ("6985", f"DB20{ks_ext_naf()}9000")
        again.select(0x6FD6)
        assert again("00B0000001") == ("109000" if derived != "6985" else "FF9000")


def test_request_reads_what_it_builds() -> None:
    request = NafRequest(NAF_ID, IMPI)
    assert request.encode().hex().upper() == DERIVE
    assert NafRequest.parse(request.encode()) == request


def test_profile_with_gba_bootstraps_on_a_whole_card() -> None:
    elements = description()
    for element in elements:
        if "usim" in element:
            element["usim"]["ef-ust"]["services"].append(68)
        if "opt-usim" in element:
            element["opt-usim"]["ef-gbabp"] = {"size": 60}
        if "akaParameter" in element:
            given = element["akaParameter"]["algoConfiguration"]["algoParameter"]
            given.update(algorithmID=1, key=K.hex().upper(), opc=OPC.hex().upper())
    lab = Lab(bootstrap=Bootstrap(encode_package(build_package(elements))))
    assert lab.send(f"00A4040C0C{USIM}") == "9000"
    assert lab.send("002000010831323334FFFFFFFF") in ("9000", "6984")
    data = bootstrapping(7)
    assert lab.send(f"0088008423{data}00") == f"DB08{RES}9000"
    lab.restart()
    lab.send(f"00A4040C0C{USIM}")
    lab.send("002000010831323334FFFFFFFF")
    assert lab.send(f"00880084{len(DERIVE) // 2:02X}{DERIVE}00") == f"DB20{ks_ext_naf()}9000"
    assert lab.send("00A4000C026FD6") == "9000"
    assert lab.send("00B0000013") == f"10{RAND.hex().upper()}00009000"
    assert not lab.recorder.errors
