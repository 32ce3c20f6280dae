# SPDX-License-Identifier: Apache-2.0
"""Keys for traces: what a key file may say, and what is said about one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from apdu.ids import ECASD, ISD_R, MNO_SD, Aid, Eid
from apdu.ota.admin import PskIdentity
from tools.cards.make import new_card
from tools.cli import main
from tools.errors import ToolError
from tools.trace.keys import load_keys

ENC, MAC, DEK = "00112233445566778899AABBCCDDEEFF", "11" * 16, "22" * 16
SET: Final = f'[[scp03]]\ndomain = "isd-r"\nkvn = "30"\nenc = "{ENC}"\nmac = "{MAC}"\ndek = "{DEK}"\n'


PACKETS: Final = f'[[scp80]]\ndomain = "isd-r"\nkvn = "01"\nkic = "{ENC}"\nkid = "{MAC}"\n'
EID: Final = "89001012012341234012345678901224"
PSK: Final = f'[[scp81]]\neid = "{EID}"\nkvn = "40"\nkid = "01"\npsk = "{ENC}"\n'


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "domain, aid",
    [
        ("isd-r", ISD_R),
        ("ISD-R", ISD_R),
        ("ecasd", ECASD),
        ("mno-sd", MNO_SD),
        ("isd-p 0010", Aid.isd_p(0x10)),
        ("tar 00ABCD", Aid.isd_p(0xABCD)),
        ("A000000151535041", Aid.from_string("A000000151535041")),
    ],
)
def test_a_domain_by_name_number_tar_or_aid(tmp_path: Path, domain: str, aid: Aid) -> None:
    ring = load_keys(written(tmp_path / "keys.toml", SET.replace("isd-r", domain)))
    (keys,) = ring
    assert keys.aid == aid
    assert keys.keys.kvn == 0x30
    assert [key.reveal().hex().upper() for key in (keys.keys.enc, keys.keys.mac, keys.keys.dek)] == [ENC, MAC, DEK]
    assert ENC not in repr(ring) + repr(keys)


@pytest.mark.parametrize("length", [16, 24, 32])
def test_keys_of_every_length(tmp_path: Path, length: int) -> None:
    text = SET
    for key in (ENC, MAC, DEK):
        text = text.replace(key, "07" * length)
    (keys,) = load_keys(written(tmp_path / "keys.toml", text))
    assert len(keys.keys.enc) == length


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "holds no keys: write [[scp03]]"),
        ("scp03 = 1", "scp03 is a list: write [[scp03]]"),
        ("[[scp99]]\n", "'scp99' is not a section of a key file: scp03"),
        ("not toml", "is not TOML"),
        (SET.replace('kvn = "30"\n', ""), "[[scp03]] number 1: kvn is missing"),
        (SET + SET + 'more = "1"\n', "[[scp03]] number 2: 'more' is not one of domain, kvn, enc, mac, dek"),
        (SET.replace('"30"', "30"), "kvn is text of hexadecimal digits, in quotes"),
        (SET.replace('"30"', '"3031"'), "kvn has two hexadecimal digits"),
        (SET.replace(ENC, ENC[:-2]), "enc: a AES key has 16 or 24 or 32 bytes, not 15"),
        (SET.replace(ENC, ENC[:-1] + "x"), "enc is text of hexadecimal digits"),
        (SET.replace(MAC, "11" * 24), "enc, mac and dek are of different lengths"),
        (SET.replace('"isd-r"', '"A0"'), "an AID has 5 to 16 bytes, not 1"),
        (SET.replace('"isd-r"', '"isd-x"'), "domain is text of hexadecimal digits"),
        (SET.replace('"isd-r"', '"isd-p 0001"'), "ISD-P number 0x0001 is outside"),
        (SET.replace('"isd-r"', '"tar B00000"'), "is not the TAR of an ISD-P"),
        (SET.replace('"isd-r"', "7"), "domain is text in quotes"),
        (PACKETS.replace(MAC, "11" * 24), "[[scp80]] number 1: kic and kid are of different lengths"),
        (PACKETS.replace("kic", "kix"), "[[scp80]] number 1: kic is missing"),
        (PSK.replace(EID, EID[:-1]), "[[scp81]] number 1: "),
        (PSK.replace(f'"{EID}"', "7"), "[[scp81]] number 1: eid is 32 digits, in quotes"),
        (PSK.replace("kid", "kix"), "[[scp81]] number 1: kid is missing"),
        (PSK.replace(ENC, ENC[:-2]), "psk: a TLS_PSK key has 16 or 24 or 32 bytes, not 15"),
        (PSK + 'identity = "x"\n', "[[scp81]] number 1: 'eid' is not one of identity, psk"),
        (f'[[scp81]]\nidentity = ""\npsk = "{ENC}"\n', "identity is text, in quotes"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_shows_no_key(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "keys.toml", text)
    with pytest.raises(ToolError) as caught:
        load_keys(path)
    message = str(caught.value)
    assert said in message
    assert str(path) in message
    assert "\n" not in message
    assert ENC[:-2] not in message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"SQLite format 3\0 and nothing else"])
def test_a_file_that_is_neither(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(ToolError, match=r"^[^\n]+$"):
        load_keys(path)
    assert path.read_bytes() == content


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ToolError, match="name a key file"):
            load_keys(path)


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "keys.toml", SET)
    load_keys(path)
    assert capsys.readouterr().err == ""
    path.chmod(0o644)
    load_keys(path)
    assert capsys.readouterr().err == f"warning: {path} holds keys and can be read by others: chmod 600 {path}\n"


def test_a_card_image_gives_its_keys_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "my.card"
    made = new_card(path, eid=None, lab=True, seed=1)
    before = path.read_bytes()
    (keys,) = load_keys(path)
    assert made.lab is not None
    assert (keys.aid, keys.keys) == (ISD_R, made.lab)
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"my.card", "my.card.pem"}


def test_an_image_in_use(tmp_path: Path) -> None:
    from emulator.memory.image import ImageBackend

    path = tmp_path / "my.card"
    new_card(path, eid=None, lab=True, seed=1)
    with ImageBackend(path), pytest.raises(ToolError, match="is in use by another process: stop that one first"):
        load_keys(path)


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("00A40004023F00\n9000\n")
    result = CliRunner().invoke(main, ["trace", "show", str(trace), "--keys", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "name a key file" in result.stderr


def test_keys_of_bearers(tmp_path: Path) -> None:
    named = f'[[scp81]]\nidentity = "someone"\npsk = "{MAC}"\n'
    ring = load_keys(written(tmp_path / "keys.toml", PACKETS + PSK + named))
    assert ring.over_the_air
    assert not list(ring)
    (packets,) = ring.packet_keys(1)
    assert (packets.aid, packets.keys.enc.reveal().hex().upper()) == (ISD_R, ENC)
    identity = PskIdentity(Eid.from_string(EID), ISD_R, 0x01, 0x40)
    for asked, key in ((str(identity), ENC), (str(identity).lower(), ENC), ("someone", MAC), ("nobody", None)):
        found = ring.preshared(asked)
        assert (None if found is None else found.reveal().hex().upper()) == key


def test_an_image_gives_the_keys_of_its_bearers(tmp_path: Path) -> None:
    card = tmp_path / "a.card"
    made = new_card(card, eid=None, lab=True, seed=1)
    ring = load_keys(card)
    assert [each.keys for each in ring.packet_keys(made.scp80.kvn)] == [made.scp80]
    kvn, psk, _ = made.scp81
    assert ring.preshared(str(PskIdentity(made.eid, ISD_R, 0x01, kvn))) == psk
