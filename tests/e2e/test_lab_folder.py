# SPDX-License-Identifier: Apache-2.0
"""The folder of a lab: what is in it, and folders that are none."""

from __future__ import annotations

import json
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apdu.ids import Eid, Iccid
from emulator.memory.image import ImageBackend
from emulator.memory.store import Memory
from smsr.api.eis_parts import ProfileState
from smsr.api.json_codec import decode
from smsr.api.messages import RegisterEisRequest
from smsr.api.transport_keys import has_wrapped_keys, unwrap_keys
from smsr.config import SmSrConfig, transport_keys
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.trust import ROLE_NAMES
from smsr.serving.config import load_config, parse_loopback, role_of
from tests.require import ROOT
from tests.support.smsc import wait_for
from tools.cards.serve import open_card
from tools.errors import ToolError
from tools.lab.create import create
from tools.lab.layout import Lab, open_lab
from tools.lab.ports import check_free
from tools.subscription import read_file, read_profile

_SECRET = ("*.keys", "*.key", "*.master", "*.transport", "*.der", "*.card", "lab.json", "eis/*.json")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    path = tmp_path_factory.mktemp("folder") / "lab"
    create(path, 2, 3)
    return open_lab(path)


def copied(lab: Lab, tmp_path: Path) -> Path:
    shutil.copytree(lab.path, tmp_path / "copy")
    return tmp_path / "copy"


def test_secrets_are_their_owners(lab: Lab) -> None:
    found = [path for pattern in _SECRET for path in lab.path.rglob(pattern)]
    assert len(found) > 20
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(lab.path.stat().st_mode) == 0o700


def test_cards_are_those_of_the_registrations(lab: Lab) -> None:
    """The EIS is signed by the EUM of the folder and its keys are the card's, under the transport key of the SM-SR."""
    config = load_config(lab.sm_sr, SmSrConfig)
    keys = transport_keys(config.partner, lab.path)
    trust = PkiFolder(lab.pki).trust()
    for entry in lab.file.cards:
        text = lab.registration(entry.eid).read_bytes()
        request = decode(RegisterEisRequest, text)
        eis = request.eis
        assert eis.eid == Eid.from_string(entry.eid)
        assert request.call.requester == lab.oid("eum") == eis.info.eum_id
        trust.verify_eum(eis.signed.certificate, time.time()).check_eid(eis.eid)
        assert has_wrapped_keys(eis)
        clear = unwrap_keys(eis, keys[lab.oid("eum")])
        values = [key.value for keyset in clear.isd_r.keysets for key in keyset.keys]
        assert len(values) == 5
        for value in values:
            assert value is not None
            assert value.reveal().hex().upper().encode() not in text
        with ImageBackend(lab.image(entry.eid)) as image:
            card = open_card(image, pytest.fail)
            assert card.registry.ecasd.eid == eis.eid
            held = [bytes(value) for _, value in Memory(image).items("isdr")]
            assert all(any(value.reveal() in each for each in held) for value in values if value is not None)
        (profile,) = eis.profiles
        assert (profile.state, profile.fall_back) == (ProfileState.ENABLED, True)
        package = read_profile(read_file(lab.factory(entry.iccid)))
        assert (package.iccid, package.imsi, package.msisdn) == (
            profile.iccid,
            profile.subscription.imsi,
            profile.subscription.msisdn,
        )


def test_stock_and_subscribers(lab: Lab) -> None:
    packages = [read_profile(read_file(path)) for path in lab.packages()]
    assert len({each.imsi for each in packages}) == 5
    assert len({each.msisdn for each in packages}) == 5
    for entry in lab.file.profiles:
        profile = read_profile(read_file(lab.stock(entry.iccid)))
        assert (profile.iccid, str(profile.imsi), profile.msisdn) == (
            Iccid.from_string(entry.iccid),
            entry.imsi,
            entry.msisdn,
        )


