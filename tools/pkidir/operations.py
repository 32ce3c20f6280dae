# SPDX-License-Identifier: Apache-2.0
"""What `euicc pki` does: a CI, certificates of parties, their renewal and revocation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from apdu.keys.certificate import Role as CardRole
from smsr.kit.crl import Revocation, RevocationList, issue_crl
from smsr.kit.folder import CI, PARTY, PkiFolder, read_card_format, read_certificate, read_list
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.pki import Authority, Validity, issue_ci, issue_eum, issue_identity, issue_server
from smsr.kit.trust import ROLE_NAMES
from smsr.kit.x509 import extension, registered_id, roles
from tools.entropy import SystemEntropy
from tools.errors import ToolError
from tools.pkidir.files import Draft, changing, new_folder, new_generation, write_public
from tools.pkidir.vault import Vault

__all__ = ["LIST_DAYS", "REASONS", "ROLES", "Order", "initialise", "issue", "read_authority", "revoke", "write_list"]

ROLES: Final = {"eum": ROLE_EUM, "sm-dp": ROLE_SM_DP, "sm-sr": ROLE_SM_SR, "operator": ROLE_OPERATOR}
REASONS: Final = {
    each.value: each
    for each in (
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
        x509.ReasonFlags.privilege_withdrawn,
    )
}
"""Why a certificate may be revoked (RFC 5280 5.3.1), but for what fits no party's certificate."""
CI_DAYS: Final = 7300
PARTY_DAYS: Final = 1825
LIST_DAYS: Final = 365
_ARC: Final = "2.999.10"  # 2.999 is the arc for examples
_CARD_ROLES: Final = {ROLE_SM_DP: CardRole.SM_DP, ROLE_SM_SR: CardRole.SM_SR}
_DIGITS: Final = "89001012"  # industry, country code, an issuer that does not exist


@dataclass(frozen=True, slots=True)
class Order:
    """What a party's certificates shall say."""

    name: str
    role: Oid
    oid: Oid
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")
    digits: str = ""
    """What the EIDs of an EUM begin with."""


_EVERYBODY: Final = tuple(
    Order(name, role, Oid(f"{_ARC}.{number}"), digits=_DIGITS if role == ROLE_EUM else "")
    for number, (name, role) in enumerate(ROLES.items(), start=2)
)


def initialise(path: Path, vault: Vault) -> None:
    """A CI, and a party of each role."""
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise ToolError(f"{path} exists: name a folder that does not, or an empty one")
    with new_folder(path) as folder:
        _issue_ci(folder, Oid(f"{_ARC}.1"), vault)
        ci = _ci(folder, vault)
        for order in _EVERYBODY:
            _issue_party(folder, ci, order, PARTY_DAYS, vault)


def issue(path: Path, name: str, change: Callable[[Order | None], Order], days: int | None, vault: Vault) -> Path:
    """Certificates with new keys, for a new party or beside those that a party has; gives their folder.

    `change`: from what the newest certificates say to what the new ones shall.
    """
    if not PARTY.fullmatch(name):
        raise ToolError(f"{name!r} is no name for a party: small letters, digits and hyphens, 32 at most")
    with changing(path) as folder:
        ci = _ci(folder, vault)
        if name == CI:
            return _issue_ci(folder, ci.oid, vault, days or CI_DAYS)
        known = name in folder.parties() and folder.generations(name)
        order = change(_order_of(folder, name) if known else None)
        _check_free(folder, order)
        return _issue_party(folder, ci, order, days or PARTY_DAYS, vault)


def revoke(path: Path, name: str, generation: int | None, reason: str, vault: Vault) -> Path:
    """Put the certificates of one generation into the lists of the CI that issued them; gives their folder."""
    with changing(path) as folder:
        found = _chosen(folder, name, generation)
        serials = _serials(found)
        entries = {serial: Revocation(serial, _now(), REASONS[reason]) for serial in serials}
        issuer = extension(read_certificate(found / "tls.pem"), x509.AuthorityKeyIdentifier)
        for each in folder.generations(CI):
            root = read_certificate(each / "x509.pem")
            own = extension(root, x509.SubjectKeyIdentifier)
            if issuer is None or own is None or own.digest != issuer.key_identifier:
                continue
            known = read_list(each / "crl.pem")
            if serials <= known.entries.keys():
                raise ToolError(f"the certificates of {name}, generation {found.name}, are revoked already")
            ci = read_authority(folder, f"{CI}/{each.name}", vault)
            _write_list(each, ci, {**entries, **known.entries}.values(), LIST_DAYS, known)
            return found
    raise ToolError(f"{found / 'tls.pem'} is issued by no CI of {path}")


def write_list(path: Path, days: int, vault: Vault) -> list[Path]:
    """Lists with the same entries for the next days."""
    written: list[Path] = []
    with changing(path) as folder:
        for each in folder.generations(CI):
            ci = read_authority(folder, f"{CI}/{each.name}", vault)
            known = read_list(each / "crl.pem")
            _write_list(each, ci, known.entries.values(), days, known)
            written.append(each / "crl.pem")
    return written


# --- parts


def _now() -> datetime:
    return datetime.fromtimestamp(int(time.time()), UTC)


def _validity(days: int) -> Validity:
    start = _now() - timedelta(minutes=5)  # clocks of other machines
    try:
        return Validity(start, start + timedelta(days=days))
    except OverflowError:
        raise ToolError(f"{days} days are too many: the calendar ends in the year 9999") from None


