# SPDX-License-Identifier: Apache-2.0
"""ES8.EstablishISDPKeySet on the card: key agreement scenario #3 between an SM-DP and an ISD-P (SGP.02 v4.2 4.1.3.1).

The ECASD's services are used in between: it verifies the SM-DP's certificate with the CI's key, and its own private
key makes the shared secret. The random challenge lives in the STORE DATA chain: it goes with it, and is used once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.command.status import SW
from apdu.errors import DecodeError, LocalProtocolError, SecurityError
from apdu.gp.codes import KVN_SCP03
from apdu.gp.sgp02 import Dgi
from apdu.ids import Aid
from apdu.keys.agreement import (
    Agreement,
    AgreementCard,
    ControlReference,
    DomainIdentity,
    KeyUsage,
    Options,
    challenge_response,
)
from apdu.keys.certificate import Certificate, Role, check_signer
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.secret import KeyType
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.sd.keyring import KeyRing, scp03_record
from emulator.sd.lifecycle import Event, next_state
from emulator.sd.records import IsdPRecord
from emulator.sd.registry import isd_p_prefix
from emulator.sd.store import StoreState

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["receive_key_establishment"]

_RC_LENGTH: Final = 16
"""(U) 16 or 32, the card's choice."""
_FIRST_KID: Final = 1
_SECOND_COMMAND: Final = (Dgi.KEY_ESTABLISHMENT, Dgi.EPHEMERAL_KEY, Dgi.SIGNATURE)


def receive_key_establishment(channel: Channel, aid: Aid, state: StoreState, *, last: bool) -> bytes:
    """Take what a block completed: the certificate is answered with RC, the three groupings after it with a receipt."""
    tags = tuple(group.tag for group in state.groups)
    if tags == (Dgi.CERTIFICATE,):
        certificate = state.groups[0].value
        state.clear()
        return _challenge(channel.card, aid, state, certificate)
    if tags == _SECOND_COMMAND:
        payload = state.raw
        state.clear()
        return _agree(channel.card, aid, state, payload)
    if tags and not any(allowed[: len(tags)] == tags for allowed in ((Dgi.CERTIFICATE,), _SECOND_COMMAND)):
        unknown = tags[0] not in (Dgi.CERTIFICATE, Dgi.KEY_ESTABLISHMENT)
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND if unknown else SW.WRONG_DATA)
    if last:
        raise CardError(SW.WRONG_DATA)
    return b""


def _challenge(card: Card, aid: Aid, state: StoreState, data: bytes) -> bytes:
    """3A01: verify the certificate, keep its key, draw RC."""
    state.agreement = None
    next_state(card.registry.require(aid).state, Event.ESTABLISH_KEY_SET)
    ecasd = card.registry.ecasd
    curve = Curve(ecasd.curve)
    try:
        certificate = Certificate.parse(data, curve)
        ci = PublicKey.from_point(ecasd.ca_public_key, curve)
        signer = check_signer(certificate, ci, ecasd.ca_identifier, Role.SM_DP)
    except (DecodeError, SecurityError):
        raise CardError(SW.WRONG_DATA) from None
    rc = card.entropy.draw(_RC_LENGTH)
    state.agreement = AgreementCard(signer, rc)
    return challenge_response(rc)


def _agree(card: Card, aid: Aid, state: StoreState, payload: bytes) -> bytes:
    """3A02: verify the signature over it and RC, make the keys, answer with the receipt."""
    agreement, state.agreement = state.agreement, None
    if agreement is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    record = card.registry.require(aid)
    ecasd = card.registry.ecasd
    key = PrivateKey.from_bytes(ecasd.private_key, Curve(ecasd.curve))
    try:
        agreed, answer = agreement.agree(payload, key, card.entropy, _identity(card, record))
    except (DecodeError, SecurityError):
        raise CardError(SW.WRONG_DATA) from None
    except LocalProtocolError:
        raise CardError(SW.CONDITIONS_OF_USE) from None
    _store(card, record, agreed)
    return answer


def _identity(card: Card, record: IsdPRecord) -> DomainIdentity:
    """SIN and SDIN of the ISD-P; until it has its own, those of the ISD-R that created it."""
    isd_r = card.registry.isd_r
    return DomainIdentity(record.sin or isd_r.sin, record.sdin or isd_r.sdin)


def _store(card: Card, record: IsdPRecord, agreed: Agreement) -> None:
    control = agreed.control
    _require_scp03(control)
    state = next_state(record.state, Event.ESTABLISH_KEY_SET)
    assert state is not None
    ring = KeyRing(card.memory, isd_p_prefix(record.aid))
    if control.options & Options.DELETE_EXISTING_KEYS:
        for known in ring.records():
            if known.kvn in KVN_SCP03:
                ring.remove(known.kvn)
    ring.put(scp03_record(agreed.key_set, access=control.access or 0x00), counter=control.counter)
    card.registry.set_state(record, state)


def _require_scp03(control: ControlReference) -> None:
    """An ISD-P's first key set is for SCP03: three AES keys from KID 01, KVN 30 to 3F."""
    three_aes = control.usage is KeyUsage.THREE_KEYS and control.key_type is KeyType.AES
    if not three_aes or control.key_version not in KVN_SCP03 or control.key_identifier != _FIRST_KID:
        raise CardError(SW.WRONG_DATA)
    if control.counter > 0xFFFFFF:
        raise CardError(SW.WRONG_DATA)
