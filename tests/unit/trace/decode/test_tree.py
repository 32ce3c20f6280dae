# SPDX-License-Identifier: Apache-2.0
"""Trees of exchanges that are not right, or that need more than one exchange to be understood."""

from __future__ import annotations

from apdu.trace.decode import Entry, Exchange, Node, decode
from apdu.trace.events import AnyEvent, ChannelEvent, FunctionEvent, LinkEvent, Masked
from apdu.trace.sources.source import Damage

ISD_P = "A0000005591010FFFFFFFF8900001000"
OWN = "A0000005591010FFFFFFFF8900000F00"


def exchanges(*pairs: tuple[str, str]) -> list[Entry]:
    events: list[AnyEvent] = []
    for pair in pairs:
        for kind, text in zip(("command", "response"), pair, strict=True):
            events.append(LinkEvent(time=len(events), side="reader", kind=kind, data=bytes.fromhex(text)))
    return list(decode(events))


def one(command: str, response: str) -> Entry:
    (entry,) = exchanges((command, response))
    return entry


def found(entry: Entry, name: str) -> Node:
    node = entry.tree().find(name)
    assert node is not None, name
    return node


def test_objects_before_a_broken_one_are_shown() -> None:
    entry = one("00A40004022FE200", "621082024121" + "83022FE2" + "8A0105" + "8B052F0603" + "9000")
    assert found(entry, "file descriptor").value == "transparent, shareable"
    assert found(entry, "life cycle status").value == "operational, activated"
    assert found(entry, "objects").value.startswith("malformed: object 8B has 5 bytes, 3 are left at offset")
    (finding,) = found(entry, "objects").findings
    assert finding.clause == "TS 102 221 11.1.1.3.1"
    assert finding in entry.examine()
    assert finding not in entry.findings


def test_an_object_that_is_broken_inside_does_not_hide_the_others() -> None:
    entry = one("00A40004022FE200", "621182024121" + "830400002FE2" + "8A0105" + "80020010"[:8] + "9000")
    assert found(entry, "file identifier").value == "malformed: 2 bytes expected, not 4 at offset 0"
    assert found(entry, "file size").value == "16"
    assert [finding.clause for finding in found(entry, "file identifier").findings] == ["TS 102 221 11.1.1.3.1"]


def test_an_object_that_has_to_be_there_is_missed() -> None:
    entry = one("00A40004022FE200", "620482024121" + "9000")
    assert found(entry, "life cycle status").value == "missing"
    assert [finding.text for finding in entry.examine()] == ["object 8A (life cycle status) is missing"]


def test_an_object_that_nobody_knows_is_shown_and_told() -> None:
    entry = one("00A40004022FE200", "620A82024121" + "8A0105" + "9901FF" + "9000")
    assert found(entry, "object 99").value == "FF"
    assert [finding.text for finding in entry.examine()] == ["object 99 is not known here"]


def test_a_data_grouping_over_two_blocks_is_named_at_the_one_that_completes_it() -> None:
    whole = "3A03124F10" + ISD_P
    first, second = exchanges(
        (f"80E20800{10:02X}{whole[:20]}", "9000"), (f"80E28801{len(whole) // 2 - 10:02X}{whole[20:]}", "9000")
    )
    assert first.summary == "STORE DATA block 0, part of a chain"
    assert not first.examine()
    assert second.summary == "STORE DATA block 1, ES5.EnableProfile ISD-P 0010"
    assert found(second, "ISD-P").value == "ISD-P 0010"


def test_a_complete_grouping_is_not_repeated_at_the_end_of_its_chain() -> None:
    first, second = exchanges(("80E2080015" + "3A03124F10" + ISD_P, "9000"), ("80E2880107" + "3A08044E020001", "9000"))
    assert "EnableProfile" in first.summary
    assert "HandleNotificationConfirmation" in second.summary
    assert "EnableProfile" not in second.summary


def test_a_function_depends_on_who_gets_it() -> None:
    parameters = ("80E288000E" + "3A070BA0090607913386994211F1", "9000")
    *_, es6 = exchanges(("80E6200016000010" + OWN + "00000000", "9000"), parameters)
    *_, es8 = exchanges(("00A4040010" + ISD_P + "00", "9000"), parameters)
    assert "ES6.UpdateConnectivityParametersByMNO" in es6.summary
    assert "ES8.UpdateConnectivityParameters" in es8.summary
    assert found(es6, "service centre").value == "+33689924111"
    assert found(es6, "ES6.UpdateConnectivityParametersByMNO").layer == "es6"


def test_who_gets_it_is_forgotten_after_the_last_block() -> None:
    enable = ("80E2880015" + "3A03124F10" + ISD_P, "9000")
    _, first, second = exchanges(("80E6200016000010" + ISD_P + "00000000", "9000"), enable, enable)
    assert isinstance(first, Exchange)
    assert isinstance(second, Exchange)
    assert (first.recipient.hex().upper(), second.recipient) == (ISD_P, b"")


def test_get_response_of_a_sim_belongs_to_the_command_before() -> None:
    (entry,) = exchanges(("A0A40000026F07", "9F0F"), ("A0C000000F", "000000096F07040015001501020000" + "9000"))
    assert found(entry, "file size").value == "9"
    assert found(entry, "structure").value == "transparent"


def test_a_short_file_identifier_selects() -> None:
    adf = ("00A404040CA0000000871002FF49FF058900", "9000")
    *_, entry = exchanges(adf, ("00B0870001", "089000"), ("00B0000109", "09101091686824599000"))
    assert entry.summary == "READ BINARY EF.IMSI from 1"


def test_keys_behind_hidden_lengths() -> None:
    answer = bytes.fromhex("DB08CC77C3F2F0FA7AA0" + "10" + "11" * 16 + "10" + "22" * 16 + "9000")
    sent = bytes.fromhex("0088008122" + "10" + "33" * 16 + "10" + "44" * 16 + "00")
    (entry,) = decode(
        [
            LinkEvent(time=0, side="reader", kind="command", data=sent),
            LinkEvent(time=1, side="reader", kind="response", data=Masked(answer, ((10, 34),))),
        ]
    )
    assert found(entry, "RES").value == "CC77C3F2F0FA7AA0"
    assert found(entry, "CK, IK, Kc").value == "34 bytes, not shown"


def test_a_notification_in_what_a_channel_protected() -> None:
    """The captured message of an eUICC: E1 with EID, type, sequence number, AID and IMEI (SGP.02 4.1.1.11)."""
    eid = "89001012000000000043401933343489"
    body = "4C10" + eid + "4D0102" + "4E020000" + "4F10" + ISD_P + "14083A45990057918503"
    plain = bytes.fromhex(f"E1{len(body) // 2:02X}{body}")
    (entry,) = decode([ChannelEvent(time=0, layer="scp80", side="card", protected=b"\x00", plain=plain)])
    assert found(entry, "notification type").value == "profile changed"
    assert found(entry, "ISD-P").value == "ISD-P 0010"
    assert found(entry, "IMEI").value == "354990075195830"
    assert found(entry, "EID").value == eid


def test_an_element_of_a_profile_and_a_damaged_piece() -> None:
    element = FunctionEvent(time=1, layer="profile", name="usim", fields={"offset": 7}, outcome="read")
    first, second = decode([element, Damage(offset=9, number=3, reason="is not JSON")])
    assert first.summary == "profile usim: read"
    assert found(first, "offset").value == "7"
    assert second.findings
    assert second.time == 1
