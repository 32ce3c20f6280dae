# SPDX-License-Identifier: Apache-2.0
"""ES8.EstablishISDPKeySet: the first key set of an ISD-P, by key agreement scenario #3 (SGP.02 v4.2 4.1.3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apdu.gp.codes import ISD_P_KVN
from apdu.gp.install import InstallForPersonalization
from apdu.gp.store_data import MAX_BLOCK_SCP03, StoreDataMode, Structure, store_data
from apdu.ids import ISD_R, Aid
from apdu.keys.agreement import (
    AgreementHost,
    ControlReference,
    KeyUsage,
    Options,
    certificate_command,
    read_challenge_response,
)
from apdu.keys.certificate import Certificate
from apdu.keys.ec import PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet, KeyType
from apdu.script import ApduScript
from smsr.kit.steps import confirm, expect, send

__all__ = ["KeyEstablishment", "establish_isdp_keyset"]

FUNCTION: Final = "ES8.EstablishISDPKeySet"
_GOES_ON: Final = StoreDataMode(Structure.DGI, last=False, response=True)
_ENDS: Final = StoreDataMode(Structure.DGI, last=True, response=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEstablishment:
    """Who agrees keys with which ISD-P, and what for."""

    isd_p: Aid
    certificate: Certificate
    """CERT.DP.ECDSA."""
    signer: PrivateKey
    """SK.DP.ECDSA."""
    card_key: PublicKey
    """PK.ECASD.ECKA, from a certificate that was verified."""
    kvn: int = ISD_P_KVN
    key_length: int = 16
    options: Options = Options.CERTIFICATE_VERIFICATION | Options.DELETE_EXISTING_KEYS
    sdin: bytes | None = None
    host_id: bytes | None = None
    sin: bytes = b""

    def control(self) -> ControlReference:
        """The CRT: three keys for SCP03, from KID 01."""
        return ControlReference(
            options=self.options,
            usage=KeyUsage.THREE_KEYS,
            key_type=KeyType.AES,
            key_length=self.key_length,
            key_identifier=0x01,
            key_version=self.kvn,
            sdin=self.sdin,
            host_id=self.host_id,
        )


def establish_isdp_keyset(
    request: KeyEstablishment, *, entropy: Entropy, block_size: int = MAX_BLOCK_SCP03
) -> ApduScript[KeySet]:
    """Agree the keys; SecurityError when the card's receipt does not prove that it has them too.

    Two batches, because the signature covers the challenge that answers the first. Both belong to one chain of STORE
    DATA: the ISD-R forwards until its last block. The blocks are small enough for any bearer.
    """
    certificate = store_data(certificate_command(request.certificate), _GOES_ON, size=block_size)
    install = InstallForPersonalization(application=request.isd_p).command()
    installed, *answers = yield from send(ISD_R, (install, *certificate), FUNCTION)
    confirm(installed, f"{FUNCTION}, INSTALL [for personalization]")
    challenge = read_challenge_response(expect(answers[-1], f"{FUNCTION}, certificate"))
    host = AgreementHost(
        request.control(),
        signer=request.signer,
        ephemeral=PrivateKey.from_entropy(entropy, request.card_key.curve),
        card_key=request.card_key,
        sin=request.sin,
    )
    agreement = store_data(host.command(challenge), _ENDS, first=len(certificate), size=block_size)
    answers = list((yield from send(ISD_R, agreement, FUNCTION)))
    return host.accept(expect(answers[-1], f"{FUNCTION}, key agreement")).key_set
