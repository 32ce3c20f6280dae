# SPDX-License-Identifier: Apache-2.0
"""The SM-DP: what it refuses before it begins, and that a step that fails leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from apdu.errors import DecodeError, LocalProtocolError, M2mError, SecurityError
from apdu.gp.codes import LifeCycle
from apdu.ids import ISD_R, Aid, Eid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from apdu.script import ApduScript, Batch, ProfileScript
from apdu.trace import Recorder
from apdu.trace.events import FunctionEvent
from smdp.errors import DownloadFailed, NotEligible
from smdp.es3 import Es3Calls, SendDataBearer
from smdp.keystore import MemoryKeyStore
from smdp.server import Installation, Order, SmDp
from smsr.api.eis import Eis
from smsr.api.messages import (
    AuditEisRequest,
    CardResponse,
    CreateIsdpRequest,
    CreateIsdpResponse,
    EisResponse,
    GetEisRequest,
    ProfileDownloadCompletedRequest,
    ProfileRequest,
    Response,
    SendDataRequest,
)
from smsr.api.status import SUCCESS, Code, FunctionFailed, failed
from smsr.kit.soap.signature import Signer
from smsr.kit.x509 import CertificateExpired
from tests.unit.kit.world import EID, MNO_OID, NOW, SM_DP_OID, SM_SR_OID, VALIDITY, world
from tests.unit.smsr.bench import ICCID, MEMORY, Bench, make_eis

KEYS = KeySet(0x30, SecretKey(bytes(16)), SecretKey(bytes(16)), SecretKey(bytes(16)))


class _SmSr:
    """The real one, with any function replaced."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.sent: list[SendDataRequest] = []
        self.replaced: dict[str, Callable[[], object]] = {}

    def _call(self, name: str, request: object) -> object:
        if name in self.replaced:
            return self.replaced[name]()
        return getattr(self.bench.smsr, name)(request)

    def get_eis(self, request: GetEisRequest) -> EisResponse:
        answer = self._call("get_eis", request)
        assert isinstance(answer, EisResponse)
        return answer

    def audit_eis(self, request: AuditEisRequest) -> EisResponse:
        return self.bench.smsr.audit_eis(request)

    def create_isdp(self, request: CreateIsdpRequest) -> CreateIsdpResponse:
        answer = self._call("create_isdp", request)
        assert isinstance(answer, CreateIsdpResponse)
        return answer

    def send_data(self, request: SendDataRequest) -> CardResponse:
        self.sent.append(request)
        answer = self._call("send_data", request)
        assert isinstance(answer, CardResponse)
        return answer

    def profile_download_completed(self, request: ProfileDownloadCompletedRequest) -> Response:
        answer = self._call("profile_download_completed", request)
        assert isinstance(answer, Response)
        return answer

    def enable_profile(self, request: ProfileRequest) -> CardResponse:
        return self.bench.smsr.enable_profile(request)

    def disable_profile(self, request: ProfileRequest) -> CardResponse:
        return self.bench.smsr.disable_profile(request)

    def delete_isdp(self, request: ProfileRequest) -> CardResponse:
        answer = self._call("delete_isdp", request)
        assert isinstance(answer, CardResponse)
        return answer


class _Bench:
    def __init__(self) -> None:
        self.sr = Bench()
        self.sr.register()
        self.smsr = _SmSr(self.sr)
        self.keys = MemoryKeyStore()
        self.recorder = Recorder()
        self.now = NOW
        self.smdp = SmDp(
            self.sr.everybody.sm_dp,
            self.smsr,
            roots=(self.sr.everybody.ci.certificate,),
            keys=self.keys,
            entropy=SeededEntropy(b"dp"),
            clock=lambda: self.now,
            observer=self.recorder,
        )

    def created(self) -> Installation:
        installation = self.smdp.begin(ORDER)
        installation.create_isdp()
        return installation

    def left(self) -> bool:
        """Whether anything is left of a download."""
        return bool(self.sr.card.isd_ps or self.sr.eis.profiles or self.keys.get(EID, Aid.isd_p(0x10), 0x30))


@pytest.fixture
def bench() -> _Bench:
    return _Bench()


