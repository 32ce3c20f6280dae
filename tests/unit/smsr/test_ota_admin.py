# SPDX-License-Identifier: Apache-2.0
"""Administration sessions without TLS: what a card posts, what it is answered, and that no script is sent twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import M2mError, RemoteProtocolError
from apdu.ids import ISD_R, Aid
from apdu.keys.entropy import SeededEntropy
from apdu.ota.admin import ScriptStatus, admin_from, targeted
from apdu.ota.remote import ResponseItem, build_response_script
from apdu.script import ApduScript, Batch
from smsr.ota.admin import ENTRY, AdminReply, AdminRequest, AdminSession
from smsr.ota.parcels import Chain
from smsr.ota.task import OutcomeUnknown, Outstanding, Task, command_task
from tests.unit.kit.world import EID

OK = bytes.fromhex("9000")
RESPONSE = "application/vnd.globalplatform.card-content-mgt-response;version=1.0"
COMMAND = CommandApdu(0x80, 0xE4, 0x00, 0x40, b"\x4f\x00", 256)
NEVER = 1e9


def script(*batches: int, target: Aid = ISD_R) -> ApduScript[list[int]]:
    """Batches of so many commands; the status words that came back."""
    found: list[int] = []
    for size in batches:
        answers = yield Batch(target, (COMMAND,) * size)
        found.extend(answer.sw for answer in answers)
    return found


def answer(*sws: str) -> bytes:
    items = [ResponseItem(0x23, bytes.fromhex(sw)) for sw in sws]
    return build_response_script(len(items), items, indefinite=True)


@dataclass
class Card:
    """Posts, and keeps the URI that it was told."""

    session: AdminSession = field(
        default_factory=lambda: AdminSession(eid=EID, entropy=SeededEntropy(b"uris"), chain=Chain())
    )
    now: float = 0.0
    uri: str = ENTRY

    def post(self, body: bytes = b"", uri: str | None = None, **headers: str) -> AdminReply | None:
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        known = {"x-admin-protocol": "globalplatform-remote-admin/1.0", "x-admin-from": admin_from(EID)}
        request = AdminRequest(uri or self.uri, {**known, **named}, body)
        return self.told(self.session.post(request, self.now))

    def told(self, reply: AdminReply | None) -> AdminReply | None:
        following = dict(reply.headers).get("X-Admin-Next-URI") if reply is not None else None
        if following is not None:
            self.uri = following
        return reply

    def answers(self, *sws: str, **headers: str) -> AdminReply | None:
        given = {"X_Admin_Script_Status": "ok", "Content_Type": RESPONSE, **headers}
        return self.post(answer(*sws), **given)

    def task(self, *batches: int, target: Aid = ISD_R) -> Task[list[int]]:
        task = command_task(script(*batches, target=target), "test")
        self.session.add(task)
        return task


@pytest.fixture
def card() -> Card:
    return Card()


def status(reply: AdminReply | None) -> int:
    return 0 if reply is None else reply.status


def error_of(task: Task[Any]) -> M2mError | None:
    try:
        task.result  # noqa: B018
    except M2mError as error:
        return error
    return None


def test_cc_81_07_scripts_then_the_end(card: Card) -> None:
    task = card.task(2, 1)
    reply = card.post()
    assert reply is not None
    assert (reply.status, reply.last) == (200, False)
    headers = dict(reply.headers)
    assert headers["X-Admin-Protocol"] == "globalplatform-remote-admin/1.0"
    assert headers["Content-Type"] == "application/vnd.globalplatform.card-content-mgt;version=1.0"
    assert "X-Admin-Targeted-Application" not in headers
    raw = COMMAND.encode().hex().upper()
    assert reply.body.hex().upper() == f"AE80{f'22{len(COMMAND.encode()):02X}{raw}' * 2}0000"
    assert status(card.answers("9000", "9000")) == 200
    end = card.answers("6985")
    assert end is not None
    assert (end.status, end.last, "X-Admin-Next-URI" in dict(end.headers)) == (204, True, False)
    assert task.result == [0x9000, 0x9000, 0x6985]


def test_cc_81_09_the_target_is_named_where_it_is_not_the_isd_r(card: Card) -> None:
    isd_p = Aid.isd_p(0x10)
    card.task(1, target=isd_p)
    reply = card.post()
    assert reply is not None
    assert dict(reply.headers)["X-Admin-Targeted-Application"] == targeted(isd_p)


def test_a_card_with_nothing_to_do_is_sent_away_or_held(card: Card) -> None:
    assert status(card.post()) == 204
    card.session.kept = True
    assert card.post(uri=ENTRY) is None
    assert card.session.held
    assert card.session.poll(card.now) is None
    task = card.task(1)
    assert status(card.told(card.session.poll(card.now))) == 200
    assert card.answers("9000") is None  # held again
    assert task.done
    card.now += card.session.hold
    assert status(card.session.poll(card.now)) == 204
    assert not card.session.under_way


def test_release_ends_a_held_request(card: Card) -> None:
    card.session.kept = True
    assert card.post() is None
    card.session.kept = False
    assert status(card.session.poll(card.now)) == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Admin_Protocol": ""},
        {"X_Admin_Protocol": "globalplatform-remote-admin/2.0"},
        {"X_Admin_From": ""},
        {"X_Admin_From": "//se-id/eid/89049032000000000000000000010057;//aa-id/aid/A000000559/10"},
        {"X_Admin_From": "eid"},
    ],
)
def test_cc_81_08_wrong_headers_get_no_script(card: Card, headers: dict[str, str]) -> None:
    task = card.task(1)
    reply = card.post(b"", **headers)
    assert reply is not None
    assert (reply.status, reply.last, reply.body) == (400, True, b"")
    assert task.waiting is None


@pytest.mark.parametrize("uri", ["/", "/adm/", "/adm/00", "/admin", "/adm/../adm", "http://other/adm", "*", ""])
def test_other_uris_are_not_found(card: Card, uri: str) -> None:
    card.task(1)
    card.post()
    assert status(card.post(uri=uri or "?")) == 404


def test_uris_cannot_be_guessed_and_are_used_once(card: Card) -> None:
    card.task(1, 1, 1)
    seen: set[str] = set()
    for _ in range(3):
        card.post() if not seen else card.answers("9000")
        seen.add(card.uri)
    assert len(seen) == 3
    assert all(len(uri.removeprefix("/adm/")) == 32 for uri in seen)
    used = next(uri for uri in seen if uri != card.uri)
    assert status(card.post(answer("9000"), uri=used, X_Admin_Script_Status="ok", Content_Type=RESPONSE)) == 404


@pytest.mark.parametrize("value", [each for each in ScriptStatus if each is not ScriptStatus.OK])
def test_cc_81_09_a_script_that_the_card_did_not_run_fails_and_the_next_follows(card: Card, value: str) -> None:
    first, second = card.task(1), card.task(1)
    card.post()
    assert status(card.post(X_Admin_Script_Status=value)) == 200
    assert isinstance(error_of(first), RemoteProtocolError)
    assert value in str(error_of(first))
    card.answers("9000")
    assert second.result == [0x9000]


@pytest.mark.parametrize(
    "body, headers",
    [
        (answer("9000"), {"Content_Type": "text/html"}),
        (answer("9000"), {"Content_Type": ""}),
        (b"AF", {}),
        (b"\xaf\x80\x23\x02\x90\x00", {}),
        (answer("9000", "9000"), {}),
        (build_response_script(0, [ResponseItem(0x90, b"\x01")], indefinite=True), {}),
        (build_response_script(0, [ResponseItem(0x83, b"\x02")], indefinite=True), {}),
        (bytes.fromhex("AF8023019000 0000"), {}),
        (b"\x00" * 1000, {}),
    ],
)
def test_atk_45_answers_that_are_none_end_their_task_only(card: Card, body: bytes, headers: dict[str, str]) -> None:
    task, following = card.task(1), card.task(1)
    card.post()
    reply = card.post(body, **{"X_Admin_Script_Status": "ok", "Content_Type": RESPONSE, **headers})
    assert status(reply) == 200
    assert isinstance(error_of(task), RemoteProtocolError)
    assert not following.done


# --- resume


def test_cc_81_12_a_card_that_did_not_get_the_script_gets_the_same_again(card: Card) -> None:
    task = card.task(1, 1)
    first = card.post()
    card.session.lost()
    card.uri = ENTRY
    again = card.post(X_Admin_Resume="true")
    assert first == again
    second = card.answers("9000")
    came_back_to = card.uri
    card.session.lost()
    # the script did not arrive, and so the card comes to the URI before, without or with the answer that it gave there
    card.uri = dict(first.headers)["X-Admin-Next-URI"]  # type: ignore[union-attr]
    assert card.post(X_Admin_Resume="true") == second
    card.uri = dict(first.headers)["X-Admin-Next-URI"]  # type: ignore[union-attr]
    assert card.answers("9000", X_Admin_Resume="true") == second
    assert card.uri == came_back_to
    card.answers("9000")
    assert task.result == [0x9000, 0x9000]


def test_cc_81_12_the_answer_of_a_card_that_comes_back_counts_once(card: Card) -> None:
    task = card.task(1, 1)
    card.post()
    answered = card.uri
    card.session.lost()
    following = card.answers("9000", X_Admin_Resume="true")
    assert status(following) == 200
    again = card.post(
        answer("6A80"), uri=answered, X_Admin_Script_Status="ok", Content_Type=RESPONSE, X_Admin_Resume="true"
    )
    assert again == following
    card.answers("9000")
    assert task.result == [0x9000, 0x9000]


def test_cc_81_12_a_card_that_begins_anew_gets_no_script_again(card: Card) -> None:
    lost, following = card.task(1), card.task(1)
    card.post()
    card.session.lost()
    card.uri = ENTRY
    assert status(card.post()) == 200
    assert isinstance(error_of(lost), OutcomeUnknown)
    card.answers("9000")
    assert following.result == [0x9000]


def test_a_card_without_its_answer_is_asked_once_more(card: Card) -> None:
    task = card.task(1)
    card.post()
    uri = card.uri
    reply = card.post(X_Admin_Resume="true")
    assert (status(reply), card.uri) == (204, uri)
    assert status(card.answers("9000")) == 204
    assert task.result == [0x9000]


def test_a_card_that_never_has_its_answer_leaves_the_outcome_unknown(card: Card) -> None:
    task = card.task(1)
    card.post()
    card.post(X_Admin_Resume="true")
    assert status(card.post(X_Admin_Resume="true")) == 204
    assert isinstance(error_of(task), OutcomeUnknown)


def test_a_card_that_resumes_what_nobody_knows_begins_anew(card: Card) -> None:
    task = card.task(1)
    card.uri = "/adm/" + "00" * 16
    assert status(card.answers("6A80", X_Admin_Resume="true")) == 200
    card.answers("9000")
    assert task.result == [0x9000]


def test_cc_81_12_another_process_takes_the_answer(card: Card) -> None:
    task = card.task(1)
    kept: list[Any] = []
    task.sent = lambda bearer, state: kept.append(state)  # type: ignore[method-assign]
    card.post()
    other = Card()
    twin = command_task(script(1), "test")
    parcel = twin.take(1000, Chain())
    assert parcel is not None
    sent = type("Sent", (), {"state": kept[0], "answer": None})()
    other.session.resume(Outstanding(parcel, sent), twin)
    other.uri = card.uri
    assert status(other.answers("9000", X_Admin_Resume="true")) == 204
    assert twin.result == [0x9000]


def test_a_task_that_nobody_waits_for_is_not_sent(card: Card) -> None:
    task = card.task(1)
    card.session.drop(task)
    assert status(card.post()) == 204


def test_responses_are_whole(card: Card) -> None:
    task = card.task(1)
    card.post()
    body = build_response_script(1, [ResponseItem(0x23, ResponseApdu(b"\x85\x10", 0x9000).encode())], indefinite=True)
    card.post(body, X_Admin_Script_Status="ok", Content_Type=RESPONSE.upper().replace(";", " ; "))
    assert task.result == [0x9000]
