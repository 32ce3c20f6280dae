# SPDX-License-Identifier: Apache-2.0
"""A server in a process of its own, for as long as its standard input is open.

    python -c "from tools.bench.servers.child import main; main()" '{"server": "sm-sr", "lab": "/tmp/lab"}'

It says when it is ready, in one line of JSON, and on each line that it gets how many seconds of CPU it has used.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import insert, select

from apdu.ids import Eid, Iccid
from emulator.memory.journal import JournalBackend
from smdp.config import SmDpConfig
from smdp.profiles.store import StoredProfile, content_hash
from smdp.service import SmDpService
from smsr.api.eis import Eis
from smsr.api.eis_parts import SubscriptionAddress
from smsr.api.functions import FUNCTIONS
from smsr.api.messages import RegisterEisRequest, Response
from smsr.api.transport_keys import unwrap_keys
from smsr.config import SmSrConfig
from smsr.db.eis import key_place
from smsr.db.tables import EIS, EIS_KEY, EIS_PROFILE
from smsr.kit.sealer import Sealer
from smsr.service import SmSrService
from smsr.serving.config import PartnerConfig, ServerConfig, load_config
from smsr.serving.logs import log_to
from tools.entropy import SystemEntropy
from tools.errors import ToolError
from tools.lab.factory import CardFactory
from tools.lab.layout import PROFILE_TYPE, Lab, open_lab
from tools.pki import ISSUER_DIGITS, make_eid
from tools.servers.inreach import CardInReach
from tools.servers.run import settle
from tools.subscription import draw_profile

__all__ = ["Order", "eid_of", "main"]

_UNLIMITED: Final = 1_000_000
"""Requests a second, and calls: what a server does is measured, not what it refuses."""
_BATCH: Final = 500
_REGISTER: Final = next(each for each in FUNCTIONS if each.name == "RegisterEIS")


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the process is to be."""

    server: str
    """sm-sr or sm-dp."""
    lab: str
    database: str = ""
    """Another one than its configuration says."""
    binding: str = "json"
    """Of all partners."""
    cards: int = 0
    """Cards in its reach, in RAM, and registered."""
    sets: int = 0
    """EIS of cards that do not exist."""
    profiles: int = 0
    """In stock."""
    cpu: int | None = None
    """The processor that it runs on, if not on any."""


def eid_of(number: int) -> Eid:
    """The card of an EIS that does not exist."""
    return Eid.create(f"{ISSUER_DIGITS}{number:0{30 - len(ISSUER_DIGITS)}d}")


