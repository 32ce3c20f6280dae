# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS between servers (SGP.02 v4.2 2.3.2): contexts made from a folder of certificates, and who the peer is.

OpenSSL checks chain, time, purpose, host name and revocation in the handshake; `peer_of` checks them again with what
OpenSSL does not know: the role, the object identifier, and lists that came after the context was made.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection
from pathlib import Path
from threading import Lock

from apdu.errors import SecurityError
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import Oid
from smsr.kit.passphrase import Passphrase
from smsr.kit.trust import Peer, Trust

__all__ = ["LiveTrust", "client_context", "peer_of", "server_context"]


def server_context(folder: PkiFolder, name: str, at: float, passphrase: Passphrase | None = None) -> ssl.SSLContext:
    """For the party `name` as a server: clients must show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION  # each handshake looks at the lists
    context.num_tickets = 0
    return _filled(context, folder.newest(name, "tls", at) / "tls", folder, passphrase)


def client_context(folder: PkiFolder, name: str, at: float, passphrase: Passphrase | None = None) -> ssl.SSLContext:
    """For the party `name` as a client: the server's host name is checked, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _filled(context, folder.newest(name, "tls", at) / "tls", folder, passphrase)


def peer_of(connection: ssl.SSLSocket | ssl.SSLObject, trust: Trust, allowed: Collection[Oid], at: float) -> Peer:
    """Who is at the other end, when its certificate is good and its role is one of those allowed; SecurityError."""
    der = connection.getpeercert(binary_form=True)
    if der is None:
        raise SecurityError("the peer showed no certificate")
    return trust.verify_peer(der, allowed, at)


def _filled(context: ssl.SSLContext, own: Path, folder: PkiFolder, passphrase: Passphrase | None) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
    _load(context, folder)
    certificate, key = own.with_suffix(".pem"), own.with_suffix(".key")
    try:  # without a password OpenSSL would ask at the terminal
        context.load_cert_chain(certificate, key, password=b"" if passphrase is None else passphrase.reveal())
    except ssl.SSLError:
        raise SecurityError(
            f"{key} cannot be used: under another passphrase, damaged, or not {certificate}'s"
        ) from None
    return context


def _load(context: ssl.SSLContext, folder: PkiFolder) -> None:
    """Roots and lists; beside older lists of the same root OpenSSL uses the newest."""
    for path in (*folder.authorities(), *folder.lists()):
        context.load_verify_locations(cafile=path)


class LiveTrust:
    """The trust of a folder for a server that runs long: what was changed there holds from the next look on."""

    __slots__ = ("_contexts", "_folder", "_lock", "_stamp", "_trust")

    def __init__(self, folder: PkiFolder, *contexts: ssl.SSLContext) -> None:
        self._folder = folder
        self._contexts = contexts
        self._lock = Lock()
        self._stamp = self._look()
        self._trust = folder.trust()

    def current(self) -> Trust:
        """Roots and lists as they are now, for the contexts as well: ask for each connection, and by the minute.

        OSError, UnusableFile or SecurityError when they cannot be used any more: then nobody is to be let in.
        """
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp:
                trust = self._folder.trust()
                for context in self._contexts:
                    _load(context, self._folder)
                self._stamp, self._trust = stamp, trust
            return self._trust

    def _look(self) -> tuple[tuple[Path, int, int], ...]:
        paths = (*self._folder.authorities(), *self._folder.lists())
        found = [(path, path.stat()) for path in paths]
        return tuple((path, each.st_mtime_ns, each.st_ino) for path, each in found)
