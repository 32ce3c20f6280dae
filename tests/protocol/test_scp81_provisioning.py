# SPDX-License-Identifier: Apache-2.0
"""The project's own scripts over the card's HTTPS sessions: from nothing to a profile, notified and confirmed."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from apdu.cat.codes import CommandType
from apdu.command import CommandApdu, ResponseApdu
from apdu.gp.codes import LifeCycle
from apdu.gp.sgp02 import Notification
from apdu.ids import ISD_R, Aid
from apdu.keys.certificate import Certificate
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet
from apdu.ota.addressing import https_addressing
from apdu.ota.admin import targeted
from apdu.ota.remote import Chaining, Item, Tag, build_script, command_item, parse_response_script
from apdu.ota.trigger import HttpParameters, SessionParameters, Trigger
from apdu.script import Batch, Done, Run
from emulator.factory.eum import Bootstrap
from smdp.scripts.download import Download, download_profile
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.scripts.audit import isd_p_states
from smsr.scripts.lifecycle import create_isdp, enable_profile
from tests.protocol.https_bench import CONNECTION, Posted, Served, no_content, ok, trigger
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab
from tests.support.profile import subscriber

FIRST, SECOND = Aid.isd_p(0x10), Aid.isd_p(0x13)
Work = Generator[tuple[Aid, tuple[Item, ...]], bytes, None]


def commands(run: Run[CommandApdu, ResponseApdu, Any], into: list[Any]) -> Work:
    """A script of commands as a chain of remote scripts."""
    step = run.start()
    place = Chaining.FIRST
    while not isinstance(step, Done):
        chain = Item(Tag.CHAINING, bytes((place,)))
        raw = yield step.target, (chain, *(command_item(command.encode()) for command in step.commands))
        step = run.feed([ResponseApdu(one[:-2], int.from_bytes(one[-2:], "big")) for one in _said(raw)])
        place = Chaining.MORE
    into.append(step.result)


def _said(raw: bytes) -> Sequence[bytes]:
    return parse_response_script(raw).responses


def tlvs(run: Run[bytes, bytes, Any], into: list[Any]) -> Work:
    """A script of SCP03t TLVs."""
    step: Batch[bytes] | Done[Any] = run.start()
    while not isinstance(step, Done):
        items = tuple(Item(one[0], _content(one)) for one in step.commands)
        raw = yield step.target, items
        step = run.feed(parse_response_script(raw).tlvs)
    into.append(step.result)


def _content(tlv: bytes) -> bytes:
    size = tlv[1]
    return tlv[2:] if size < 0x80 else tlv[2 + (size & 0x7F) :]


def procedure(lab: Lab, into: list[Any]) -> Iterator[Work]:
    """Everything, one script after the other."""
    entropy = SeededEntropy(b"provisioning")
    yield commands(Run(create_isdp(SECOND, 0x4000)), into)
    certificate = Certificate.parse(lab.made.certificate)
    request = KeyEstablishment(
        isd_p=SECOND, certificate=lab.certificate(), signer=lab.dp, card_key=certificate.public_key
    )
    yield commands(Run(establish_isdp_keyset(request, entropy=entropy.fork("ephemeral"))), into)
    keys = into[-1]
    assert isinstance(keys, KeySet)
    download = Download(isd_p=SECOND, keys=keys, package=subscriber(2).package)
    yield tlvs(Run(download_profile(download, entropy=entropy.fork("challenge"))), into)
    yield commands(Run(isd_p_states(SECOND)), into)
    yield commands(Run(enable_profile(SECOND)), into)


def conversation(works: Iterator[Work]) -> Generator[tuple[Aid, tuple[Item, ...]], bytes, None]:
    """A batch for each answer, as long as there are scripts."""
    for work in works:
        batch = next(work)
        while True:
            said = yield batch
            try:
                batch = work.send(said)
            except StopIteration:
                break


class Server:
    """Steps the scripts, a batch in each answer; then says that this is all."""

    def __init__(self, works: Iterator[Work]) -> None:
        self._talk = conversation(works)
        self._number = 0

    def __call__(self, posted: Posted) -> bytes:
        try:
            target, items = next(self._talk) if posted.body is None else self._talk.send(posted.body)
        except StopIteration:
            return no_content()
        self._number += 1
        more = () if target == ISD_R else (f"X-Admin-Targeted-Application: {targeted(target)}",)
        return ok(build_script(items, indefinite=True), f"/{self._number}", *more)


def test_cc_81_09_provisioning_over_https_down_to_the_confirmation(make_lab: MakeLab) -> None:
    stored = Trigger(session=SessionParameters(connection=CONNECTION, http=HttpParameters(host="sm-sr", uri="/notify")))
    lab = make_lab(bootstrap=Bootstrap(subscriber(1).package, FIRST), addressing=(https_addressing(stored),))
    results: list[Any] = []
    served = Served(lab, Server(procedure(lab, results)))
    served.trigger(trigger())
    assert len(results) == 5
    assert LifeCycle(results[3][0].state) is LifeCycle.DISABLED
    assert lab.state_of(SECOND) is LifeCycle.ENABLED
    kinds = [command.details.type for command in served.terminal.asked]
    assert kinds[-2:] == [CommandType.CLOSE_CHANNEL, CommandType.REFRESH]
    assert len(served.connections) == 1

    served.reply = Server(iter([commands(Run(_confirm()), results)]))
    lab.card.reset()
    served.terminal.power_up()
    served.terminal.locate()
    first = served.connections[1].posted[0].target
    notification = Notification.from_tlv(bytes.fromhex(first.removeprefix("/notify?msg=")))
    assert (notification.type, notification.aid, notification.sequence) == (2, SECOND, 0)
    assert results[-1] == 0x9000
    assert lab.card.registry.notification is None
    assert lab.card.profile is not None
    assert lab.card.profile.aid == SECOND


def _confirm() -> Generator[Batch[CommandApdu], Sequence[ResponseApdu], int]:
    (said,) = yield Batch(ISD_R, (CommandApdu.parse(bytes.fromhex("80E28900073A08044E02000000")),))
    return said.sw