def main() -> None:
    """Serve."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    if order.cpu is not None:
        os.sched_setaffinity(0, {order.cpu})
    log_to(sys.stderr, logging.WARNING)
    lab = open_lab(Path(order.lab))
    eids: list[str] = []
    if order.server == "sm-sr":
        sm_sr = _sm_sr(lab, order)
        eids = [str(eid) for eid in _cards(lab, sm_sr, order.cards)]
        _fill(lab, sm_sr, order.sets)
        service: SmSrService | SmDpService = sm_sr
    else:
        service = _sm_dp(lab, order)
    service.start()
    settle()
    try:
        print(json.dumps(eids), flush=True)
        for _ in sys.stdin:
            print(json.dumps(time.process_time()), flush=True)
    finally:  # also when nobody reads any more
        service.stop()


def _changed(server: ServerConfig, order: Order) -> ServerConfig:
    database = order.database or server.database
    return msgspec.structs.replace(server, database=database, rate=_UNLIMITED, max_queue=_UNLIMITED)


def _partners(partners: tuple[PartnerConfig, ...], order: Order) -> tuple[PartnerConfig, ...]:
    return tuple(msgspec.structs.replace(each, binding=order.binding) for each in partners)


# --- the SM-SR


def _sm_sr(lab: Lab, order: Order) -> SmSrService:
    config = load_config(lab.sm_sr, SmSrConfig)
    server, partner = _changed(config.server, order), _partners(config.partner, order)
    return SmSrService(SmSrConfig(server=server, partner=partner), lab.path, SystemEntropy())


def _cards(lab: Lab, service: SmSrService, count: int) -> Iterator[Eid]:
    entropy = SystemEntropy()
    factory = CardFactory(lab, entropy)
    for _ in range(count):
        eid, backend = make_eid(entropy), JournalBackend()
        made = factory.make(eid, backend)
        service.reach.attach(eid, CardInReach(backend, made.keys, entropy).bearer)
        _register(service, made.registration)
        yield eid


def _register(service: SmSrService, request: RegisterEisRequest) -> None:
    response = service.engine.call(_REGISTER, request)
    assert isinstance(response, Response)
    response.check("ES1.RegisterEIS")


def _fill(lab: Lab, service: SmSrService, count: int) -> None:
    """One card's EIS for many cards that do not exist: the rows of the first one, with other digits in them.

    They are read as all others are, and each key is sealed for its place; but the EUM has signed the first one only,
    which GetEIS does not look at: an EIS is verified when it is registered.
    """
    if not count:
        return
    factory, database, first = CardFactory(lab, SystemEntropy()), service.host.database, eid_of(count)
    eis = unwrap_keys(factory.make(first, JournalBackend()).registration.eis, factory.transport)
    with database.unit() as connection:
        service.stores.eis.add(eis)
        row = dict(connection.execute(select(EIS)).mappings().one())
    octets = _base64(eis.signed.octets)
    sealer = service.host.sealer()
    for begin in range(0, count, _BATCH):
        numbers = range(begin, min(begin + _BATCH, count))
        with database.unit() as connection:
            for table, rows in (
                (EIS, [_copied(row, eis, octets, number) for number in numbers]),
                (EIS_PROFILE, [{"eid": str(eid_of(number)), "iccid": str(_iccid(number))} for number in numbers]),
                (EIS_KEY, [key for number in numbers for key in _keys(eis, sealer, eid_of(number))]),
            ):
                connection.execute(insert(table), rows)
    found = service.stores.eis.get(eid_of(count - 1))
    assert found is not None
    assert (found.eid, found.isd_r) == (eid_of(count - 1), eis.isd_r)


def _copied(row: dict[str, object], eis: Eis, octets: str, number: int) -> dict[str, object]:
    eid = str(eid_of(number))
    signed = _base64(eis.signed.octets.replace(str(eis.eid).encode(), eid.encode()))
    document = str(row["document"]).replace(octets, signed)
    return {**row, "eid": eid, "document": document.replace(str(eis.profiles[0].iccid), str(_iccid(number)))}


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _iccid(number: int) -> Iccid:
    return Iccid.from_string(f"8900101{number:013d}")


def _keys(eis: Eis, sealer: Sealer, eid: Eid) -> Iterator[dict[str, object]]:
    for keyset in eis.isd_r.keysets:
        for key in keyset.keys:
            assert key.value is not None
            place = (keyset.version, key.index, int(key.value.type))
            sealed = sealer.seal(key.value.reveal(), key_place(eid, place))
            yield {"eid": str(eid), **dict(zip(("kvn", "kid", "type"), place, strict=True)), "sealed": sealed}


# --- the SM-DP


def _sm_dp(lab: Lab, order: Order) -> SmDpService:
    config = load_config(lab.sm_dp, SmDpConfig)
    server, partner = _changed(config.server, order), _partners(config.partner, order)
    service = SmDpService(SmDpConfig(server=server, partner=partner), lab.path, SystemEntropy())
    with service.host.database.unit():
        for _ in range(order.profiles):
            _stock(service, lab)
    return service


def _stock(service: SmDpService, lab: Lab) -> None:
    drawn = draw_profile(SystemEntropy())
    stored = StoredProfile(
        iccid=drawn.iccid,
        mno_id=lab.oid("operator"),
        content=content_hash(drawn.package),
        profile_type=PROFILE_TYPE,
        subscription=SubscriptionAddress(drawn.imsi, drawn.msisdn or ""),
    )
    if not service.profiles.add(stored, drawn.package):
        raise ToolError(f"profile {drawn.iccid} was drawn twice")