ORDER = Order(eid=EID, iccid=ICCID, mno_id=MNO_OID, package=b"\xa0" * 2000)


# --- before anything is done


def test_the_card_key_is_the_one_that_the_eum_signed(bench: _Bench) -> None:
    assert bench.smdp.card_key(make_eis()) == world().ecasd_key.public_key


def _signed(eis: Eis, **changes: object) -> Eis:
    signature = replace(eis.signed.signature, **changes)  # type: ignore[arg-type]
    return replace(eis, signed=replace(eis.signed, signature=signature))


def test_chains_that_do_not_verify(bench: _Bench) -> None:
    eis = make_eis()
    with pytest.raises(SecurityError, match="not issued by a CI"):
        bench.smdp.card_key(make_eis(world("another")))
    with pytest.raises(SecurityError, match="signature of the EIS"):
        bench.smdp.card_key(_signed(eis, value=bytes(64)))
    with pytest.raises(DecodeError):
        bench.smdp.card_key(_signed(eis, signer=Signer()))
    with pytest.raises(SecurityError, match="name constraints"):
        bench.smdp.card_key(make_eis(eid=Eid.create("890440321234512345")))
    with pytest.raises(SecurityError, match="not the one of"):
        bench.smdp.card_key(make_eis(eid=Eid.create("8904903299")))
    bench.now = VALIDITY.end.timestamp() + 86400
    with pytest.raises(CertificateExpired):
        bench.smdp.card_key(eis)


def test_unknown_card(bench: _Bench) -> None:
    with pytest.raises(FunctionFailed, match=r"ES3.GetEIS: FAILED 8.1.1/3.9"):
        bench.smdp.begin(replace(ORDER, eid=Eid.create("8904903299")))


def test_an_sm_sr_that_answers_with_another_card(bench: _Bench) -> None:
    bench.smsr.replaced["get_eis"] = lambda: EisResponse(status=SUCCESS, eis=make_eis(eid=Eid.create("8904903299")))
    with pytest.raises(NotEligible, match="another EIS"):
        bench.smdp.begin(ORDER)
    bench.smsr.replaced["get_eis"] = lambda: EisResponse(status=SUCCESS)
    with pytest.raises(NotEligible):
        bench.smdp.begin(ORDER)


@pytest.mark.parametrize("changes", [{"memory": MEMORY + 1}, {"package": bytes(MEMORY + 1)}])
def test_a_card_without_room(bench: _Bench, changes: dict[str, object]) -> None:
    with pytest.raises(NotEligible, match=f"{MEMORY} left"):
        bench.smdp.begin(replace(ORDER, **changes))  # type: ignore[arg-type]
    assert bench.sr.card.commands == []


# --- steps that fail


def test_create_that_fails_leaves_nothing(bench: _Bench) -> None:
    bench.sr.card.fault = lambda command: 0x6A84
    with pytest.raises(FunctionFailed, match=r"ES3.CreateISDP: FAILED 8.1/4.8"):
        bench.smdp.install(ORDER)
    assert not bench.left()


def test_create_without_an_aid(bench: _Bench) -> None:
    bench.smsr.replaced["create_isdp"] = lambda: CreateIsdpResponse(status=SUCCESS)
    with pytest.raises(NotEligible):
        bench.smdp.install(ORDER)


def test_key_establishment_that_fails_removes_the_isd_p(bench: _Bench) -> None:
    """The paper card answers 9000 without a challenge."""
    with pytest.raises(DownloadFailed, match="establish-keyset") as caught:
        bench.smdp.install(ORDER)
    assert caught.value.cleaned
    assert isinstance(caught.value.cause, DecodeError)
    assert not bench.left()
    begin, end = (event for event in bench.recorder.events if isinstance(event, FunctionEvent))
    assert (begin.name, begin.outcome) == ("ES8.EstablishISDPKeySet", "")
    assert "85" in end.outcome


def test_status_words_come_through(bench: _Bench) -> None:
    bench.sr.card.fault = lambda command: 0x6A80 if command.ins == 0xE2 else None
    with pytest.raises(DownloadFailed, match="6A80") as caught:
        bench.smdp.install(ORDER)
    assert caught.value.cleaned


