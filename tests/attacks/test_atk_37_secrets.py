# SPDX-License-Identifier: Apache-2.0
"""ATK-37: whatever the servers write, say and keep while they work at DEBUG level, no secret is in it."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from apdu.errors import M2mError
from apdu.ids import Aid, Eid
from apdu.keys.secret import SecretKey
from smdp.api import messages as es2
from smdp.config import SmDpConfig
from smdp.db.stores import SqlKeyStore
from smdp.service import SmDpService
from smsr.api import messages as es4
from smsr.api.eis import Eis
from smsr.api.json_codec import decode, encode
from smsr.api.messages import RegisterEisRequest
from smsr.api.transport_keys import unwrap_keys, wrap_keys
from smsr.config import SmSrConfig, transport_keys
from smsr.kit.folder import PkiFolder
from smsr.kit.tls import LiveTrust, client_context
from smsr.service import SmSrService
from smsr.serving.config import load_config
from smsr.serving.connections import Connections
from smsr.serving.logs import JsonFormatter
from tests.faults.killed_servers import Caller, hearing
from tests.require import softhsm_path
from tests.support.scanner import FORMS, Scanner
from tests.support.smsc import Smsc, wait_for
from tests.support.softhsm import PIN, SECRETS, softhsm
from tools.cli import main
from tools.entropy import SystemEntropy
from tools.lab.create import create
from tools.lab.fill import fill_stock, register_cards
from tools.lab.layout import HOST, PROFILE_TYPE, Lab, open_lab
from tools.servers.inreach import CardInReach
from tools.subscription import read_file, read_profile

CARDS: Final = 3
PASSPHRASE, PASSWORD = "correct horse 7 battery", "sK9x!q2z"
_VARIABLES: Final = {"ATK37_PASSPHRASE": PASSPHRASE, "ATK37_PASSWORD": PASSWORD}


@dataclass
class Said:
    """Everything that left the servers, by where it was found."""

    lab: Lab
    scanner: Scanner
    parts: dict[str, bytes] = field(default_factory=dict)


# --- what is secret


def _scalars(lab: Lab) -> Iterator[tuple[str, bytes]]:
    for path in sorted(lab.pki.rglob("*.key")):
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        yield str(path.relative_to(lab.pki)), key.private_numbers().private_value.to_bytes(32, "big")


def _secrets(lab: Lab) -> dict[str, bytes]:
    """Before the keys are put under a passphrase."""
    found = dict(_scalars(lab))
    (transport,) = transport_keys(load_config(lab.sm_sr, SmSrConfig).partner, lab.path).values()
    found["transport key"] = transport.reveal()
    for name in ("smsr.master", "smdp.master"):
        found[name] = bytes.fromhex((lab.path / name).read_text("ascii"))
    for package in lab.packages():
        for number, value in enumerate(read_profile(read_file(package)).secrets):
            found[f"{package.stem}/{number}"] = value
    for card in lab.file.cards:
        for number, key in enumerate(_keys(_registration(lab, card.eid), transport)):
            found[f"{card.eid}/{number}"] = key.reveal()
        for number, text in enumerate(lab.image(card.eid).with_suffix(".keys").read_text("ascii").strip().split(":")):
            found[f"{card.eid}/reader {number}"] = bytes.fromhex(text)
    return {**found, "passphrase": PASSPHRASE.encode(), "password": PASSWORD.encode()}


def _registration(lab: Lab, eid: str) -> RegisterEisRequest:
    return decode(RegisterEisRequest, lab.registration(eid).read_bytes())


def _keys(request: RegisterEisRequest, transport: SecretKey) -> list[SecretKey]:
    return _values(unwrap_keys(request.eis, transport))


def _values(eis: Eis) -> list[SecretKey]:
    return [key.value for keyset in eis.isd_r.keysets for key in keyset.keys if key.value is not None]


def _protect(lab: Lab) -> None:
    """The servers' keys under a passphrase; a password for the SMSC."""
    for name in ("sm-sr", "sm-dp"):
        for path in (lab.pki / name).rglob("*.key"):
            key = load_pem_private_key(path.read_bytes(), None)
            way = BestAvailableEncryption(PASSPHRASE.encode())
            path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, way))
    for path in (lab.sm_sr, lab.sm_dp):
        text = path.read_text("utf-8").replace("[server]\n", '[server]\npassphrase_env = "ATK37_PASSPHRASE"\n')
        path.write_text(text.replace("[ota]\n", '[ota]\npassword_env = "ATK37_PASSWORD"\n'), "utf-8")


