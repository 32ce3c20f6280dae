# SPDX-License-Identifier: Apache-2.0
"""Keys in a PKCS#11 token, SoftHSM 2: what they sign, openssl verifies; and they do not come out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from apdu.errors import SecurityError
from apdu.keys.certificate import Role
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.entropy import SeededEntropy
from smsr.kit.crl import Revocation, issue_crl
from smsr.kit.keys import FileKeys, KeyStore
from smsr.kit.oid import Oid
from smsr.kit.pki import Validity, issue_ci, issue_server
from smsr.kit.sealer import derive_master_key
from smsr.kit.trust import Trust
from tests.require import require, softhsm_path
from tests.support.softhsm import FOLDER, LAB, PIN, softhsm

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VALIDITY = Validity(NOW - timedelta(days=1), NOW + timedelta(days=30))
CURVES = [Curve.P256, Curve.BRAINPOOL_P256R1]

require("softhsm")
from smsr.kit.token import TokenError, TokenKeys  # noqa: E402  # needs python-pkcs11


@pytest.fixture(scope="module")
def token() -> Iterator[TokenKeys]:
    """A token of this module's own."""
    softhsm()
    with TokenKeys(softhsm_path(), LAB, PIN) as keys:
        yield keys


def openssl(*arguments: object) -> str:
    require("openssl")
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("curve", CURVES)
def test_openssl_verifies_what_the_token_signs(token: TokenKeys, tmp_path: Path, curve: Curve) -> None:
    key = token.create(f"signs/{curve.name}", curve)
    public = key.public_key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public").write_bytes(public)
    (tmp_path / "message").write_bytes(b"a message")
    (tmp_path / "signature").write_bytes(key.sign_der(b"a message"))
    command = ("dgst", "-sha256", "-verify", tmp_path / "public", "-signature", tmp_path / "signature")
    assert openssl(*command, tmp_path / "message").strip() == "Verified OK"
    (tmp_path / "message").write_bytes(b"another message")
    assert "Verification failure" in openssl(*command, tmp_path / "message")
    key.public_key.verify(key.sign(b"raw"), b"raw")
    assert len(key.sign(b"raw")) == 64


@pytest.mark.parametrize("curve", CURVES)
def test_agreement_gives_what_openssl_gets(token: TokenKeys, tmp_path: Path, curve: Curve) -> None:
    key, peer = token.create(f"agrees/{curve.name}", curve), PrivateKey.from_entropy(SeededEntropy(b"peer"), curve)
    pem = peer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "peer").write_bytes(pem)
    public = key.public_key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public").write_bytes(public)
    openssl("pkeyutl", "-derive", "-inkey", tmp_path / "peer", "-peerkey", tmp_path / "public", "-out", tmp_path / "z")
    assert key.ecdh(peer.public_key) == (tmp_path / "z").read_bytes()


def test_a_ci_in_a_token(token: TokenKeys, tmp_path: Path) -> None:
    """Certificates of both forms and lists are signed in the token."""
    entropy = SeededEntropy(b"ci")
    ci = issue_ci("CI", Oid("2.999.10.1"), VALIDITY, entropy=entropy, key=token.create("ci/1/x509"))
    key = token.create("sm-sr/1/card")
    server = issue_server(ci, Role.SM_SR, "SM-SR", Oid("2.999.10.4"), VALIDITY, entropy=entropy, key=key)
    crl = issue_crl(ci, [Revocation(server.tls_certificate.serial_number, NOW)], 1, VALIDITY)
    for name, made in (("ci", ci.certificate), ("tls", server.tls_certificate), ("crl", crl.crl)):
        (tmp_path / name).write_bytes(made.public_bytes(Encoding.PEM))
    verify = ("verify", "-x509_strict", "-attime", int(NOW.timestamp()), "-CAfile", tmp_path / "ci")
    assert openssl(*verify, tmp_path / "tls").strip().endswith("OK")
    assert "certificate revoked" in openssl(*verify, "-crl_check", "-CRLfile", tmp_path / "crl", tmp_path / "tls")
    trust = Trust.of([ci.certificate], [crl])
    assert trust.verify_card_format(server.certificate, Role.SM_SR, NOW.timestamp()) == key.public_key


