# SPDX-License-Identifier: Apache-2.0
"""The PSK callbacks of OpenSSL, which pyOpenSSL does not offer, by the binding that the cryptography package ships.

That binding is private. So it is looked at once, when the first engine is made, and what it lacks is said in one line
(`TlsUnavailable`) instead of failing somewhere in the middle; versions that were tried are capped in setup.cfg.

OpenSSL calls back with the connection's address. What waits for its key stands in `_ASKING` under it as long as its
engine lives; one context for each role serves them all, because making one takes longer than a handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from weakref import WeakValueDictionary

from apdu.errors import M2mError

__all__ = ["CIPHER_SUITES", "Asking", "TlsUnavailable", "client_context", "remember", "server_context"]

CIPHER_SUITES: Final = "PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256"
"""TLS_PSK_WITH_AES_128_GCM_SHA256 (00A8) goes before TLS_PSK_WITH_AES_128_CBC_SHA256 (00AE) (SGP.02 v4.2 2.4.4)."""
_LEVEL: Final = "@SECLEVEL=0"
"""OpenSSL's own levels refuse key exchange without forward secrecy, which is what these suites are."""
_SESSION_CACHE_OFF: Final = 0
_NO_RENEGOTIATION: Final = 1 << 30
"""SSL_OP_NO_RENEGOTIATION."""
_NO_TICKET: Final = 1 << 14
_NO_COMPRESSION: Final = 1 << 17
_NEEDED: Final = (
    "SSL_CTX_set_psk_client_callback",
    "SSL_CTX_set_psk_server_callback",
    "SSL_CTX_set_session_cache_mode",
)


class TlsUnavailable(M2mError):
    """This machine's OpenSSL binding cannot do TLS-PSK."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class Asking:
    """What a connection answers when OpenSSL asks: a client its identity and key, a server the key of an identity."""

    identity: bytes = b""
    key: bytes = b""
    find: Callable[[bytes], bytes] | None = None


_ASKING: Final[WeakValueDictionary[int, Asking]] = WeakValueDictionary()


def remember(connection: Any, asking: Asking) -> None:
    """Have a connection's callbacks answered as long as the answers are kept by their owner."""
    _, ffi = _binding()
    _ASKING[int(ffi.cast("uintptr_t", connection._ssl))] = asking


@cache
def _binding() -> tuple[Any, Any]:
    """The library and its interface; TlsUnavailable when they are not what is known here."""
    try:
        from cryptography.hazmat.bindings.openssl.binding import Binding
        from OpenSSL import SSL
    except ImportError as error:
        raise TlsUnavailable(f"TLS with pre-shared keys needs the package pyOpenSSL: {error}") from None
    binding = Binding()
    missing = [name for name in _NEEDED if not hasattr(binding.lib, name)]
    if missing or not hasattr(SSL.Context, "set_cipher_list") or not getattr(binding.lib, "Cryptography_HAS_PSK", 0):
        raise TlsUnavailable(
            f"this version of the cryptography package offers no TLS-PSK (missing: {', '.join(missing) or 'PSK'}): "
            "install the versions of requirements.lock"
        )
    return binding.lib, binding.ffi


def _context() -> Any:
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(f"{CIPHER_SUITES}{_LEVEL}".encode("ascii"))
    context.set_options(_NO_RENEGOTIATION | _NO_TICKET | _NO_COMPRESSION)
    context.set_session_cache_mode(_SESSION_CACHE_OFF)
    return context


@cache
def client_context() -> Any:
    """The context of all clients."""
    lib, ffi = _binding()
    context = _context()

    @ffi.callback("unsigned int (*)(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)")  # type: ignore[untyped-decorator]
    def ask(ssl: Any, hint: Any, identity: Any, most_identity: int, key: Any, most_key: int) -> int:
        asking = _ASKING.get(int(ffi.cast("uintptr_t", ssl)))
        if asking is None or len(asking.identity) >= most_identity or len(asking.key) > most_key:
            return 0
        ffi.memmove(identity, asking.identity + b"\x00", len(asking.identity) + 1)
        ffi.memmove(key, asking.key, len(asking.key))
        return len(asking.key)

    lib.SSL_CTX_set_psk_client_callback(context._context, ask)
    context.psk_callback = ask  # the library keeps no reference to it
    return context


@cache
def server_context() -> Any:
    """The context of all servers."""
    lib, ffi = _binding()
    context = _context()

    @ffi.callback("unsigned int (*)(SSL *, const char *, unsigned char *, unsigned int)")  # type: ignore[untyped-decorator]
    def ask(ssl: Any, identity: Any, key: Any, most_key: int) -> int:
        asking = _ASKING.get(int(ffi.cast("uintptr_t", ssl)))
        if asking is None or asking.find is None:
            return 0
        found = asking.find(bytes(ffi.string(identity)) if identity != ffi.NULL else b"")
        if len(found) > most_key:
            return 0
        ffi.memmove(key, found, len(found))
        return len(found)

    lib.SSL_CTX_set_psk_server_callback(context._context, ask)
    context.psk_callback = ask
    return context
