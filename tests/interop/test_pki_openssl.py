# SPDX-License-Identifier: Apache-2.0
"""What `euicc pki` makes, read and enforced by openssl; and mutual TLS with openssl at the other end."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

from apdu.errors import SecurityError
from smsr.kit.folder import CI, PkiFolder, read_certificate
from smsr.kit.keys import FileKeys, UnusableFile
from smsr.kit.oid import ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.passphrase import Passphrase
from smsr.kit.pki import Authority, Validity, issue_identity
from smsr.kit.tls import LiveTrust, client_context, peer_of, server_context
from smsr.kit.trust import Trust
from tests.require import require
from tools.cli import main
from tools.entropy import SystemEntropy

LATE = "certificate has expired"
REVOKED = "certificate revoked"
UNKNOWN = "unable to get local issuer certificate"


def euicc(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["pki", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def openssl(*arguments: object) -> subprocess.CompletedProcess[str]:
    require("openssl")
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki") / "lab.pki"
    euicc("init", path)
    return path


@pytest.fixture
def lab(made: Path, tmp_path: Path) -> Path:
    """A folder of its own for each test."""
    return Path(shutil.copytree(made, tmp_path / "lab.pki"))


def verify(lab: Path, certificate: Path, *options: object) -> str:
    """What `openssl verify` says, with the list."""
    root, crl = lab / "ci/1/x509.pem", lab / "ci/1/crl.pem"
    checked = openssl("verify", "-x509_strict", "-crl_check", "-CRLfile", crl, "-CAfile", root, *options, certificate)
    return "OK" if checked.returncode == 0 else checked.stderr


def plant(lab: Path, name: str, role: Oid, ci: Authority | None = None, days: tuple[int, int] = (-1, 1)) -> Path:
    """A further generation of a party that `euicc pki` would not make."""
    if ci is None:
        key = FileKeys(lab, SystemEntropy()).open("ci/1/x509")
        ci = Authority(Oid("2.999.10.1"), read_certificate(lab / "ci/1/x509.pem"), key)
    now = datetime.now(UTC)
    validity = Validity(now + timedelta(days[0]), now + timedelta(days[1]))
    identity = issue_identity(ci, role, name, Oid("2.999.10.9"), validity, entropy=SystemEntropy())
    folder = lab / name / "7"
    folder.mkdir(parents=True)
    (folder / "tls.pem").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    FileKeys(folder, SystemEntropy()).keep("tls", identity.key)
    return folder


def test_openssl_verifies_every_party_with_the_list(lab: Path) -> None:
    for name in ("eum", "sm-dp", "sm-sr", "operator"):
        assert verify(lab, lab / name / "1/tls.pem", "-purpose", "sslserver") == "OK"
        assert verify(lab, lab / name / "1/tls.pem", "-purpose", "sslclient") == "OK"
    assert verify(lab, lab / "eum/1/x509.pem") == "OK"


def test_openssl_refuses_what_is_revoked_and_only_that(lab: Path) -> None:
    euicc("issue", lab, "sm-sr")
    euicc("revoke", lab, "sm-sr", "--generation", 1, "--reason", "keyCompromise")
    assert REVOKED in verify(lab, lab / "sm-sr/1/tls.pem")
    assert verify(lab, lab / "sm-sr/2/tls.pem") == "OK"
    assert verify(lab, lab / "sm-dp/1/tls.pem") == "OK"
    euicc("revoke", lab, "eum")
    euicc("crl", lab)
    assert REVOKED in verify(lab, lab / "eum/1/x509.pem")
    assert REVOKED in verify(lab, lab / "eum/1/tls.pem")
    assert REVOKED in verify(lab, lab / "sm-sr/1/tls.pem")


def test_openssl_reads_the_list(lab: Path) -> None:
    euicc("revoke", lab, "sm-dp", "--reason", "cessationOfOperation")
    text = openssl("crl", "-noout", "-text", "-in", lab / "ci/1/crl.pem", "-CAfile", lab / "ci/1/x509.pem")
    assert "verify OK" in text.stderr
    assert "X509v3 CRL Number" in text.stdout
    assert text.stdout.count("Cessation Of Operation") == 2  # for TLS, and for cards
    serial = (lab / "sm-dp/1/card.cert").read_bytes().split(b"\x93\x08", 1)[1][:8].hex().upper()
    assert f"Serial Number: {serial}" in text.stdout


def test_two_roots_at_once(lab: Path) -> None:
    euicc("issue", lab, "ci")
    euicc("issue", lab, "sm-sr")
    both = lab / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in PkiFolder(lab).authorities()))
    lists = lab / "lists.pem"
    lists.write_bytes(b"".join(path.read_bytes() for path in PkiFolder(lab).lists()))
    for number in (1, 2):
        checked = openssl("verify", "-crl_check", "-CAfile", both, "-CRLfile", lists, lab / f"sm-sr/{number}/tls.pem")
        assert checked.returncode == 0, checked.stderr
    assert verify(lab, lab / "sm-sr/2/tls.pem") != "OK"


def test_openssl_opens_keys_only_with_their_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKI_TEST", "a passphrase")
    euicc("init", tmp_path / "p", "--passphrase-env", "PKI_TEST")
    keys = sorted((tmp_path / "p").rglob("*.key"))
    assert len(keys) == 8
    for key in keys:
        assert openssl("pkey", "-noout", "-in", key, "-passin", "pass:a passphrase").returncode == 0
        assert openssl("pkey", "-noout", "-in", key, "-passin", "pass:another").returncode != 0
    context = server_context(PkiFolder(tmp_path / "p"), "sm-sr", time.time(), Passphrase(b"a passphrase"))
    assert context.verify_mode is ssl.CERT_REQUIRED
    for wrong in (None, Passphrase(b"another")):
        with pytest.raises(SecurityError, match="under another passphrase"):
            server_context(PkiFolder(tmp_path / "p"), "sm-sr", time.time(), wrong)


# --- our server, openssl s_client


def talk_to_server(lab: Path, certificate: Path | None, *options: str) -> str:
    """One client at our SM-SR: the object identifier of who it was, or why not."""
    context = server_context(PkiFolder(lab), "sm-sr", time.time())
    return one_client(context, PkiFolder(lab).trust(), lab, certificate, *options)


def one_client(context: ssl.SSLContext, trust: Trust, lab: Path, certificate: Path | None, *options: str) -> str:
    require("openssl")
    own = () if certificate is None else ("-cert", str(certificate), "-key", str(certificate.with_suffix(".key")))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        root = lab / "ci/1/x509.pem"
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(root), *own, *options]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listener.settimeout(20)
        raw, _ = listener.accept()
        raw.settimeout(20)
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                return peer_of(connection, trust, {ROLE_SM_DP, ROLE_OPERATOR}, time.time()).oid
        except (ssl.SSLError, SecurityError) as error:
            return str(error)
        finally:
            raw.close()
            client.kill()
            client.communicate()


def test_good_clients(lab: Path) -> None:
    assert talk_to_server(lab, lab / "sm-dp/1/tls.pem") == "2.999.10.3"
    assert talk_to_server(lab, lab / "operator/1/tls.pem", "-tls1_2") == "2.999.10.5"
    euicc("issue", lab, "operator")
    assert talk_to_server(lab, lab / "operator/1/tls.pem") == "2.999.10.5"
    assert talk_to_server(lab, lab / "operator/2/tls.pem") == "2.999.10.5"


def test_clients_that_are_refused(lab: Path, tmp_path: Path) -> None:
    assert "did not return a certificate" in talk_to_server(lab, None)
    assert (
        "protocol" in talk_to_server(lab, lab / "operator/1/tls.pem", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0").lower()
    )
    assert "which has no access here" in talk_to_server(lab, lab / "eum/1/tls.pem")  # another role
    late = plant(lab, "late", ROLE_OPERATOR, days=(-3, -1))
    assert LATE in talk_to_server(lab, late / "tls.pem")
    early = plant(lab, "early", ROLE_OPERATOR, days=(1, 3))
    assert "not yet valid" in talk_to_server(lab, early / "tls.pem")
    euicc("init", tmp_path / "other.pki")
    assert "certificate" in talk_to_server(lab, tmp_path / "other.pki/operator/1/tls.pem")  # another CI of this name
    own = lab / "own.pem"
    made = openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
        *("-subj", "/CN=operator", "-out", own, "-keyout", own.with_suffix(".key")),
    )
    assert made.returncode == 0
    assert "self-signed certificate" in talk_to_server(lab, own)
    nobody = plant(lab, "nobody", Oid("2.999.99"))
    assert "names no role" in talk_to_server(lab, nobody / "tls.pem")
    euicc("revoke", lab, "operator")
    assert REVOKED in talk_to_server(lab, lab / "operator/1/tls.pem")


def test_a_list_that_is_old_or_gone_lets_nobody_in(lab: Path) -> None:
    crl = lab / "ci/1/crl.pem"
    context = server_context(PkiFolder(lab), "sm-sr", time.time())
    assert context.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF
    trust, certificate = PkiFolder(lab).trust(), read_certificate(lab / "operator/1/tls.pem")
    der = certificate.public_bytes(Encoding.DER)
    assert trust.verify_peer(der, {ROLE_OPERATOR}, time.time()).role == ROLE_OPERATOR
    with pytest.raises(SecurityError, match="list is not valid"):
        trust.verify_peer(der, {ROLE_OPERATOR}, time.time() + 366 * 86400)
    crl.unlink()
    with pytest.raises(FileNotFoundError):
        PkiFolder(lab).trust()


def test_a_running_server_learns_of_lists_and_roots(lab: Path) -> None:
    folder, certificate = PkiFolder(lab), lab / "operator/1/tls.pem"
    context = server_context(folder, "sm-sr", time.time())
    live = LiveTrust(folder, context)
    old = live.current()
    assert live.current() is old
    assert one_client(context, old, lab, certificate) == "2.999.10.5"
    euicc("revoke", lab, "operator")
    assert one_client(context, old, lab, certificate) == "2.999.10.5"  # neither has the new list
    assert "is revoked since" in one_client(context, folder.trust(), lab, certificate)  # the context has not
    assert REVOKED in one_client(context, live.current(), lab, certificate)
    euicc("crl", lab)
    euicc("issue", lab, "ci")
    euicc("issue", lab, "operator")
    assert one_client(context, live.current(), lab, lab / "operator/2/tls.pem") == "2.999.10.5"
    assert REVOKED in one_client(context, live.current(), lab, certificate)
    (lab / "ci/1/crl.pem").write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(UnusableFile, match=r"crl\.pem"):
            live.current()


# --- our client, openssl s_server


@contextmanager
def foreign_server(lab: Path, certificate: Path) -> Iterator[int]:
    require("openssl")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            "openssl",
            "s_server",
            "-accept",
            f"127.0.0.1:{port}",
            "-cert",
            certificate,
            "-key",
            certificate.with_suffix(".key"),
            "-CAfile",
            lab / "ci/1/x509.pem",
            "-Verify",
            "1",
            "-verify_return_error",
            "-quiet",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        server.kill()
        server.communicate()


def talk_to_foreign(lab: Path, certificate: Path, host: str = "localhost") -> str:
    context = client_context(PkiFolder(lab), "sm-dp", time.time())
    with foreign_server(lab, certificate) as port:
        for _ in range(200):
            try:
                raw = socket.create_connection(("127.0.0.1", port), timeout=20)
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        with raw:
            try:
                with context.wrap_socket(raw, server_hostname=host) as connection:
                    return peer_of(connection, PkiFolder(lab).trust(), {ROLE_SM_SR}, time.time()).oid
            except (ssl.SSLError, SecurityError) as error:
                return str(error)


def test_servers_that_are_believed_and_not(lab: Path) -> None:
    own = lab / "sm-sr/1/tls.pem"
    assert talk_to_foreign(lab, own) == "2.999.10.4"
    assert "Hostname mismatch" in talk_to_foreign(lab, own, "elsewhere.example")
    assert "which has no access here" in talk_to_foreign(lab, lab / "operator/1/tls.pem")
    assert LATE in talk_to_foreign(lab, plant(lab, "late", ROLE_SM_SR, days=(-3, -1)) / "tls.pem")
    euicc("revoke", lab, "sm-sr")
    assert REVOKED in talk_to_foreign(lab, own)


def test_the_newest_good_generation_is_used(lab: Path) -> None:
    folder = PkiFolder(lab)
    euicc("issue", lab, "sm-sr")
    assert folder.newest("sm-sr", "tls", time.time()).name == "2"
    euicc("revoke", lab, "sm-sr", "--generation", 2)
    assert folder.newest("sm-sr", "tls", time.time()).name == "1"
    euicc("revoke", lab, "sm-sr", "--generation", 1)
    with pytest.raises(SecurityError, match="sm-sr's certificate is revoked"):
        server_context(folder, "sm-sr", time.time())
    assert CI in folder.parties()
