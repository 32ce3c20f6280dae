# SPDX-License-Identifier: Apache-2.0
"""Messages as JSON: there and back, what is refused, and what never stands in it."""

from __future__ import annotations

import json
import string
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from apdu.errors import DecodeError, EncodeError
from apdu.ids import Aid, Eid, Iccid, Imsi, Tar
from apdu.keys.secret import SecretKey
from smdp.api import messages as es2
from smsr.api import messages as m
from smsr.api.eis import Eis
from smsr.api.eis_parts import EisKey, KeyComponent, Keyset, ProfileState, Property, SignedInfo, SubscriptionAddress
from smsr.api.functions import Message
from smsr.api.json_codec import MAX_BYTES, decode, encode, receive, schemas
from smsr.api.notifications import ProfileNotification
from smsr.api.status import SUCCESS
from smsr.kit.oid import Oid
from smsr.serving.operations import decode_operation, encode_operation
from smsr.serving.service import Operation, OperationState
from tests.unit.kit.world import EID, SM_DP_OID
from tests.unit.smsr.bench import ICCID, make_eis
from tests.unit.soap.samples import FUNCTIONS, MOMENT, full_eis, samples

MESSAGES: Final = sorted(
    {kind for each in FUNCTIONS for kind in (each.request, each.response) if kind is not None}, key=str
)
GET_EIS: Final = m.GetEisRequest(call=m.Call(SM_DP_OID, "7"), eid=EID)

# --- there and back


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_samples_of_every_message_come_back(kind: type[Message]) -> None:
    for message in samples(kind):
        assert decode(kind, encode(message)) == message


_CHARACTERS: Final = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
_TEXT: Final = st.text(_CHARACTERS)
_LEAVES: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Eid: st.text(string.digits, min_size=5, max_size=30).map(Eid.create),
    Iccid: st.text(string.digits, min_size=16, max_size=18).map(lambda digits: Iccid.from_string(f"89{digits}")),
    Aid: st.binary(min_size=5, max_size=16).map(Aid),
    Tar: st.binary(min_size=3, max_size=3).map(Tar),
    Imsi: st.text(string.digits, min_size=6, max_size=15).map(Imsi),
    Oid: st.lists(st.integers(0, 99_999), max_size=4).map(lambda arcs: Oid(".".join(map(str, (1, 3, *arcs))))),
    str: _TEXT,
    bytes: st.binary(max_size=40),
    int: st.integers(1, 127),
    bool: st.booleans(),
    datetime: st.datetimes(
        datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9.5))])
    ),
    SignedInfo: st.just(make_eis().signed),
    SubscriptionAddress: st.builds(
        SubscriptionAddress,
        st.none() | st.text(string.digits, min_size=6, max_size=15).map(Imsi),
        st.just("") | st.text(string.digits, min_size=3, max_size=15),
    ),
    SecretKey: st.nothing(),
    ProfileState: st.sampled_from([each for each in ProfileState if each is not ProfileState.IN_CREATION]),
}
_SOME: Final = (tuple[Keyset, ...], tuple[KeyComponent, ...])
"""Lists that are not empty in a message."""


def _made(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, from its hints."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _LEAVES:
        return _LEAVES[kind]
    if origin is Annotated:
        return _limited(*arguments)
    if origin in (Union, types.UnionType):
        return st.none() | _made(arguments[0])
    if origin is tuple:
        return st.lists(_made(arguments[0]), min_size=kind in _SOME, max_size=3).map(tuple)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    hints = get_type_hints(kind, include_extras=True)
    if not is_dataclass(kind):
        return st.builds(kind, **{name: _made(hint) for name, hint in hints.items()})
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for each in fields(kind):
        if each.init:
            needed = each.default is MISSING or hints[each.name] in _SOME
            (required if needed else optional)[each.name] = st.deferred(
                lambda hint=hints[each.name]: _made(hint)  # type: ignore[misc]
            )
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))  # type: ignore[operator]


def _limited(kind: type, limits: Meta) -> st.SearchStrategy[Any]:
    if kind is int:
        return st.integers(int(limits.ge or 0), int(limits.le or 2**53 - 1))
    if kind is bytes:
        return st.binary(max_size=limits.max_length)
    if limits.pattern is not None:
        return st.lists(st.integers(0, 99), min_size=1, max_size=4).map(lambda arcs: ".".join(map(str, arcs)))
    return st.text(_CHARACTERS, min_size=limits.min_length or 0, max_size=limits.max_length)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@given(data=st.data())
