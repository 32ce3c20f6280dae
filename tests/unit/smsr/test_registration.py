# SPDX-License-Identifier: Apache-2.0
"""ES1.RegisterEIS: what is taken on, and every reason why something is not (annex 10, offcard.md 1.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import canonicalize

import pytest

from apdu.errors import DecodeError
from apdu.ids import ECASD, ISD_R, Aid, Eid
from apdu.keys.certificate import Certificate, Role, Subject, serial_number
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_codec import decode_signed_info, encode_signed_info, sign_info
from smsr.api.eis_parts import (
    ECASD_KEYSET,
    EisCertificate,
    EisKey,
    Keyset,
    Pol2Action,
    Pol2Qualification,
    Pol2Rule,
    ProfileInfo,
    ProfileState,
    SdRole,
    SecurityDomain,
)
from smsr.api.messages import Call, RegisterEisRequest
from smsr.api.status import Code, Status
from smsr.kit.oid import Oid
from smsr.kit.pki import Validity, issue_ecasd, issue_eum
from smsr.kit.soap.signature import Signer
from tests.unit.kit.world import EID, EUM_OID, MNO_OID, SM_DP_OID, SM_SR_OID, VALIDITY, world
from tests.unit.smsr.bench import ICCID, MEMORY, Bench, make_eis, signed_info


def _register(bench: Bench, eis: Eis, requester: Oid = EUM_OID) -> object:
    return bench.smsr.register_eis(RegisterEisRequest(call=Call(requester), eis=eis)).status.code


def test_a_card_is_registered() -> None:
    bench = Bench()
    eis = bench.register()
    assert bench.eis == replace(eis, smsr_id=SM_SR_OID)
    assert bench.eis.signed is eis.signed  # verbatim


def test_what_the_eum_did_not_decide_is_reset() -> None:
    bench = Bench()
    bench.register(make_eis(smsr_id=MNO_OID, last_audit=datetime(2026, 1, 1, tzinfo=UTC)))
    assert (bench.eis.smsr_id, bench.eis.last_audit, bench.eis.audit_trail) == (SM_SR_OID, None, ())


def test_duplicate_is_refused() -> None:
    bench = Bench()
    first = bench.register()
    assert _register(bench, make_eis(remaining_memory=1)) == Code.EID_IN_USE.pair
    assert bench.eis.remaining_memory == first.remaining_memory


@pytest.mark.parametrize(
    "requester, code",
    [
        (Oid("1.2.3"), Code.REQUESTER_UNKNOWN),
        (SM_DP_OID, Code.REQUESTER_NOT_ALLOWED),
        (MNO_OID, Code.REQUESTER_NOT_ALLOWED),
    ],
)
def test_requesters(requester: Oid, code: Code) -> None:
    bench = Bench()
    assert _register(bench, make_eis(), requester) == code.pair
    assert bench.store.get(EID) is None


def _signed_by(key_of: str) -> Eis:
    """The information of one world, the signature of another one's EUM."""
    eis = make_eis()
    other = sign_info(eis.info, world(key_of).eum.key, eis.signed.certificate)
    return replace(eis, signed=other)


def _changed_after_signing() -> Eis:
    eis = make_eis()
    octets = eis.signed.octets.replace(b">paper<", b">papes<")
    assert octets != eis.signed.octets
    return replace(eis, signed=replace(eis.signed, octets=octets))


def _with_signature(signature: bytes) -> Eis:
    eis = make_eis()
    return replace(eis, signed=replace(eis.signed, signature=replace(eis.signed.signature, value=signature)))


def _ecasd(certificate: bytes) -> SecurityDomain:
    keyset = Keyset(version=ECASD_KEYSET, certificates=(EisCertificate(1, EUM_OID, certificate),))
    return SecurityDomain(aid=ECASD, role=SdRole.ECASD, keysets=(keyset,))


def _ecasd_without() -> SecurityDomain:
    return replace(_ecasd(b""), keysets=(Keyset(version=ECASD_KEYSET),))


def _ecasd_of(eid: Eid, validity: Validity = VALIDITY) -> SecurityDomain:
    everybody = world()
    key = everybody.ecasd_key.public_key
    return _ecasd(issue_ecasd(everybody.eum, eid, key, validity, entropy=SeededEntropy(b"e")).encoded)


def _signing_ecasd() -> SecurityDomain:
    """A certificate of the EUM for this EID whose key is for signatures."""
    everybody = world()
    subject = Subject(
        identifier=bytes(EID),
        public_key=everybody.ecasd_key.public_key,
        expiration=VALIDITY.end.date(),
        role=Role.SM_DP,
    )
    certificate = Certificate.issue(
        subject, serial_number(SeededEntropy(b"s")), everybody.eum.key, everybody.eum.ca_identifier
    )
    return _ecasd(certificate.encoded)


