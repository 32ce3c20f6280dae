# SPDX-License-Identifier: Apache-2.0
"""Scripts carried out on a whole card for the ISD-R, as they come over the air, without the packets around them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from apdu.channel.scp03t_host import Scp03tHost
from apdu.gp.codes import LifeCycle
from apdu.gp.sgp02 import CreateIsdp
from apdu.ids import Aid
from apdu.keys.secret import KeySet, SecretKey
from apdu.ota.remote import (
    Chaining,
    ImmediateAction,
    Item,
    ResponseScript,
    Tag,
    build_script,
    command_item,
    parse_response_script,
)
from emulator.channels import Authority
from emulator.ota.script import RemoteScripts
from emulator.sd.domain import SecurityDomain
from emulator.sd.isdp import IsdP
from emulator.sd.isdr import IsdR
from emulator.sd.keyring import KeyRing, scp03_record
from emulator.sd.registry import isd_p_prefix
from tests.support.lab import Lab

ISD_P = Aid.isd_p(0x0010)
KIK = Authority(1, SecretKey(bytes(range(16))))


@dataclass
class _Target:
    application: SecurityDomain
    authority: Authority | None


class Bench:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.scripts = RemoteScripts(lab.card)

    def run(self, *items: Item | str, target: SecurityDomain | None = None, indefinite: bool = False) -> ResponseScript:
        whole = [command_item(bytes.fromhex(item)) if isinstance(item, str) else item for item in items]
        authority = KIK if target is None else None
        script = build_script(whole, indefinite=indefinite)
        return parse_response_script(self.scripts.run(_Target(target or IsdR(self.lab.card), authority), script))

    def statuses(self, *items: Item | str) -> list[str]:
        return [response[-2:].hex().upper() for response in self.run(*items).responses]


@pytest.fixture
def bench(lab: Lab) -> Bench:
    return Bench(lab)


def create(number: int) -> str:
    return CreateIsdp(aid=Aid.isd_p(number)).install().command().encode().hex()


def test_commands_run_in_order_and_are_counted(bench: Bench) -> None:
    answer = bench.run(create(0x10), "80F24002024F00" + "00")
    assert answer.executed == 2
    assert [response[-2:] for response in answer.responses] == [b"\x90\x00", b"\x90\x00"]
    assert bytes(ISD_P) in answer.responses[1]


def test_an_answer_of_indefinite_length_has_no_count(bench: Bench) -> None:
    assert bench.run("80CA006600", indefinite=True).executed is None


def test_the_first_failure_ends_the_script(bench: Bench) -> None:
    answer = bench.run(create(0x10), create(0x10), create(0x11))
    assert answer.executed == 2
    assert [response[-2:].hex() for response in answer.responses] == ["9000", "6a80"]
    assert bench.lab.state_of(Aid.isd_p(0x11)) is None
    assert bench.lab.state_of(ISD_P) is LifeCycle.SELECTABLE


@pytest.mark.parametrize(
    "command, status",
    [
        ("00A4040000", "6D00"),  # SELECT
        ("0070000001", "6D00"),  # MANAGE CHANNEL
        ("8010000001FF", "6D00"),  # TERMINAL PROFILE
        ("80F2000000", "6D00"),  # STATUS of the UICC
        ("00C0000000", "6985"),  # GET RESPONSE
        ("00B0000000", "6D00"),  # READ BINARY
        ("81CA006600", "6881"),  # another logical channel
        ("84CA006600", "6982"),  # secure messaging that nobody agreed on
        ("90CA006600", "6E00"),
        ("80CA00", "6700"),
        ("80CA006605AA", "6700"),
    ],
)
def test_what_belongs_to_the_link_to_a_terminal_is_not_known(bench: Bench, command: str, status: str) -> None:
    assert bench.statuses(command) == [status]


def test_without_authority_a_security_domain_does_nothing(bench: Bench) -> None:
    target = _Target(IsdR(bench.lab.card), None)
    answer = parse_response_script(bench.scripts.run(target, build_script([command_item(bytes.fromhex(create(0x10)))])))
    assert answer.responses == (b"\x69\x82",)
    assert bench.lab.state_of(ISD_P) is None


def test_a_tlv_that_cannot_be_read_ends_the_script_behind_what_was_done(bench: Bench) -> None:
    script = bytes.fromhex("AA") + bytes((len(create(0x10)) // 2 + 4,)) + b"\x22" + bytes((len(create(0x10)) // 2,))
    script += bytes.fromhex(create(0x10)) + b"\x99\x00"
    answer = parse_response_script(bench.scripts.run(_Target(IsdR(bench.lab.card), KIK), script))
    assert (answer.executed, answer.bad_format) == (1, 0x01)
    assert bench.lab.state_of(ISD_P) is LifeCycle.SELECTABLE


def action(value: int) -> Item:
    return Item(Tag.IMMEDIATE_ACTION, bytes((value,)))


def test_after_an_early_response_the_rest_is_carried_out_and_not_answered(bench: Bench) -> None:
    answer = bench.run(create(0x10), action(ImmediateAction.EARLY_RESPONSE), create(0x11), create(0x11), create(0x12))
    assert answer.executed == 2
    assert answer.responses == (b"\x00\x90\x00",)
    assert bench.lab.state_of(Aid.isd_p(0x11)) is LifeCycle.SELECTABLE
    assert bench.lab.state_of(Aid.isd_p(0x12)) is None  # behind a failure


def test_an_early_response_over_http_holds_nothing_where_nothing_stands_before_it(bench: Bench) -> None:
    script = build_script(
        [action(ImmediateAction.EARLY_RESPONSE), command_item(bytes.fromhex(create(0x10)))], indefinite=True
    )
    assert bench.scripts.run(_Target(IsdR(bench.lab.card), KIK), script) == bytes.fromhex("AF800000")
    assert bench.lab.state_of(ISD_P) is LifeCycle.SELECTABLE


def test_a_proactive_session_that_is_asked_for_is_there(bench: Bench) -> None:
    answer = bench.run(action(ImmediateAction.PROACTIVE_SESSION), Item(Tag.ERROR_ACTION, b""), create(0x10))
    assert answer.executed == 3
    assert answer.responses == (b"\x00\x90\x00",)


@pytest.mark.parametrize(
    "item",
    [
        action(0x01),  # a record of EF_RMA
        action(0x80),
        Item(Tag.IMMEDIATE_ACTION, b""),
        Item(Tag.IMMEDIATE_ACTION, b"\x82\x00"),
        Item(Tag.ERROR_ACTION, b"\x01"),
    ],
)
def test_an_action_of_ef_rma_ends_the_script(bench: Bench, item: Item) -> None:
    answer = bench.run(create(0x10), item, create(0x11))
    assert answer.bad_format == 0x01
    assert answer.responses == (b"\x00\x90\x00",)
    assert bench.lab.state_of(Aid.isd_p(0x11)) is None


def chaining(place: int) -> Item:
    return Item(Tag.CHAINING, bytes((place,)))


def first(answer: ResponseScript) -> tuple[int, bytes]:
    return answer.items[0].tag, answer.items[0].value


PERSONALIZE = f"80E6200016000010{bytes(ISD_P).hex()}00000000"[:-2]
BLOCK = "80E2010003000000"


def test_cc_80_19_a_chain_of_scripts_keeps_what_it_began(bench: Bench) -> None:
    bench.run(create(0x10))
    bench.run(chaining(Chaining.FIRST), PERSONALIZE)
    # the block is for the ISD-P, which takes no data grouping 0000; the ISD-R itself would not know it either
    assert bench.scripts._contexts[IsdR(bench.lab.card).aid].channel.store is not None
    bench.run(chaining(Chaining.LAST), "80CA006600")
    assert bench.scripts._contexts[IsdR(bench.lab.card).aid].channel.store is None


def test_cc_80_19_a_script_that_is_not_chained_starts_afresh(bench: Bench) -> None:
    bench.run(create(0x10))
    bench.run(PERSONALIZE)
    assert bench.scripts._contexts[IsdR(bench.lab.card).aid].channel.store is None


@pytest.mark.parametrize(
    "place, error", [(Chaining.MORE, 0x01), (Chaining.LAST, 0x01), (Chaining.FIRST_KEPT, 0x02), (0x55, 0x03)]
)
def test_cc_80_19_what_cannot_be_chained_is_not_carried_out(bench: Bench, place: int, error: int) -> None:
    answer = bench.run(chaining(place), create(0x10))
    assert first(answer) == (0x83, bytes((error,)))
    assert answer.executed == 0
    assert bench.lab.state_of(ISD_P) is None


def test_cc_80_19_chaining_stands_first(bench: Bench) -> None:
    answer = bench.run("80CA006600", chaining(Chaining.FIRST), create(0x10))
    assert (answer.items[1].tag, answer.items[1].value) == (0x83, b"\x03")
    assert bench.lab.state_of(ISD_P) is None


def test_scp03t_goes_on_from_script_to_script(bench: Bench) -> None:
    bench.run(create(0x10))
    keys = KeySet(0x30, *(SecretKey(bytes((number,)) * 16) for number in (1, 2, 3)))
    KeyRing(bench.lab.card.memory, isd_p_prefix(ISD_P)).put(scp03_record(keys))
    record = bench.lab.card.registry.require(ISD_P)
    bench.lab.card.registry.set_state(record, LifeCycle.PERSONALIZED)
    bench.lab.card.memory.commit()
    target = IsdP(bench.lab.card, ISD_P)
    host = Scp03tHost(keys, bytes(8), ISD_P)

    def tlv(sent: bytes) -> bytes:
        (answer,) = bench.run(Item(sent[0], sent[2:] if sent[1] < 0x80 else sent[3:]), target=target).tlvs
        return answer

    host.authenticated(tlv(host.external_authenticate(tlv(host.initialize_update()))))
    assert host.receive(tlv(host.protect(b"\x30\x00")))  # no profile header: the answer says so
    assert bench.run(Item(Tag.PROTECTED, bytes(8)), target=target).tlvs == (bytes.fromhex("9F460102"),)


def test_an_isd_p_that_is_gone_is_not_found(bench: Bench) -> None:
    answer = bench.run(Item(Tag.INITIALIZE_UPDATE, bytes(10)), target=IsdP(bench.lab.card, ISD_P))
    assert answer.tlvs == (bytes.fromhex("9F440103"),)


def test_commands_for_an_isd_p_need_its_own_session(bench: Bench) -> None:
    bench.run(create(0x10))
    answer = bench.run("80E28800073A0704A0028100", target=IsdP(bench.lab.card, ISD_P))
    assert answer.responses == (b"\x69\x82",)