# --- what is said


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """Cards registered, profiles downloaded, enabled, disabled, deleted, audited; and much that is refused."""
    path = tmp_path_factory.mktemp("atk37") / "lab"
    create(path, CARDS, CARDS)
    lab = open_lab(path)
    secrets = _secrets(lab)
    _protect(lab)
    log = io.StringIO()
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in _VARIABLES.items():
            environment.setenv(name, value)
        stack.enter_context(_debug(log))
        smsc = stack.enter_context(Smsc(lab.ports.smsc))
        fill_stock(lab)
        sm_sr, sm_dp = _servers(lab, stack)
        caller = stack.enter_context(hearing(lab))
        parts = _work(lab, caller, sm_sr)
        for eid, isd_p, kvn in _key_sets(lab):
            keys = SqlKeyStore(sm_dp.host.database, sm_dp.host.sealer()).get(eid, isd_p, kvn)
            assert keys is not None
            secrets |= {f"{eid}/{isd_p}/{name}": getattr(keys, name).reveal() for name in ("enc", "mac", "dek")}
        parts["repr"] = _reprs(lab, sm_sr, sm_dp).encode()
        parts["files of the databases"] = b"".join(each.read_bytes() for each in sorted(path.glob("*.db*")))
        parts["smsc"] = "\n".join(smsc.said).encode()
    parts["log"] = log.getvalue().encode()
    parts["rows of the databases"] = b"\n".join(_rows(lab))
    parts["operator"] = (path / "operator.jsonl").read_bytes()
    return Said(lab, Scanner(secrets), parts)


class _debug:
    """Everything of every logger, with its arguments as they are."""

    def __init__(self, stream: io.StringIO) -> None:
        self._handler = logging.StreamHandler(stream)
        self._handler.setFormatter(JsonFormatter())
        self._arguments = logging.StreamHandler(stream)
        self._arguments.setFormatter(_Arguments())
        self._levels: dict[logging.Logger, int] = {}

    def __enter__(self) -> None:
        root = logging.getLogger()
        names = ("", "smsr", "smdp", "sqlalchemy.engine", "sqlalchemy.pool", "urllib3", "asyncio", "uvicorn")
        for name in names:
            logger = logging.getLogger(name)
            self._levels[logger] = logger.level
            logger.setLevel(logging.DEBUG)
        root.addHandler(self._handler)
        root.addHandler(self._arguments)

    def __exit__(self, *_: object) -> None:
        for logger, level in self._levels.items():
            logger.setLevel(level)
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().removeHandler(self._arguments)