EXPIRED = Validity(VALIDITY.start, VALIDITY.start + timedelta(days=1))
KEY = SecretKey(bytes(16))
PROFILE = ProfileInfo(iccid=ICCID, isd_p_aid=Aid.isd_p(0x10), mno_id=MNO_OID, state=ProfileState.ENABLED)
SECOND = replace(PROFILE, iccid=ICCID.__class__.from_string("8988211000000123469"), isd_p_aid=Aid.isd_p(0x11))
FALL_BACKS = (replace(PROFILE, fall_back=True), replace(SECOND, fall_back=True, state=ProfileState.DISABLED))
ODD_POL2 = (Pol2Rule(Pol2Action.DELETE, Pol2Qualification.AUTO_DELETE),)

REFUSED: list[tuple[str, Callable[[], Eis], Code]] = [
    ("another EUM's key", lambda: _signed_by("another"), Code.EUM_CERTIFICATE),
    ("a byte changed", _changed_after_signing, Code.EUM_CERTIFICATE),
    ("no signature", lambda: _with_signature(b""), Code.EUM_CERTIFICATE),
    ("a signature of zeros", lambda: _with_signature(bytes(64)), Code.EUM_CERTIFICATE),
    ("another CI", lambda: make_eis(world("another")), Code.EUM_CERTIFICATE),
    ("the CI as EUM", lambda: _certificate_of(world().ci.der), Code.EUM_CERTIFICATE),
    ("an SM-DP as EUM", lambda: _certificate_of(_tls()), Code.EUM_CERTIFICATE),
    ("no certificate", lambda: _certificate_of(b""), Code.EUM_CERTIFICATE),
    ("expired EUM", lambda: _expired_eum(), Code.EUM_CERTIFICATE_EXPIRED),
    ("EID outside the EUM's digits", lambda: make_eis(eid=Eid.create("890440321234512345")), Code.EUM_CERTIFICATE),
    ("another EUM in the information", lambda: make_eis(eum_id=Oid("1.2.3")), Code.REQUESTER_NOT_ALLOWED),
    ("ECASD of another EID", lambda: make_eis(ecasd=_ecasd_of(Eid.create("89049032999"))), Code.ECASD_CERTIFICATE),
    ("ECASD of another EUM", lambda: make_eis(ecasd=_ecasd(world("another").ecasd.encoded)), Code.ECASD_CERTIFICATE),
    ("ECASD that signs", lambda: make_eis(ecasd=_signing_ecasd()), Code.ECASD_CERTIFICATE),
    ("ECASD expired", lambda: make_eis(ecasd=_ecasd_of(EID, EXPIRED)), Code.ECASD_CERTIFICATE_EXPIRED),
    ("ECASD certificate is none", lambda: make_eis(ecasd=_ecasd(b"\x7f\x21\x00")), Code.ECASD_CERTIFICATE),
    ("no ECASD certificate", lambda: make_eis(ecasd=_ecasd_without()), Code.ECASD_CERTIFICATE),
    ("more memory than there is", lambda: make_eis(remaining_memory=MEMORY + 1), Code.EIS_INVALID),
    ("negative memory", lambda: make_eis(remaining_memory=-1), Code.EIS_INVALID),
    ("ISD-R AID", lambda: make_eis(isd_r=SecurityDomain(aid=ECASD, role=SdRole.ISD_R)), Code.EIS_INVALID),
    ("ISD-R role", lambda: make_eis(isd_r=SecurityDomain(aid=ISD_R, role=SdRole.ECASD)), Code.EIS_INVALID),
    ("a KCV", lambda: make_eis(isd_r=_isd_r(EisKey(1, b"\x01\x02\x03", KEY))), Code.EIS_INVALID),
    ("a profile twice", lambda: make_eis(profiles=(PROFILE, PROFILE)), Code.EIS_INVALID),
    ("two enabled", lambda: make_eis(profiles=(PROFILE, SECOND)), Code.EIS_INVALID),
    ("two fall-back profiles", lambda: make_eis(profiles=FALL_BACKS), Code.EIS_INVALID),
    ("in creation", lambda: _with_profile(state=ProfileState.IN_CREATION), Code.EIS_INVALID),
    ("not an ISD-P", lambda: _with_profile(isd_p_aid=ISD_R), Code.EIS_INVALID),
    (
        "POL2",
        lambda: _with_profile(pol2=ODD_POL2),
        Code.POL2_INVALID,
    ),
]


def _isd_r(*keys: EisKey) -> SecurityDomain:
    return SecurityDomain(aid=ISD_R, role=SdRole.ISD_R, keysets=(Keyset(version=1, keys=keys),))


def _with_profile(**changes: object) -> Eis:
    return make_eis(profiles=(replace(PROFILE, **changes),))  # type: ignore[arg-type]


def _tls() -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return world().sm_dp.tls_certificate.public_bytes(Encoding.DER)


