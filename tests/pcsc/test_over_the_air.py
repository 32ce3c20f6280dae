# SPDX-License-Identifier: Apache-2.0
"""A card behind pcscd, provisioned over HTTPS: the device works on a connection of PC/SC and on sockets."""

from __future__ import annotations

import pytest

from apdu.gp.codes import LifeCycle
from emulator.card import Card
from emulator.device.link import CardLink, PyscardLink
from smdp.server import Order
from smsr.api.eis_parts import SubscriptionAddress
from smsr.ota.carrier import Way
from tests.pcsc.conftest import Insert
from tools.air import Air
from tools.entropy import Source
from tools.pki import make_eum, make_parties
from tools.rig import make_live_station, make_servers, number_of, reach_by_air, register
from tools.subscription import draw_profile


@pytest.mark.parametrize("way", [Way.HTTPS, Way.SMS])
def test_a_profile_over_the_air_into_a_card_that_pcscd_has(insert: Insert, way: Way) -> None:
    source = Source(3)
    parties = make_parties(source.entropy("PKI"), source.clock())
    servers = make_servers(parties, source)
    first, second = (draw_profile(source.entropy(name)) for name in ("first", "second"))
    cards: list[Card] = []

    def connect(card: Card) -> CardLink:
        cards.append(card)
        return PyscardLink(insert(card).connect())

    air = Air(servers.store, source, way)
    try:
        station = make_live_station(make_eum(parties, source.entropy("EUM")), source, connect, air, first)
        register(servers, station, source.clock)
        reach_by_air(servers, station, air)
        air.wait(lambda: air.ota.notifications.confirmed(station.eid) == 1)
        air.subscribe(second, number_of(second))
        order = Order(
            eid=station.eid,
            iccid=second.iccid,
            mno_id=parties.operator,
            package=second.package,
            subscription=SubscriptionAddress(second.imsi, number_of(second).number),
        )
        servers.sm_dp.install(order)
        servers.sm_dp.enable(station.eid, second.iccid)
        assert air.number == number_of(second)
        assert [notification.sequence for notification in air.notifications] == [0, 1]
        states = {str(record.aid): record.state for record in cards[0].registry.isd_ps()}
        assert list(states.values()) == [LifeCycle.DISABLED, LifeCycle.ENABLED]
    finally:
        air.close()