class _Arguments(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return repr(record.__dict__)


def _servers(lab: Lab, stack: ExitStack) -> tuple[SmSrService, SmDpService]:
    entropy = SystemEntropy()
    sm_sr = SmSrService(load_config(lab.sm_sr, SmSrConfig), lab.path, entropy)
    stack.callback(sm_sr.stop)
    for card in lab.file.cards:
        held = CardInReach.from_image(lab.image(card.eid), entropy)
        stack.callback(held.close)
        sm_sr.reach.attach(Eid.from_string(card.eid), held.bearer)
    sm_dp = SmDpService(load_config(lab.sm_dp, SmDpConfig), lab.path, entropy)
    stack.callback(sm_dp.stop)
    sm_sr.start()
    sm_dp.start()
    air = sm_sr.air
    assert air is not None
    wait_for(lambda: air.bound)
    return sm_sr, sm_dp


def _work(lab: Lab, caller: Caller, sm_sr: SmSrService) -> dict[str, bytes]:
    register_cards(lab, lambda: None)
    answers = []
    for number, card in enumerate(lab.file.cards):
        eid, name = Eid.from_string(card.eid), f"atk37-{number}"
        download = es2.DownloadProfileRequest(
            call=caller.head(name),
            eid=eid,
            smsr_id=lab.oid("sm-sr"),
            profile_type=PROFILE_TYPE,
            enable_profile=True,
        )
        done = caller.do("ES2.DownloadProfile", download)
        assert isinstance(done, es2.DownloadProfileResponse)
        assert done.status.is_success, done
        assert done.iccid is not None
        answers += [done, caller.do("ES4.AuditEIS", es4.AuditEisRequest(call=caller.head(f"{name}-audit"), eid=eid))]
        answers.append(caller.do("ES4.GetEIS", es4.GetEisRequest(call=caller.head(f"{name}-eis"), eid=eid)))
        if not number:
            request = es2.ProfileRequest(
                call=caller.head(f"{name}-delete"), eid=eid, iccid=done.iccid, smsr_id=lab.oid("sm-sr")
            )
            answers.append(caller.do("ES2.DeleteProfile", request))
    wait_for(lambda: sm_sr.stores.eis.get(eid) is not None)
    parts = {"answers": b"\n".join(encode(each) for each in answers)}
    parts["refusals"], parts["pages"] = _refusals(lab), _pages(lab)
    parts["status"] = CliRunner().invoke(main, ["status", str(lab.path), "--json"]).output.encode()
    return parts


def _connections(lab: Lab, name: str) -> Connections:
    folder = PkiFolder(lab.pki)
    context = client_context(folder, name, time.time())
    return Connections(context, LiveTrust(folder, context).current)


def _refusals(lab: Lab) -> bytes:
    """An EUM's requests with keys in clear, damaged, in wrong places: the answers."""
    (transport,) = transport_keys(load_config(lab.sm_sr, SmSrConfig).partner, lab.path).values()
    good = _registration(lab, lab.file.cards[0].eid)
    clear = unwrap_keys(good.eis, transport)
    key = _values(clear)[0].reveal()
    other = wrap_keys(clear, SecretKey(bytes(range(16))))
    body = json.loads(encode(replace(good, call=replace(good.call, identifier="other"), eis=other)))
    bodies = [encode(replace(good, call=replace(good.call, identifier=""), eis=other)), json.dumps(body).encode()]
    for place in ("eis", "more", "validity_period"):
        for value in (key.hex(), key.hex().upper(), {"key": key.hex()}, list(key)):
            bodies.append(json.dumps({**body, place: value}).encode())
    bodies += [b'{"eis": "' + key.hex().encode(), key, json.dumps({key.hex(): 1}).encode()]
    with_key = json.loads(json.dumps(body))
    with_key["eis"]["isd_r"]["keysets"][0]["keys"][0]["value"] = key.hex().upper()
    bodies.append(json.dumps(with_key).encode())
    connections = _connections(lab, "eum")
    answers = []
    for interface, kind in (
        ("es1", "application/json"),
        ("es3", "application/json"),
        ("soap/es1", "application/soap+xml"),
    ):
        path = interface if "soap" in interface else f"{interface}/RegisterEIS"
        url = f"https://{HOST}:{lab.ports.sm_sr}/{path}"
        for each in bodies:
            reply = connections.send(lab.oid("sm-sr"), "POST", url, {"Content-Type": kind}, each)
            assert interface != "es1" or b"SUCCESS" not in reply.body
            answers.append(str(reply.status).encode() + reply.body)
    connections.close()
    assert len(set(answers)) > 8
    return b"\n".join(answers)


def _pages(lab: Lab) -> bytes:
    connections = _connections(lab, "operator")
    found = []
    for name, port in (("sm-sr", lab.ports.sm_sr), ("sm-dp", lab.ports.sm_dp)):
        for page in ("metrics", "openapi.json", "docs", "health/live", "health/ready", "operations/none"):
            found.append(connections.send(lab.oid(name), "GET", f"https://{HOST}:{port}/{page}", {}, None).body)
    connections.close()
    assert b"openapi" in b"".join(found)
    return b"\n".join(found)


def _reprs(lab: Lab, sm_sr: SmSrService, sm_dp: SmDpService) -> str:
    """What somebody sees who prints any of it."""
    found: list[object] = [sm_sr.host.config, sm_dp.host.config, sm_sr.host.database, sm_dp.host.database]
    for card in lab.file.cards:
        registration = _registration(lab, card.eid)
        eis = sm_sr.stores.eis.get(Eid.from_string(card.eid))
        assert eis is not None
        assert _values(eis)
        found += [eis, registration, *_values(eis)]
    found += [*sm_dp.profiles, sm_sr, sm_dp, sm_sr.host, sm_dp.host, sm_sr.air, sm_sr.engine, sm_dp.engine]
    found += [vars(each) for each in (sm_sr, sm_dp, sm_sr.host, sm_dp.host)]
    return "\n".join(map(repr, found))


def _key_sets(lab: Lab) -> list[tuple[Eid, Aid, int]]:
    with sqlite3.connect(lab.path / "smdp.db") as database:
        rows = database.execute("SELECT DISTINCT eid, isd_p, kvn FROM key_set").fetchall()
    assert len(rows) == CARDS - 1
    return [(Eid.from_string(eid), Aid.from_string(isd_p), kvn) for eid, isd_p, kvn in rows]


def _rows(lab: Lab) -> Iterator[bytes]:
    """Each value whole: in a file it may lie in parts."""
    for path in sorted(lab.path.glob("*.db")):
        with sqlite3.connect(path) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    yield from (each if isinstance(each, bytes) else str(each).encode() for each in row)


# --- the tests


def test_atk_37_no_secret_leaves_the_servers(said: Said) -> None:
    assert len(said.scanner.secrets) > 60
    assert {name: found for name, data in said.parts.items() if (found := said.scanner.find(data))} == {}


def test_atk_37_what_is_looked_through_is_what_was_said(said: Said) -> None:
    parts = said.parts
    for words in (b"ES2.DownloadProfile", b"INSERT INTO", b"connectionpool", b"RegisterEIS"):
        assert words in parts["log"]
    assert b"Ciphertext" not in parts["refusals"]
    for card in said.lab.file.cards:
        assert all(card.eid.encode() in parts[name] for name in ("log", "rows of the databases"))
        assert card.eid.encode() in parts["files of the databases"]
    assert min(map(len, parts.values())) > 20


@pytest.mark.parametrize("form", FORMS)
def test_atk_37_a_leak_is_found(said: Said, form: str) -> None:
    """Of any secret, in any form, with anything around it."""
    for name, value in said.scanner.secrets.items():
        for text in FORMS[form](value):
            for around in (b"", b"x", b"ab"):
                found = said.scanner.find(around + text + around)
                assert any(each.startswith(f"{name}, ") for each in found), (name, text)


def test_atk_37_the_token_s_pin_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    softhsm()
    monkeypatch.setenv("ATK37_PIN", PIN)
    create(tmp_path / "lab", 1, 1)
    lab, log = open_lab(tmp_path / "lab"), io.StringIO()
    token = f'token = "{softhsm_path()}"\ntoken_label = "{SECRETS}"\ntoken_pin_env = "ATK37_PIN"\n'
    lab.sm_dp.write_text(lab.sm_dp.read_text("utf-8").replace("[server]\n", f"[server]\n{token}"), "utf-8")
    with _debug(log):
        config = load_config(lab.sm_dp, SmDpConfig)
        service = SmDpService(config, lab.path, SystemEntropy())
        service.start()
        seen = repr([config, service, service.host, service.host._token])
        service.stop()
        monkeypatch.setenv("ATK37_PIN", wrong := "11112222")
        with pytest.raises(M2mError) as refused:
            SmDpService(config, lab.path, SystemEntropy())
    text = (log.getvalue() + seen + repr(refused.value)).encode()
    assert b"ServerConfig(name=" in text
    assert Scanner({"PIN": PIN.encode(), "wrong PIN": f"{wrong}".encode()}).find(text) == []