def test_download_that_fails_removes_isd_p_and_keys(bench: _Bench) -> None:
    installation = bench.created()
    bench.keys.put(EID, installation.isd_p, KEYS)
    bench.sr.card.answer_tlv = lambda tlv: bytes.fromhex("9F440103")
    with pytest.raises(DownloadFailed, match="84 refused, 03"):
        installation.download()
    assert not bench.left()


def test_completion_that_fails_removes_the_isd_p(bench: _Bench) -> None:
    installation = bench.created()
    bench.smsr.replaced["profile_download_completed"] = lambda: Response(status=failed(Code.POL2_INVALID))
    with pytest.raises(DownloadFailed, match="complete") as caught:
        installation.complete()
    assert caught.value.cleaned
    assert not bench.left()


def test_clean_up_that_fails_is_told(bench: _Bench) -> None:
    bench.smsr.replaced["delete_isdp"] = lambda: CardResponse(status=failed(Code.ISD_R_FAILED))
    with pytest.raises(DownloadFailed, match="could not be removed") as caught:
        bench.smdp.install(ORDER)
    assert not caught.value.cleaned
    assert bench.left()


def test_steps_in_the_wrong_order(bench: _Bench) -> None:
    installation = bench.smdp.begin(ORDER)
    with pytest.raises(LocalProtocolError, match="no ISD-P"):
        installation.establish_keyset()
    installation.create_isdp()
    with pytest.raises(LocalProtocolError, match="no key set"):
        installation.download()


def test_enable(bench: _Bench) -> None:
    with pytest.raises(FunctionFailed, match=r"ES3.EnableProfile"):
        bench.smdp.enable(EID, ICCID)
    aid = bench.sr.profile()
    bench.smdp.enable(EID, ICCID)
    assert bench.sr.card.isd_ps == {aid: LifeCycle.ENABLED}


def test_every_call_has_an_identifier_of_its_own(bench: _Bench) -> None:
    bench.created()
    with pytest.raises(M2mError):
        bench.smdp.install(ORDER)
    identifiers = [request.call.identifier for request in bench.smsr.sent]
    assert len(set(identifiers)) == len(identifiers)


# --- the bearer


def _apdu(target: Aid) -> ApduScript[None]:
    yield Batch(target, ())


def _tlv(target: Aid) -> ProfileScript[None]:
    yield Batch(target, (b"\x84\x00",))


def _bearer() -> SendDataBearer:
    calls = Es3Calls(requester=SM_DP_OID, receiver=SM_SR_OID, operation="bearer")
    return SendDataBearer(calls, EID, Aid.isd_p(0x10))


def test_targets_that_it_does_not_reach(bench: _Bench) -> None:
    bearer, run = _bearer(), bench.smdp.run
    with pytest.raises(LocalProtocolError):
        run(bearer.run(_apdu(Aid.isd_p(0x10))))
    with pytest.raises(LocalProtocolError):
        run(bearer.run_profile(_tlv(ISD_R)))
    with pytest.raises(FunctionFailed, match=r"ES3.SendData: FAILED 8.3.1/3.9"):
        run(bearer.run_profile(_tlv(Aid.isd_p(0x10))))


def test_answers_of_the_sm_sr_that_are_none(bench: _Bench) -> None:
    bearer, run = _bearer(), bench.smdp.run
    for data in (b"\x84", b"\x22\x00", b"\xe3\x00"):
        bench.smsr.replaced["send_data"] = lambda data=data: CardResponse(status=SUCCESS, data=data)  # type: ignore[misc]
        with pytest.raises(DecodeError):
            run(bearer.run_profile(_tlv(Aid.isd_p(0x10))))
        with pytest.raises(DecodeError):
            run(bearer.run(_apdu(ISD_R)))


def test_keys_are_replaced_by_version() -> None:
    store = MemoryKeyStore()
    aid = Aid.isd_p(0x10)
    store.put(EID, aid, KEYS)
    other = replace(KEYS, enc=SecretKey(bytes(range(16))))
    store.put(EID, aid, other)
    assert store.get(EID, aid, 0x30) == other
    assert store.get(EID, aid, 0x31) is None
    store.forget(EID, aid)
    assert store.get(EID, aid, 0x30) is None