def _certificate_of(der: bytes) -> Eis:
    eis = make_eis()
    signature = replace(eis.signed.signature, signer=Signer(certificate=der))
    return replace(eis, signed=replace(eis.signed, signature=signature))


def _expired_eum() -> Eis:
    everybody = world()
    eum = issue_eum(everybody.ci, "Old EUM", EUM_OID, EXPIRED, entropy=SeededEntropy(b"old"))
    return make_eis(replace(everybody, eum=eum))


@pytest.mark.parametrize(
    "make, code", [(make, code) for _, make, code in REFUSED], ids=[name for name, _, _ in REFUSED]
)
def test_what_is_refused(make: Callable[[], Eis], code: Code) -> None:
    bench = Bench()
    response = bench.smsr.register_eis(RegisterEisRequest(call=Call(EUM_OID), eis=make()))
    assert response.status.status is Status.FAILED
    assert response.status.code == code.pair, response.status
    assert response.status.message
    assert list(bench.store) == []


def test_profiles_of_the_factory() -> None:
    bench = Bench()
    bench.register(make_eis(profiles=(replace(PROFILE, fall_back=True), replace(SECOND, state=ProfileState.DISABLED))))
    assert bench.store.owner_of(PROFILE.iccid) == EID
    other = world("second")
    eid = Eid.create("8904903277")
    ecasd = issue_ecasd(other.eum, eid, other.ecasd_key.public_key, VALIDITY, entropy=SeededEntropy(b"x"))
    bench2 = Bench(other)
    bench2.register(make_eis(other, eid=eid, ecasd=_ecasd(ecasd.encoded), profiles=(PROFILE,)))
    assert _register(bench2, make_eis(other, profiles=(PROFILE,))) == Code.ICCID_IN_USE.pair


# --- the codec


def test_octets_and_values_are_the_same() -> None:
    info = signed_info(world())
    octets = encode_signed_info(info)
    assert decode_signed_info(octets) == info
    assert encode_signed_info(decode_signed_info(octets)) == octets
    assert canonicalize(octets.decode()) == octets.decode()  # any other implementation says that it is canonical


def test_secret_keys_are_not_signed() -> None:
    domain = replace(_ecasd(b""), keysets=(Keyset(version=1, keys=(EisKey(1, KEY.kcv, KEY),)),))
    with pytest.raises(ValueError, match="no secret keys"):
        encode_signed_info(signed_info(world(), ecasd=domain))


def test_octets_cut_short() -> None:
    octets = encode_signed_info(signed_info(world()))
    for end in range(0, len(octets), 3):
        with pytest.raises(DecodeError):
            decode_signed_info(octets[:end])


@pytest.mark.parametrize(
    "old, new",
    [
        (b"Eid>8", b"Eid>9"),
        (b"Eid>8", b"Eid>x"),
        (b">paper<", b">" + b"x" * 101 + b"<"),
        (b"<rps:PlatformType>paper</rps:PlatformType>", b""),
        (b"<rps:PlatformType>", b"<rps:PlatformType>more</rps:PlatformType><rps:PlatformType>"),
        (b"<rps:PlatformType>", b"<rps:More></rps:More><rps:PlatformType>"),
        (b"<rps:PlatformType>", b'<rps:PlatformType Id="a">'),
        (b">paper<", b"><rps:Eid></rps:Eid>paper<"),
        (b"<rps:Ecasd>", b"<rps:Ecasd>text"),
        (b"2026-01-01T00:00:00Z", b"2026-01-01"),
        (b"2026-01-01T00:00:00Z", b"2026-13-01T00:00:00Z"),
        (b"2026-01-01T00:00:00Z", b"yesterday"),
        (b">ECASD<", b">ISD-R<"),
        (b">ECASD<", b">X<"),
        (b">116<", b">0<"),
        (b">116<", b">128<"),
        (b">116<", b">1.5<"),
        (b"Sin>42<", b"Sin>4<"),
        (b"Tar>000002<", b"Tar>0000<"),
        (b"CaId>1.", b"CaId>9."),
        (b"false", b"maybe"),
        (b"1.0.0", b"1.0"),
        (b">paper<", b">pap\xe9r<"),
        (b">paper<", b"><!--a-->paper<"),
        (b"esim-messaging/3", b"esim-messaging/1"),
        (b"<rps:Eid>", b"<rps:Eid >"),
    ],
)
def test_octets_that_say_something_else(old: bytes, new: bytes) -> None:
    octets = encode_signed_info(signed_info(world()))
    changed = octets.replace(old, new, 1)
    assert changed != octets
    with pytest.raises(DecodeError):
        decode_signed_info(changed)


@pytest.mark.parametrize(
    "octets",
    [b"", b"<", b"<a/>", b"<a></a>", b"<a>" * 5000, b"1" * 5000, bytes(70_000), b"x", b"<?xml version='1.0'?>"],
)
def test_octets_that_are_nothing(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_signed_info(octets)
