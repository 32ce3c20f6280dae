# SPDX-License-Identifier: Apache-2.0
"""Preparing a profile: a package of the operator's type becomes the package of one subscriber (SGP.02 v4.2 3.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apdu.errors import DecodeError
from apdu.ids import Eid, Iccid
from apdu.profile.elements.element import ProfileElement
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.package import decode_package, encode_package
from apdu.profile.personalise import Personalisation, personalise
from smdp.installation import Order
from smsr.api.eis_parts import NO_SUBSCRIPTION, SubscriptionAddress
from smsr.kit.oid import Oid

__all__ = ["PreparedProfile", "prepare", "prepare_elements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedProfile:
    """A profile ready to be sent, and what the SM-SR is to know about it. The package holds keys: it is not shown."""

    iccid: Iccid
    package: bytes = field(repr=False)
    profile_type: str = ""
    elements: int = 0
    subscription: SubscriptionAddress = NO_SUBSCRIPTION

    def order(self, eid: Eid, mno_id: Oid, *, memory: int = 0) -> Order:
        """Send it to this card, for this operator."""
        return Order(
            eid=eid,
            iccid=self.iccid,
            mno_id=mno_id,
            package=self.package,
            profile_type=self.profile_type,
            subscription=self.subscription,
            memory=memory,
        )


def prepare(package: bytes, subscriber: Personalisation | None = None) -> PreparedProfile:
    """Read a package and put the subscriber into it; without one it stays as it is, byte for byte.

    DecodeError says which element of a broken package is wrong and where; EncodeError, that the package has no place
    for an identity.
    """
    elements = decode_package(package)
    if subscriber is None:
        return _prepared(elements, package, NO_SUBSCRIPTION)
    return prepare_elements(elements, subscriber)


def prepare_elements(elements: Sequence[ProfileElement], subscriber: Personalisation) -> PreparedProfile:
    """The same for a package that is not coded yet."""
    personal = personalise(elements, subscriber)
    address = SubscriptionAddress(subscriber.imsi, (subscriber.msisdn or "").removeprefix("+"))
    return _prepared(personal, encode_package(personal), address)


def _prepared(elements: Sequence[ProfileElement], package: bytes, subscription: SubscriptionAddress) -> PreparedProfile:
    header = elements[0] if elements else None
    if not isinstance(header, ProfileHeader):
        raise DecodeError("a profile package begins with its header", path=("package",))
    return PreparedProfile(
        iccid=Iccid(header.iccid),
        package=package,
        profile_type=header.profile_type or "",
        elements=len(elements),
        subscription=subscription,
    )
