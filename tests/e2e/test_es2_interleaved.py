# SPDX-License-Identifier: Apache-2.0
"""Two operations of an operator on one card at once, their ES3 calls in any order, the SM-DP interrupted in between.

The SM-SR does one call at a time. Whatever the order: each operation has one answer, the EIS is what the card says, the
stock is what the EIS says, and no profile is lost or there twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import pytest

from apdu.errors import M2mError
from smdp.profiles.store import StockState
from smsr.api.eis_parts import ProfileState
from smsr.api.messages import Request, Response
from smsr.api.status import Status
from smsr.serving.procedure import Interrupted, Procedure, Step
from tests.e2e.world import EID
from tests.scale import count
from tests.support.download import Site, prepared
from tests.support.smdp import about, call, download, rules, said

FIRST, SECOND = prepared(1).iccid, prepared(2).iccid

Make = Callable[[str], tuple[str, Request]]
OPERATIONS: dict[str, Make] = {
    "download": lambda name: ("DownloadProfile", download(EID, FIRST, call=call(identifier=name), enable_profile=True)),
    "download of the type": lambda name: (
        "DownloadProfile",
        download(EID, profile_type="meter", call=call(identifier=name)),
    ),
    "enable": lambda name: ("EnableProfile", about(EID, SECOND, call(identifier=name))),
    "disable": lambda name: ("DisableProfile", about(EID, SECOND, call(identifier=name))),
    "delete": lambda name: ("DeleteProfile", about(EID, SECOND, call(identifier=name))),
    "delete of what is downloaded": lambda name: ("DeleteProfile", about(EID, FIRST, call(identifier=name))),
    "rules": lambda name: ("UpdatePolicyRules", rules(EID, SECOND, (), call=call(identifier=name))),
}
PAIRS = list(combinations_with_replacement(OPERATIONS, 2))


@dataclass
class _Call:
    """One operation under way."""

    site: Site
    name: str
    request: Request
    procedure: Procedure[Response] | None = None
    step: Step | None = None
    response: Response | None = None

    def go_on(self, crash: bool) -> None:
        """One step, or an interruption at it."""
        try:
            if self.procedure is None:
                at = Interrupted(self.step.name, self.step.note) if self.step is not None else None
                self.procedure = self.site.dp.start(self.name, self.request, at)
                self.step = next(self.procedure)
                return
            assert self.step is not None
            try:
                result = self.site.dp.do(self.step)
            except M2mError as error:
                self.step = self.procedure.throw(error)
                return
            if crash:
                self.procedure.close()
                self.procedure = None
                return
            self.step = self.procedure.send(result)
        except StopIteration as stop:
            self.response = stop.value


def _check(site: Site, answers: list[Response]) -> None:
    profiles = site.found()
    assert len({each.iccid for each in profiles}) == len(profiles)
    assert sum(each.state is ProfileState.ENABLED for each in profiles) <= 1
    assert all(each.state in (ProfileState.ENABLED, ProfileState.DISABLED) for each in profiles)
    on_card = {each.iccid: each.isd_p_aid for each in profiles}
    for stock in site.dp.profiles:
        assert stock.operation == ""
        assert (stock.state is StockState.DOWNLOADED) == (stock.iccid in on_card)
        assert stock.isd_p == on_card.get(stock.iccid)
    assert len(site.card.card.reset()) > 0
    assert all(answer.status.status is not Status.EXPIRED for answer in answers)


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
@pytest.mark.parametrize("seed", range(count("es2_interleavings")))
def test_two_operations_at_once(pair: tuple[str, str], seed: int) -> None:
    source = random.Random(f"{pair} {seed}")
    site = Site(3)
    assert site.dp.call("DownloadProfile", download(EID, SECOND, call=call(identifier="before"))).status.is_success
    calls = [_Call(site, *OPERATIONS[name](f"call-{number}")) for number, name in enumerate(pair)]
    crashes = source.choice((0.0, 0.15))
    while open_calls := [each for each in calls if each.response is None]:
        source.choice(open_calls).go_on(source.random() < crashes)
    answers = [each.response for each in calls if each.response is not None]
    _check(site, answers)
    if "download" in pair and pair.count("delete of what is downloaded") == 1:
        done = [said(answer.status) for answer in answers]
        assert done[pair.index("download")] in ("EXECUTED_SUCCESS", "EXECUTED_WITHWARNING 8.2.1/3.9"), done
