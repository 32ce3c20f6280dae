# SPDX-License-Identifier: Apache-2.0
"""`euicc smdp stock`: profile packages into the SM-DP's database, and what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from apdu.errors import DecodeError
from smdp.config import SmDpConfig
from smdp.profiles.store import ProfileStore, StoredProfile, content_hash
from smdp.service import open_stock
from smsr.api.eis_parts import SubscriptionAddress
from smsr.kit.oid import Oid
from smsr.serving.config import load_config
from tools.entropy import SystemEntropy
from tools.errors import ToolError
from tools.subscription import PreparedProfile, read_file, read_profile

__all__ = ["add", "show"]


def add(path: Path, packages: Sequence[Path], *, owner: str, profile_type: str, memory: int) -> list[str]:
    """All of them or none; a line each."""
    try:
        mno_id = Oid(owner)
    except DecodeError as error:
        raise ToolError(f"--owner {owner}: {error.message}") from None
    prepared = [(each, read_profile(read_file(each))) for each in packages]
    lines: list[str] = []
    with open_stock(load_config(path, SmDpConfig), path.absolute().parent, SystemEntropy()) as stock:
        for file, profile in prepared:
            stored = StoredProfile(
                iccid=profile.iccid,
                mno_id=mno_id,
                content=content_hash(profile.package),
                profile_type=profile_type,
                memory=memory,
                subscription=_subscription(profile),
            )
            if not stock.add(stored, profile.package):
                raise ToolError(f"{file}: profile {profile.iccid} is in the stock already; nothing was added")
            lines.append(f"{profile.iccid}  {profile.name}, {len(profile.package)} bytes")
    return lines


def _subscription(profile: PreparedProfile) -> SubscriptionAddress:
    return SubscriptionAddress(profile.imsi, profile.msisdn or "")


def show(path: Path, *, as_json: bool) -> Iterator[str]:
    """A line each; as JSON one document."""
    with open_stock(load_config(path, SmDpConfig), path.absolute().parent, SystemEntropy()) as stock:
        if as_json:
            yield json.dumps([_row(each) for each in stock], indent=2)
        else:
            yield from _lines(stock)


def _lines(stock: ProfileStore) -> Iterator[str]:
    for each in stock:
        where = f"  {each.eid}" if each.eid is not None else ""
        yield f"{each.iccid}  {each.state:<10}  {each.mno_id}  {each.profile_type}{where}"


def _row(profile: StoredProfile) -> dict[str, str]:
    return {
        "iccid": str(profile.iccid),
        "state": profile.state.value,
        "owner": str(profile.mno_id),
        "profile_type": profile.profile_type,
        "eid": str(profile.eid or ""),
        "content": profile.content,
    }