def test_any_message_comes_back(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(_made(kind))
    assert decode(kind, encode(message)) == message


def test_the_form_that_is_documented() -> None:
    assert json.loads(encode(replace(GET_EIS, call=m.Call(SM_DP_OID, "7", 60)))) == {
        "function_requester": str(SM_DP_OID),
        "function_call_identifier": "7",
        "validity_period": 60,
        "eid": str(EID),
    }
    response = m.CardResponse(status=SUCCESS, data=b"\x90\xab", processing_end=MOMENT)
    assert json.loads(encode(response)) == {
        "status": {"status": "EXECUTED_SUCCESS"},
        "processing_end": "2026-11-23T08:00:09Z",
        "data": "90AB",
    }


def test_times_are_told_in_utc() -> None:
    local = MOMENT.astimezone(timezone(timedelta(hours=2)))
    message = ProfileNotification(eid=EID, iccid=ICCID, completion_timestamp=local)
    assert b"2026-11-23T08:00:09Z" in encode(message)
    with pytest.raises(EncodeError, match="without a zone"):
        encode(replace(message, completion_timestamp=MOMENT.replace(tzinfo=None)))


def test_what_was_signed_stays_as_it_was() -> None:
    eis = full_eis()
    back = decode(Eis, encode(eis))
    assert (back.signed.octets, back.info) == (eis.signed.octets, eis.info)


def test_the_requester_may_be_known_otherwise() -> None:
    body = json.dumps({"eid": str(EID)}).encode()
    assert decode(m.GetEisRequest, body, SM_DP_OID).call == m.Call(SM_DP_OID)
    assert decode(m.GetEisRequest, encode(GET_EIS), Oid("1.2.3")) == GET_EIS  # what is said counts: others compare
    with pytest.raises(DecodeError, match="function_requester"):
        decode(m.GetEisRequest, body)


def test_a_key_never_stands_in_clear() -> None:
    key = SecretKey(bytes.fromhex("C0FFEE00112233445566778899AABBCC"))
    keyset = Keyset(version=1, keys=(EisKey(1, key.kcv, key),))
    written = encode(replace(make_eis(), isd_r=replace(make_eis().isd_r, keysets=(keyset,)))).upper()
    assert key.kcv.hex().upper().encode() in written
    assert key.reveal().hex().upper().encode() not in written
    assert b'"VALUE":"C0' not in written
    found = decode(Eis, encode(make_eis())).isd_r.keysets[0].keys[0]
    assert (found.value, found.kcv) == (None, make_eis().isd_r.keysets[0].keys[0].kcv)


def test_a_key_in_clear_is_not_taken() -> None:
    body = encode(EisKey(1, b"abc")).replace(b"{", b'{"value":"00112233445566778899AABBCCDDEEFF",', 1)
    with pytest.raises(DecodeError, match="unknown field `value`"):
        decode(EisKey, body)


# --- bad input


def _body(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode(GET_EIS)), **changes}).encode()


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (b"\xff", "malformed"),
        (encode(GET_EIS) + b"x", "trailing"),
        (encode(GET_EIS).decode().encode("utf-16"), "malformed"),
        (_body(more=1), "unknown field `more`"),
        (_body(call={}), "unknown field `call`"),
        (_body(**{"00112233445566778899aabbccddeeff": 1}), "unknown field at offset 0$"),  # a key in a wrong place
        (_body(**{"`x` - at `0`": 1}), "unknown field at offset 0$"),
        (_body(eid=None), "eid"),
        (_body(eid=89), "eid"),
        (_body(eid="89"), "eid"),
        (_body(eid=str(EID)[:-1] + "x"), "eid"),
        (_body(eid=f" {EID}"), "eid"),
        (_body(function_requester="1.2.3'; DROP TABLE"), "function_requester"),
        (_body(function_requester=["1.2.3"]), "function_requester"),
        (_body(function_call_identifier="a\0b"), "function_call_identifier"),
        (_body(function_call_identifier="x" * 5000), "function_call_identifier"),
        (_body(function_call_identifier="\ud800"), "surrogate|malformed|[Ii]nvalid"),
        (_body(validity_period=-1), "validity_period"),
        (_body(validity_period=True), "validity_period"),
        (_body(validity_period="60"), "validity_period"),
        (_body(validity_period=1.5), "validity_period"),
        (_body(validity_period=2**31), "validity_period"),
        (_body(validity_period=float("inf")), "malformed"),
        (b'{"eid":' + b"[" * 200_000, "deeply"),
        (b"[" * 200_000, "Expected `object`"),
        (b'{"x":' * 200_000, "at most|unknown field"),
    ],
)
def test_wrong_bodies_are_refused(body: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        decode(m.GetEisRequest, body)


@pytest.mark.parametrize("text", ["9", "9G", "0x90", "90 00", "９０", "90\n"])
def test_bytes_are_whole_hexadecimal_digits(text: str) -> None:
    body = json.dumps({"status": {"status": "FAILED"}, "data": text}).encode()
    with pytest.raises(DecodeError, match="data"):
        decode(m.CardResponse, body)


@pytest.mark.parametrize("text", ["2026-11-23", "2026-11-23T08:00:09", "yesterday", 5, "0001-01-01T00:00:00+10:00"])
def test_times_without_zone_and_other_texts_are_refused(text: object) -> None:
    with pytest.raises(DecodeError):
        decode(m.Response, json.dumps({"status": {"status": "FAILED"}, "processing_start": text}).encode())


def test_an_enumeration_has_its_values_only() -> None:
    with pytest.raises(DecodeError, match="status"):
        decode(m.Response, b'{"status":{"status":"GREAT"}}')


def test_rules_of_the_values_hold() -> None:
    with pytest.raises(DecodeError, match="version 128"):
        decode(Keyset, b'{"version":128}')


def _objects(value: Any) -> int:
    """How many objects with members there are."""
    if isinstance(value, dict):
        return bool(value) + sum(map(_objects, value.values()))
    return sum(map(_objects, value)) if isinstance(value, list) else 0


def _with_twice(value: Any, number: int, name: Callable[[str], str]) -> str:
    """JSON in which the first member of one object stands again at its end, with this name and the same value."""
    left = number

    def write(value: Any) -> str:
        nonlocal left
        if isinstance(value, list):
            return f"[{','.join(map(write, value))}]"
        if not isinstance(value, dict) or not value:
            return json.dumps(value)
        here, left = left == 0, left - 1
        pairs = [f"{json.dumps(key)}:{write(member)}" for key, member in value.items()]
        if here:
            first = next(iter(value))
            pairs.append(f'"{name(first)}":{json.dumps(value[first])}')
        return f"{{{','.join(pairs)}}}"

    return write(value)


def _escaped(name: str) -> str:
    return f"\\u{ord(name[0]):04x}{name[1:]}"


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_member_that_stands_twice_is_refused_at_every_depth(kind: type[Message]) -> None:
    tried = 0
    for message in samples(kind):
        body = encode(message)
        assert receive(kind, body) == message
        value = json.loads(body)
        for number in range(_objects(value)):
            for name in (str, _escaped):
                twice = _with_twice(value, number, name).encode()
                assert json.loads(twice) == value
                with pytest.raises(DecodeError, match="stands twice"):
                    receive(kind, twice)
                tried += 1
    assert tried > 0


def test_an_operation_with_a_member_twice_is_none() -> None:
    function = next(each for each in FUNCTIONS if str(each) == "ES3.EnableProfile")
    found = Operation(
        id="1",
        function=function,
        requester=SM_DP_OID,
        identifier="7",
        state=OperationState.DONE,
        accepted=MOMENT,
        response=m.CardResponse(status=SUCCESS, data=b"1"),
    )
    body = encode_operation(found)
    assert decode_operation(body, function, SM_DP_OID) == found
    for twice in (body.replace(b'"id"', b'"id":"2","id"'), body.replace(b'"data"', b'"data":"32","data"')):
        assert twice != body
        with pytest.raises(DecodeError, match="stands twice"):
            decode_operation(twice, function, SM_DP_OID)


def test_what_only_looks_like_a_member_stands_as_often_as_it_likes() -> None:
    odd = m.GetEisRequest(call=m.Call(SM_DP_OID, '"eid":"eid":{"eid":1,"eid":1}'), eid=EID)
    assert receive(m.GetEisRequest, encode(odd)) == odd


def test_size_is_limited() -> None:
    properties = (Property("k", "v" * 4000),) * 300
    request = m.UpdateEisAdditionalPropertiesRequest(call=GET_EIS.call, eid=EID, additional_properties=properties)
    with pytest.raises(DecodeError, match=f"at most {MAX_BYTES}"):
        decode(type(request), encode(request))


@given(st.data())
def test_mutated_bodies_are_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(MESSAGES))
    body = bytearray(encode(data.draw(st.sampled_from(list(samples(kind))))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            break
    try:
        message = decode(kind, bytes(body))
    except DecodeError:
        return
    assert decode(kind, encode(message)) == message


# --- JSON Schema


def test_every_message_has_a_schema_that_closes_its_members() -> None:
    references, components = schemas(MESSAGES)
    assert len({each["$ref"] for each in references}) == len(MESSAGES)  # ES2's and ES3's of one name are two
    objects = [each for each in components.values() if each.get("type") == "object"]
    assert objects
    assert all(each["additionalProperties"] is False for each in objects)
    assert "value" not in components["EisKey"]["properties"]
    assert es2.GetEisRequest in MESSAGES


@pytest.mark.parametrize("kind", [m.RegisterEisRequest, m.EisResponse])
def test_an_eis_that_came_is_read_and_one_that_was_kept_is_not(kind: type[Message]) -> None:
    """What an EUM signed has to be an EumSignedInfo when it comes; what is kept was looked at then."""
    broken = b"PHJwczpPdGhlci8+"  # <rps:Other/>
    message = next(each for each in samples(kind) if each.eis is not None)  # type: ignore[union-attr]
    written = json.loads(encode(message))
    written["eis"]["signed"]["octets"] = broken.decode()
    with pytest.raises(DecodeError) as found:
        decode(kind, json.dumps(written).encode())
    assert found.value.path[0] == "eis"
    kept = decode(Eis, json.dumps(written["eis"]).encode())
    with pytest.raises(DecodeError):
        kept.info  # noqa: B018 - reading it is what fails
