# SPDX-License-Identifier: Apache-2.0
"""Commands on the security domain that is selected (GPCS 11)."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from apdu.gp.recognition import get_data
from apdu.gp.status import StatusScope
from apdu.gp.store_data import Structure
from apdu.ids import ECASD
from apdu.keys.secret import KeySet, SecretKey
from tools.errors import ToolError
from tools.reader.domain import SecurityDomain
from tools.reader.info import read_eid
from tools.reader.options import StaticKeys, parse_keys
from tools.reader.output import Done
from tools.reader.registry import delete_command, read_registry, send_blocks, write_keys
from tools.shell.arguments import aid, arg, byte, command, octets, tag
from tools.shell.base import ShellSet

__all__ = ["DomainSet"]

_SCOPES: Final = {
    "isd": StatusScope.ISSUER_SECURITY_DOMAIN,
    "applications": StatusScope.APPLICATIONS,
    "files": StatusScope.LOAD_FILES,
    "files_and_modules": StatusScope.LOAD_FILES_AND_MODULES,
}
_STRUCTURES: Final = {"none": Structure.NONE, "dgi": Structure.DGI, "ber_tlv": Structure.BER_TLV}
_LEVELS: Final = (0x01, 0x03, 0x11, 0x13, 0x33)


class DomainSet(ShellSet):
    """GlobalPlatform."""

    DEFAULT_CATEGORY = "Security domains"

    @command("get_eid")
    def do_get_eid(self, _: Namespace) -> None:
        """Show the EID, which the ECASD tells everybody."""
        with self.session.aside():
            eid = read_eid(SecurityDomain(self.session.access, ECASD))
        if eid is None:
            raise ToolError("the ECASD tells no EID")
        self.show(Done((str(eid),), {"eid": str(eid)}))

    @command("get_data E0", arg("tag", type=tag, metavar="TAG", help="tag of the object, hexadecimal"))
    def do_get_data(self, args: Namespace) -> None:
        """Read a data object of the selected security domain (GET DATA)."""
        answer = self.session.domain.expect(get_data(int.from_bytes(args.tag, "big")), "GET DATA").hex().upper()
        self.show(Done((answer,), {"data": answer}))

    @command("get_status applications", arg("subset", nargs="?", choices=tuple(_SCOPES), help="all otherwise"))
    def do_get_status(self, args: Namespace) -> None:
        """List what the selected security domain knows (GET STATUS)."""
        registry = read_registry(self.session.domain, *([_SCOPES[args.subset]] if args.subset else []))
        listed = (each.aid for entries in registry.found.values() for each in entries if each.aid is not None)
        self.session.isd_ps = tuple(str(each) for each in listed if each.is_isd_p) or self.session.isd_ps
        self.show(registry)

    @command(
        "establish_scp03 --key-ver 30 --security-level 33",
        arg("--key-ver", type=byte, metavar="HEX", help="version of the keys; --key-ver of the shell otherwise"),
        arg("--key-enc", metavar="HEX", help="the key ENC; without keys those of the command line (-k)"),
        arg("--key-mac", metavar="HEX", help="the key MAC"),
        arg("--key-dek", metavar="HEX", help="the key DEK"),
        arg("--security-level", type=byte, default=0x33, metavar="HEX", help="01, 03, 11, 13 or 33 (33)"),
    )
    def do_establish_scp03(self, args: Namespace) -> None:
        """Open an SCP03 session with the selected security domain."""
        domain = self.session.domain
        if args.security_level not in _LEVELS:
            raise ToolError(f"level {args.security_level:02X} is none of 01, 03, 11, 13, 33")
        given = (args.key_enc, args.key_mac, args.key_dek)
        keys = self._key_set(_three(given), args.key_ver) if any(given) else self.session.keys(domain.aid)
        if keys is not None and args.key_ver is not None and keys.kvn != args.key_ver:
            keys = KeySet(args.key_ver, keys.enc, keys.mac, keys.dek)
        self.session.establish(keys, args.security_level)
        self.done(f"SCP03 session at level {args.security_level:02X}", level=f"{args.security_level:02X}")

    def _key_set(self, keys: StaticKeys, version: int | None) -> KeySet:
        self.session.card.keep_secret(keys.enc, keys.mac, keys.dek)
        secrets = (SecretKey(each) for each in (keys.enc, keys.mac, keys.dek))
        return KeySet(self.session.key_version if version is None else version, *secrets)

    @command("release_scp")
    def do_release_scp(self, _: Namespace) -> None:
        """End the session with the selected security domain."""
        if self.session.domain.keys is None:
            raise ToolError("there is no session to end")
        self.session.release()
        self.done("released")

    @command(
        "put_key --key-version-nr 31 --key-data 11223344556677889900AABBCCDDEEFF"
        " --key-data 21223344556677889900AABBCCDDEEFF --key-data 31223344556677889900AABBCCDDEEFF",
        arg("--key-version-nr", type=byte, required=True, metavar="HEX", help="version of the new keys"),
        arg("--old-key-version-nr", type=byte, default=0, metavar="HEX", help="version that they replace, if any"),
        arg("--key-data", action="append", required=True, metavar="HEX", help="three times: ENC, MAC, DEK"),
    )
    def do_put_key(self, args: Namespace) -> None:
        """Write an SCP03 key set, identifiers 1 to 3, into the selected security domain (PUT KEY)."""
        domain = self.session.domain
        if domain.keys is None:
            raise ToolError("PUT KEY needs a session: establish_scp03 opens one")
        keys, versions = _three(args.key_data), (args.key_version_nr, args.old_key_version_nr)
        self.show(write_keys(self.session.access, domain, keys, domain.keys.dek, versions))

    @command(
        "store_data --data-structure dgi 3A0300",
        arg("--data-structure", choices=tuple(_STRUCTURES), default="dgi", help="how the data are built (dgi)"),
        arg("data", type=octets, metavar="HEX", help="the data, in as many blocks as they take"),
    )
    def do_store_data(self, args: Namespace) -> None:
        """Send data to the selected security domain (STORE DATA)."""
        answer = send_blocks(self.session.domain, args.data, _STRUCTURES[args.data_structure]).hex().upper()
        self.show(Done((answer or "done",), {"data": answer}))

    @command(
        "delete_card_content A0000005591010FFFFFFFF8900001100",
        arg("aid", type=aid, metavar="AID", completer=ShellSet.complete_aid, help="what is deleted"),
        arg("--delete-related-objects", action="store_true", help="with all that belongs to it"),
    )
    def do_delete_card_content(self, args: Namespace) -> None:
        """Delete an application or a security domain (DELETE)."""
        target = delete_command(args.aid, (None, None), related=args.delete_related_objects)
        self.session.domain.expect(target, "DELETE")
        self.done("deleted")

    @command(
        "delete_key --key-ver 31",
        arg("--key-ver", type=byte, metavar="HEX", help="version of the keys"),
        arg("--key-id", type=byte, metavar="HEX", help="identifier of the keys"),
    )
    def do_delete_key(self, args: Namespace) -> None:
        """Delete keys of the selected security domain (DELETE)."""
        if args.key_ver is None and args.key_id is None:
            raise ToolError("say which keys with --key-ver, --key-id, or both")
        self.session.domain.expect(delete_command(None, (args.key_ver, args.key_id), related=False), "DELETE")
        self.done("deleted")


def _three(given: object) -> StaticKeys:
    """Three keys as they were typed; what is wrong is said without showing any of them."""
    parts = [part or "" for part in given] if isinstance(given, (list, tuple)) else []
    try:
        return parse_keys(":".join(parts))
    except ValueError as error:
        raise ToolError(str(error)) from None
