# SPDX-License-Identifier: Apache-2.0
"""Fuzzed profile packages, sent as an SM-DP sends them: refused without a trace, or installed and then good to use."""

from __future__ import annotations

from random import Random

import pytest

from apdu.channel.scp03t import Scp03tError
from apdu.errors import M2mError
from apdu.gp.codes import LifeCycle
from apdu.profile.package import split_package
from apdu.profile.response import EuiccResponse, Status
from emulator.device.link import VirtualLink
from emulator.device.modem import Modem
from smdp.scripts.download import Download, InstallationFailed, download_profile
from smsr.bearers.reader import ReaderBearer
from smsr.scripts.lifecycle import enable_profile
from tests.fuzz.generator import next_case
from tests.fuzz.runner import LEGAL
from tests.fuzz.stages import UICC, quiet_lab, recorded
from tests.fuzz.trees import Broken, Coding, Node, read_header
from tests.scale import count
from tests.support.flow import SECOND
from tests.support.lab import Lab
from tests.support.profile import subscriber

PACKAGES = count("fuzz_apdus") // 50
SEEDS = range(4)
ELEMENTS = [element.raw for element in split_package(subscriber(2).package)]


def read_der(data: bytes) -> list[Node]:
    """DER objects, opened where their tag says that they hold objects."""
    nodes = []
    at = 0
    while at < len(data):
        tag, length, start = read_header(data, at)
        at = start + length
        if at > len(data):
            raise Broken
        node = Node(Coding.BER, tag, data[start:at])
        if tag[0] & 0x20:
            node.children = read_der(node.value)
        nodes.append(node)
    return nodes


def nested(nodes: list[Node]) -> list[tuple[list[Node], int]]:
    """Every object below the top, by the list that it stands in and its place."""
    found = []
    stack = [node.children for node in nodes]
    while stack:
        siblings = stack.pop()
        for place, node in enumerate(siblings):
            found.append((siblings, place))
            stack.append(node.children)
    return found


def changed(random: Random) -> tuple[bytes, str, bool]:
    """A package, what was done to it, and whether it must be refused."""
    elements = list(ELEMENTS)
    at = random.randrange(len(elements))
    kind = random.randrange(9)
    if kind == 0 and at < len(elements) - 1:
        del elements[at + random.randrange(1, len(elements) - at) :]
        return b"".join(elements), f"ends after element {at}", True
    if kind == 1:
        package = b"".join(elements)
        cut = random.randrange(1, len(package))
        return package[:cut], f"cut after {cut} bytes", True
    if kind == 2:
        other = random.randrange(len(elements))
        elements[at], elements[other] = elements[other], elements[at]
        return b"".join(elements), f"elements {at} and {other} exchanged", False
    if kind == 3:
        elements.insert(at, random.choice(elements))
        return b"".join(elements), f"an element once more, before {at}", False
    tree = read_der(elements[at])
    places = nested(tree)
    if kind in (4, 5) and places:
        siblings, place = random.choice(places)
        node = siblings[place]
        rest = sum(len(each.encode()) for each in siblings[place + 1 :])
        size = len(node.content()) + rest + random.choice((1, 2, 200))
        node.lie = random.choice((b"\x80", b"\x84\xff\xff\xff\xff", _length(size), _length(size), _length(size)))
        elements[at] = b"".join(node.encode() for node in tree)
        return b"".join(elements), f"element {at}: {node.tag.hex()} has the length {node.lie.hex()}", True
    if kind in (6, 7) and places:
        siblings, place = random.choice(places)
        node = siblings[place]
        match random.randrange(4):
            case 0:
                del siblings[place]
            case 1:
                siblings.insert(place, node)
            case 2:
                node.children, node.value = [], b""
            case _:
                node.children, node.value = [], random.randbytes(random.randrange(20))
        elements[at] = b"".join(each.encode() for each in tree)
        return b"".join(elements), f"element {at}: {node.tag.hex()} was changed", False
    raw = bytearray(elements[at])
    for _ in range(random.choice((1, 1, 3))):
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    elements[at] = bytes(raw)
    return b"".join(elements), f"bits of element {at}", False


def _length(size: int) -> bytes:
    return bytes((size,)) if size < 0x80 else bytes((0x82,)) + size.to_bytes(2, "big")


def send(lab: Lab, package: bytes, random: Random) -> M2mError | None:
    """Download a package; what the SM-DP says to it."""
    bearer = ReaderBearer(lab.card, lab.keys, entropy=lab.entropy.fork("reader"), clock=lambda: 0.0)
    download = Download(
        isd_p=SECOND, keys=recorded().keys, package=package, segment=random.choice((1007, 1007, 500, 100)), batch=100
    )
    try:
        bearer.run_profile(download_profile(download, entropy=lab.entropy.fork("dp")))
    except M2mError as error:
        return error
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_fuzzed_packages(seed: int) -> None:
    random = Random(seed)
    lab = quiet_lab(lambda moment: None)
    installed = 0
    for number in range(PACKAGES // len(SEEDS)):
        package, what, must_fail = changed(random)
        where = f"seed {seed}, package {number}: {what}"
        lab.flash = recorded().media["download"].copy()
        before = lab.snapshot()
        lab.restart()
        error = send(lab, package, random)
        assert not lab.recorder.errors, f"{where}: {lab.recorder.errors!r}"
        if error is None:
            assert not must_fail, where
            assert lab.state_of(SECOND) is LifeCycle.DISABLED, where
            check_use(lab, random, where)
            installed += 1
            continue
        assert isinstance(error, (InstallationFailed, Scp03tError)), f"{where}: {error!r}"
        lab.restart()
        after = lab.snapshot()
        for key in ("isdr/ctr/30", "isdp/000013/ctr/30"):
            del after[key]
        assert after == {key: value for key, value in before.items() if key in after}, where
        assert subscriber(2).k not in lab.flash.contents(), where
    assert installed > 0


def check_use(lab: Lab, random: Random, where: str) -> None:
    """What was installed can be enabled, and the card lives with it."""
    bearer = ReaderBearer(lab.card, lab.keys, entropy=lab.entropy.fork("again"), clock=lambda: 0.0)
    bearer.run(enable_profile(SECOND))
    modem = Modem(VirtualLink(lab.card))
    assert modem.start(), where
    for select in ("00A40004023F00", "00A4040C07A0000000871002"):
        lab.send(select)
        for _ in range(10):
            answer = lab.card.transmit(next_case(UICC, random).raw)
            assert answer[-2] in LEGAL, where
    assert not lab.recorder.errors, f"{where}: {lab.recorder.errors!r}"


def test_a_refusal_says_why() -> None:
    """EUICCResponse of an element whose contents are cut: a status, and the installation aborted (SAIP 8.11)."""
    lab = quiet_lab(lambda moment: None)
    lab.flash = recorded().media["download"].copy()
    lab.restart()
    elements = list(ELEMENTS)
    tree = read_der(elements[4])
    siblings, place = nested(tree)[-1]
    siblings[place].lie = b"\x7f"
    elements[4] = tree[0].encode()
    error = send(lab, b"".join(elements), Random(0))
    assert isinstance(error, InstallationFailed)
    response = error.response
    assert isinstance(response, EuiccResponse)
    assert response.aborted
    assert response.statuses[-1].status != Status.OK