def test_keys_stay_in_the_token(token: TokenKeys) -> None:
    key = token.create("stays")
    with pytest.raises(SecurityError, match="does not leave"):
        key.to_bytes()
    with pytest.raises(SecurityError, match="does not leave"):
        key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    listed = subprocess.run(
        ["pkcs11-tool", "--module", softhsm_path(), "--token-label", "lab", "--login", "--pin", PIN, "-O"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert PIN not in repr(token) + repr(key)
    private = listed.stdout.partition("label:      stays")[2]
    assert "Access:     sensitive, always sensitive, never extractable, local" in private


def test_the_master_key_of_what_is_kept_comes_from_the_token(token: TokenKeys) -> None:
    key = token.create("master")
    assert derive_master_key(token.open("master")) == derive_master_key(key)
    assert derive_master_key(token.create("other master")) != derive_master_key(key)


def test_one_session_many_threads(token: TokenKeys) -> None:
    key = token.create("threads")
    messages = [b"%d" % number for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for message, signature in zip(messages, pool.map(key.sign, messages), strict=True):
            key.public_key.verify(signature, message)


def test_files_and_tokens_are_stores_alike(token: TokenKeys, tmp_path: Path) -> None:
    stores: list[KeyStore] = [token, FileKeys(tmp_path, SeededEntropy(b"files"))]
    for store in stores:
        made = store.create("alike")
        again = store.open("alike")
        made.public_key.verify(again.sign(b"message"), b"message")
        with pytest.raises((TokenError, FileExistsError), match="exists"):
            store.create("alike")
        with pytest.raises((TokenError, FileNotFoundError), match="unknown"):
            store.open("unknown")


def test_what_is_wrong_is_said(token: TokenKeys, tmp_path: Path) -> None:
    for module, label, pin, message in (
        (tmp_path / "none.so", "lab", PIN, "none.so"),
        (softhsm_path(), "other", PIN, "token 'other': No token"),
        (softhsm_path(), "lab", "0000", "token 'folder': PinIncorrect|UserAlreadyLoggedIn"),
    ):
        with pytest.raises(TokenError, match=message):
            TokenKeys(module, label, pin)
    assert token.create("still works").sign(b"message")


def test_a_folder_whose_signing_keys_are_in_the_token(token: TokenKeys, tmp_path: Path) -> None:
    """`euicc pki` with --token: made, renewed and revoked there; openssl follows the chain; no file has such a key."""
    path = tmp_path / "hsm.pki"
    place = ("--token", softhsm_path(), "--token-label", FOLDER, "--token-pin-env", "TOKEN_PIN")

    def run(*arguments: object, pin: str = PIN) -> str:
        command = [sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')", "pki"]
        environment = {**os.environ, "TOKEN_PIN": pin}
        done = subprocess.run(
            [*command, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout if done.returncode == 0 else done.stderr

    run("init", path, *place)
    run("issue", path, "sm-sr", *place)
    run("revoke", path, "sm-sr", "--generation", 1, *place)
    assert {each.name for each in path.rglob("*.key")} == {"tls.key"}
    assert "OK" in openssl("verify", "-CAfile", path / "ci/1/x509.pem", "-x509_strict", path / "sm-sr/2/tls.pem")
    assert openssl("crl", "-noout", "-text", "-in", path / "ci/1/crl.pem").count("Serial Number:") == 2
    assert "x509.key" in run("crl", path)  # without the token there is no such key
    assert run("crl", path, *place, pin="") == "Error: the environment variable TOKEN_PIN is not set, or empty\n"
    assert run("crl", path, *place, pin="1").startswith("Error: token 'folder': PinIncorrect")
    assert "Error: token 'none'" in run("crl", path, "--token", softhsm_path(), "--token-label", "none", *place[-2:])
    missing = run("crl", path, "--token", tmp_path / "none.so", *place[2:])
    assert missing.startswith("Error: ")
    assert missing.count("\n") == 1