def _within(ci: Authority, days: int) -> Validity:
    wanted = _validity(days)
    end = ci.certificate.not_valid_after_utc
    if wanted.end > end:
        raise ToolError(
            f"the CI's certificate ends on {end:%Y-%m-%d}: ask for fewer days, or issue a new one for `{CI}`"
        )
    return wanted


def _write_list(
    folder: Path, ci: Authority, entries: Iterable[Revocation], days: int, before: RevocationList | None = None
) -> None:
    """A list that counts as newer than the one before, also where both are made within a second."""
    validity, number = _validity(days), 1
    if before is not None:
        number = before.number + 1
        validity = replace(validity, start=max(validity.start, before.crl.last_update_utc + timedelta(seconds=1)))
    made = issue_crl(ci, entries, number, validity)
    write_public(folder / "crl.pem", made.crl.public_bytes(Encoding.PEM))


def read_authority(folder: PkiFolder, name: str, vault: Vault) -> Authority:
    """A CI or an EUM with its key, by party and generation (`eum/1`); OSError or M2mError."""
    certificate = read_certificate(folder.path / name / "x509.pem")
    oid = registered_id(certificate)
    key = vault.open(folder.path, f"{name}/x509")
    if oid is None or key.public_key.key != certificate.public_key():
        raise ToolError(f"{folder.path / name}: certificate and key do not belong together")
    return Authority(oid, certificate, key)


def _ci(folder: PkiFolder, vault: Vault) -> Authority:
    newest = folder.generations(CI)[-1]
    return read_authority(folder, f"{CI}/{newest.name}", vault)


def _issue_ci(folder: PkiFolder, oid: Oid, vault: Vault, days: int = CI_DAYS) -> Path:
    with new_generation(folder, CI) as draft:
        ci = issue_ci("Test CI", oid, _validity(days), entropy=SystemEntropy(), key=vault.create(draft, "x509"))
        _write_authority(draft, ci)
        _write_list(draft.path, ci, (), LIST_DAYS)
    return folder.generations(CI)[-1]


def _issue_party(folder: PkiFolder, ci: Authority, order: Order, days: int, vault: Vault) -> Path:
    entropy, validity = SystemEntropy(), _within(ci, days)
    with new_generation(folder, order.name) as draft:
        if role := _CARD_ROLES.get(order.role):
            key = vault.create(draft, "card")
            server = issue_server(
                ci, role, order.name, order.oid, validity, entropy=entropy, hosts=order.hosts, key=key
            )  # fmt: skip
            tls, tls_key = server.tls_certificate, server.tls_key
            write_public(draft.path / "card.cert", server.certificate.encoded)
        else:
            made = issue_identity(ci, order.role, order.name, order.oid, validity, entropy=entropy, hosts=order.hosts)
            tls, tls_key = made.certificate, made.key
        if order.role == ROLE_EUM:
            key = vault.create(draft, "x509")
            eum = issue_eum(ci, order.name, order.oid, validity, entropy=entropy, ein=order.digits, key=key)
            _write_authority(draft, eum)
        write_public(draft.path / "tls.pem", tls.public_bytes(Encoding.PEM))
        vault.files(draft.path).keep("tls", tls_key)
    return folder.generations(order.name)[-1]


def _write_authority(draft: Draft, authority: Authority) -> None:
    write_public(draft.path / "x509.pem", authority.certificate.public_bytes(Encoding.PEM))


def _order_of(folder: PkiFolder, name: str) -> Order:
    newest = folder.generations(name)[-1]
    certificate = read_certificate(newest / "tls.pem")
    oid, found = registered_id(certificate), [role for role in ROLE_NAMES if role in roles(certificate)]
    names = extension(certificate, x509.SubjectAlternativeName)
    if oid is None or names is None or len(found) != 1:
        raise ToolError(f"{newest / 'tls.pem'} is not a certificate that `euicc pki` made")
    hosts = (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
    order = Order(name, found[0], oid, hosts)
    if found[0] != ROLE_EUM:
        return order
    digits = read_certificate(newest / "x509.pem").subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return replace(order, digits="".join(str(each.value) for each in digits))


def _check_free(folder: PkiFolder, order: Order) -> None:
    """An object identifier is one party's."""
    for each in folder.parties():
        newest = folder.generations(each)[-1:]
        part = "x509.pem" if each == CI else "tls.pem"
        if each != order.name and newest and registered_id(read_certificate(newest[0] / part)) == order.oid:
            raise ToolError(f"{order.oid} is the object identifier of {each}: take another one")


def _chosen(folder: PkiFolder, name: str, generation: int | None) -> Path:
    if name == CI:
        raise ToolError("a CI stands in no list: take its certificate away from those who trust it")
    found = folder.generations(name) if name in folder.parties() else []
    if not found:
        raise ToolError(f"there is no party {name!r} in {folder.path}: `euicc pki show {folder.path}` lists them")
    if generation is None:
        if len(found) > 1:
            numbers = ", ".join(each.name for each in found)
            raise ToolError(f"{name} has the generations {numbers}: say which with --generation")
        return found[0]
    for each in found:
        if each.name == str(generation):
            return each
    raise ToolError(f"{name} has no generation {generation}")


def _serials(generation: Path) -> set[int]:
    serials = {read_certificate(each).serial_number for each in generation.glob("*.pem")}
    card = generation / "card.cert"
    if card.exists():
        serials.add(int.from_bytes(read_card_format(card).serial, "big"))
    return serials