def test_configurations(lab: Lab) -> None:
    """Everybody is on this computer, on a port of their own, and is known to the others by certificate and address."""
    config = load_config(lab.sm_sr, SmSrConfig)
    assert config.ota is not None
    places = [
        parse_loopback(text, "")
        for text in (config.server.listen, config.server.plain, config.ota.listen, config.ota.smsc)
    ]
    assert len({place.port for place in places}) == 4
    roles = {Oid(each.oid): ROLE_NAMES[role_of(each)] for each in config.partner}
    wanted = {"eum": ROLE_EUM, "sm-dp": ROLE_SM_DP, "operator": ROLE_OPERATOR}
    assert roles == {lab.oid(name): ROLE_NAMES[role] for name, role in wanted.items()}
    (sm_sr,) = [each for each in load_config(lab.sm_dp, SmSrConfig).partner if each.role == "SM-SR"]
    assert (sm_sr.oid, sm_sr.url) == (lab.oid("sm-sr"), f"https://{config.server.listen}")
    assert role_of(sm_sr) == ROLE_SM_SR


def test_two_labs_have_nothing_in_common(lab: Lab, tmp_path: Path) -> None:
    create(tmp_path / "lab", 1, 1)
    other = open_lab(tmp_path / "lab")
    assert other.ports != lab.ports
    for name in ("smsr.master", "smdp.master", "eum.transport"):
        assert (other.path / name).read_bytes() != (lab.path / name).read_bytes()


@pytest.mark.parametrize("what", ["file", "full", "link", "nowhere"])
def test_places_where_no_lab_can_be(what: str, tmp_path: Path) -> None:
    path = tmp_path / "lab"
    if what == "file":
        path.write_text("mine")
    elif what == "full":
        path.mkdir()
        (path / "mine").touch()
    elif what == "link":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path = tmp_path / "no" / "such" / "folder"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((ToolError, OSError)):
        create(path, 1, 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_becomes_a_lab(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    create(tmp_path / "lab", 1, 0)
    assert open_lab(tmp_path / "lab").file.profiles == ()


_ENDLESS = """
import sys
import time
from pathlib import Path
from tools.lab.create import create
create(Path(sys.argv[1]), 100_000, 0)
"""


def test_killed_while_it_is_made_nothing_is_there_and_the_next_one_begins_anew(tmp_path: Path) -> None:
    path, draft = tmp_path / "lab", tmp_path / ".lab.new"
    with subprocess.Popen([sys.executable, "-c", _ENDLESS, str(path)], cwd=ROOT) as process:
        wait_for(lambda: len(list(draft.glob("cards/*.card"))) > 3, 30)
        with pytest.raises(ToolError, match="being made"):
            create(path, 1, 1)
        process.kill()
    assert not path.exists()
    with pytest.raises(ToolError, match="is no lab"):
        open_lab(path)
    create(path, 1, 1)
    assert len(open_lab(path).file.cards) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["lab"]


def test_every_part_that_is_missing_is_named(lab: Lab, tmp_path: Path) -> None:
    path = copied(lab, tmp_path)
    for part in list(open_lab(path).parts()):
        away = tmp_path / "away"
        part.rename(away)
        with pytest.raises(ToolError, match="not whole") as refused:
            open_lab(path)
        assert str(part.relative_to(path)) in str(refused.value)
        away.rename(part)
    open_lab(path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "\xff", '{"format": 1}', '{"format": 2}', "9" * 10_000, '{"ports": {"sm_sr": "x"}}']
)
def test_descriptions_that_cannot_be_read(text: str, lab: Lab, tmp_path: Path) -> None:
    path = copied(lab, tmp_path)
    (path / "lab.json").write_text(text, "latin-1")
    with pytest.raises(ToolError):
        open_lab(path)


def test_newer_labs_are_refused(lab: Lab, tmp_path: Path) -> None:
    path = copied(lab, tmp_path)
    found = json.loads((path / "lab.json").read_text())
    (path / "lab.json").write_text(json.dumps({**found, "format": 2}))
    with pytest.raises(ToolError, match="newer"):
        open_lab(path)


def test_a_port_that_somebody_has_is_named(lab: Lab) -> None:
    check_free(lab.ports)
    with socket.create_server(("127.0.0.1", lab.ports.sm_dp_plain)), pytest.raises(ToolError, match="sm-dp-plain"):
        check_free(lab.ports)
