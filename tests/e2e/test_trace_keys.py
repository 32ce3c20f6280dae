# SPDX-License-Identifier: Apache-2.0
"""Traces of whole runs with the keys of their card, with other keys, and without any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from apdu.keys.secret import KeySet, KeyType, SecretKey
from apdu.profile.elements.authentication import AlgoParameter, PeAkaParameter
from apdu.profile.elements.codes import PePinCodes, PePukCodes
from apdu.profile.elements.domains import PeSecurityDomain
from apdu.profile.package import decode_package
from apdu.trace.decode import Entry, Severity, decode
from apdu.trace.events import AnyEvent, BearerEvent, ChannelEvent, FunctionEvent, LinkEvent
from apdu.trace.jsonl import read_lines
from apdu.trace.redact import Redactor
from apdu.trace.sources import Damage
from apdu.trace.unwrap import DomainKeys, KeyRing, unwrap
from apdu.trace.unwrap.keys import PresharedKey
from emulator.device.link import CardLink
from emulator.memory.image import ImageBackend
from tests.e2e.runner import run_json
from tests.require import profile_paths
from tests.support.flow import Flow, flow_lab
from tools.cli import main
from tools.trace.keys import load_keys


class Run(NamedTuple):
    """One run of the demo."""

    card: Path
    trace: Path

    def events(self, *, bare: bool) -> list[AnyEvent]:
        """Its events; bare: without those that the ends recorded."""
        with self.trace.open(encoding="ascii") as file:
            return [event for event in read_lines(file) if not (bare and isinstance(event, ChannelEvent))]

    def package(self) -> bytes:
        """The profile that it installed."""
        with ImageBackend(self.card) as image:
            (package,) = [value for key, value in image.items("isdp/") if key.endswith("/pkg")]
        return package


def demo(folder: Path, *arguments: object, bearer: str = "reader") -> Run:
    run = Run(folder / "my.card", folder / "trace.jsonl")
    run_json("--seed", 4, "--bearer", bearer, "--card", run.card, "--trace", run.trace, *arguments)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return demo(tmp_path_factory.mktemp("demo"))


def entries(events: list[AnyEvent], ring: KeyRing) -> Iterator[Entry]:
    redactor = Redactor()
    return decode(redactor.redact(event) for event in unwrap(events, ring) if not isinstance(event, Damage))


def bad(events: list[AnyEvent], ring: KeyRing) -> list[str]:
    """Findings above a note."""
    return [
        f"{entry.number} {entry.summary}: {found.text}"
        for entry in entries(events, ring)
        for found in entry.findings
        if found.severity is not Severity.NOTE
    ]


def verdicts(events: list[AnyEvent], ring: KeyRing) -> set[Any]:
    return {event.extra.get("verified") for event in unwrap(events, ring) if isinstance(event, ChannelEvent)}


def wrong(ring: KeyRing, kid: int) -> KeyRing:
    """The same sets with one key that is another."""
    sets = []
    for each in ring:
        keys = [each.keys.enc, each.keys.mac, each.keys.dek]
        keys[kid] = SecretKey(bytes(len(keys[kid])))
        sets.append(DomainKeys(each.aid, KeySet(each.keys.kvn, *keys)))
    return KeyRing(sets)


@pytest.mark.parametrize("bare", [True, False])
def test_the_right_keys_find_nothing_and_the_wrong_ones_do(run: Run, bare: bool) -> None:
    events, ring = run.events(bare=bare), load_keys(run.card)
    assert bad(events, ring) == []
    assert verdicts(events, ring) == {True}
    for kid in (0, 1):
        assert bad(events, wrong(ring, kid))
    assert bad(events, KeyRing()) == []


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return demo(tmp_path_factory.mktemp("https"), bearer="https")


def derived(event: AnyEvent) -> bool:
    return bool(getattr(event, "extra", {}).get("followed"))


def test_over_https_the_keys_of_the_card_open_everything(https: Run) -> None:
    events, ring = https.events(bare=True), load_keys(https.card)
    link = [event for event in events if not derived(event)]
    for trace in (events, link):
        assert bad(trace, ring) == []
        assert verdicts(trace, ring) == {True}
        told = (event for event in unwrap(trace, ring) if isinstance(event, FunctionEvent))
        elements = [event.name for event in told if event.layer == "profile"]
        assert "header" in elements
        assert "end" in elements
    without = {event.extra.get("verified") for event in unwrap(link) if isinstance(event, BearerEvent)}
    assert without == {None}
    assert verdicts(link, KeyRing()) == set()


def test_over_https_another_key_opens_nothing(https: Run) -> None:
    link = [event for event in https.events(bare=True) if not derived(event)]
    eid = load_keys(https.card)._preshared[0].eid
    other = KeyRing(preshared=[PresharedKey(SecretKey(bytes(16), KeyType.TLS_PSK), eid, 0x40, 0x01)])
    found = bad(link, other)
    assert found
    assert all("it has another key" in each for each in found)
    assert not [event for event in unwrap(link, other) if getattr(event, "layer", "") == "http"]


def test_with_keys_a_bare_trace_holds_what_the_ends_recorded(run: Run) -> None:
    def sides(bare: bool) -> list[tuple[object, ...]]:
        return [
            (event.layer, event.target, event.protected, event.plain, event.response_plain)
            for event in unwrap(run.events(bare=bare), load_keys(run.card))
            if isinstance(event, ChannelEvent)
        ]

    assert sides(True) == sides(False)


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_packages_of_others(tmp_path: Path, path: Path) -> None:
    run = demo(tmp_path, "--profile", path)
    ring = load_keys(run.card)
    for bare in (True, False):
        assert bad(run.events(bare=bare), ring) == []
        assert verdicts(run.events(bare=bare), ring) == {True}
    assert names(run, ring) == [*kinds(path.read_bytes()), "installation"]


def kinds(package: bytes) -> list[str]:
    from apdu.profile.elements.element import element_kind

    return [element_kind(element) for element in decode_package(package)]


def names(run: Run, ring: KeyRing) -> list[str]:
    events = unwrap(run.events(bare=True), ring)
    return [event.name for event in events if isinstance(event, FunctionEvent) and event.layer == "profile"]


def test_the_elements_of_the_profile_are_told_and_how_it_ended(run: Run) -> None:
    ring = load_keys(run.card)
    assert names(run, ring) == [*kinds(run.package()), "installation"]
    told = [event for event in unwrap(run.events(bare=True), ring) if isinstance(event, FunctionEvent)]
    last = next(event for event in told if event.name == "installation")
    assert (last.outcome, last.fields["statuses"]) == ("ok", ("ok",))
    without = unwrap(run.events(bare=True), ring, elements=False)
    assert not [event for event in without if isinstance(event, FunctionEvent) and event.layer == "profile"]


def secrets(package: bytes) -> Iterator[bytes]:
    """Every key and code of a package."""
    for element in decode_package(package):
        if isinstance(element, PeAkaParameter) and isinstance(element.configuration, AlgoParameter):
            yield from (element.configuration.key, element.configuration.opc)
        elif isinstance(element, (PePinCodes, PePukCodes)) and isinstance(element.codes, tuple):
            yield from (each.code for each in element.codes)
        elif isinstance(element, PeSecurityDomain):
            yield from (part.data for key in element.keys or () for part in key.components)


@pytest.mark.parametrize("arguments", [["--layer", "all"], ["--json"]])
def test_no_key_is_shown(run: Run, arguments: list[str]) -> None:
    shown = CliRunner().invoke(main, ["trace", "show", str(run.trace), "--keys", str(run.card), *arguments])
    assert shown.exit_code == 0
    assert "does not verify" not in shown.stdout
    found = re.sub(r"[^0-9A-F]", "", shown.stdout.upper())
    values = [value for value in secrets(run.package()) if len(set(value)) > 1]
    assert len(values) > 10
    for each in load_keys(run.card):
        values += [each.keys.enc.reveal(), each.keys.mac.reveal(), each.keys.dek.reveal()]
    for value in values:
        assert value.hex().upper() not in found
        text = value.rstrip(b"\xff")
        assert len(text) < 8 or not text.isascii() or text.decode() not in shown.stdout


class Recorded:
    """A link that keeps its events."""

    def __init__(self, link: CardLink) -> None:
        self._link = link
        self.events: list[AnyEvent] = []

    def transmit(self, command: bytes) -> bytes:
        self._keep("command", command)
        answer = self._link.transmit(command)
        self._keep("response", answer)
        return answer

    def reset(self) -> bytes:
        atr = self._link.reset()
        self._keep("atr", atr)
        return atr

    def _keep(self, kind: str, data: bytes) -> None:
        self.events.append(LinkEvent(time=len(self.events), side="reader", kind=kind, data=data))


def test_a_life_of_two_profiles_breaks_no_rule() -> None:
    """Wrong PINs, writing, disabling and deleting among it."""
    flow = Flow(flow_lab())
    link = Recorded(flow.link)
    flow.link = link  # type: ignore[assignment]
    flow.run()
    assert flow.keys is not None
    ring = KeyRing([DomainKeys(bytes.fromhex("A0000005591010FFFFFFFF8900000100"), flow.lab.keys)])
    assert bad(link.events, ring) == []
    assert True in verdicts(link.events, ring)
    assert False not in verdicts(link.events, ring)


@pytest.mark.parametrize(
    "command", ["card info", "fs tree", "gp list", "gp info --aid mno-sd", "profile list"], ids=lambda text: text[:12]
)
def test_commands_at_a_reader_break_no_rule(run: Run, tmp_path: Path, command: str) -> None:
    ring = load_keys(run.card)
    keys = next(iter(ring)).keys
    trace = tmp_path / "trace.jsonl"
    key = ":".join(each.reveal().hex() for each in (keys.enc, keys.mac, keys.dek))
    arguments = [*command.split(), "-r", f"virtual:{run.card}", "--trace-file", str(trace)]
    said = CliRunner(env={"EUICC_KEY": key}).invoke(main, arguments)
    assert said.exit_code == 0, said.output
    events = Run(run.card, trace).events(bare=True)
    assert len(events) > 5
    assert bad(events, ring) == []
    assert verdicts(events, ring) <= {True}
