# SPDX-License-Identifier: Apache-2.0
"""Where `euicc pki` puts private keys: in files, or those that sign in a PKCS#11 token.

Keys for TLS are always in files, since Python's ssl reads them from there. In a token a key has the label that its file
would have as a path without its ending: `ci/1/x509`, `sm-sr/2/card`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apdu.keys.ec import PrivateKey
from smsr.kit.keys import FileKeys
from smsr.kit.passphrase import Passphrase
from tools.entropy import SystemEntropy
from tools.pkidir.files import Draft

if TYPE_CHECKING:
    from smsr.kit.token import TokenKeys

__all__ = ["FILES", "Vault"]


@dataclass(frozen=True, slots=True)
class Vault:
    """A passphrase for files where there is one, and a token where there is one."""

    passphrase: Passphrase | None = None
    token: TokenKeys | None = None

    def files(self, folder: Path) -> FileKeys:
        """The keys in the files of a folder."""
        return FileKeys(folder, SystemEntropy(), self.passphrase)

    def create(self, draft: Draft, part: str) -> PrivateKey:
        """A new key that signs."""
        if self.token is not None:
            return self.token.create(f"{draft.label}/{part}")
        return self.files(draft.path).create(part)

    def open(self, folder: Path, name: str) -> PrivateKey:
        """A key that signs: from its file, from the token where there is no file."""
        if self.token is not None and not (folder / f"{name}.key").exists():
            return self.token.open(name)
        return self.files(folder).open(name)


FILES: Final = Vault()
"""Files without a passphrase."""
