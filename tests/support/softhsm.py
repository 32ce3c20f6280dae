# SPDX-License-Identifier: Apache-2.0
"""Tokens of SoftHSM for the tests of one process, which loads its module once and then knows these tokens only."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from tests.require import require

__all__ = ["FOLDER", "LAB", "PIN", "SECRETS", "softhsm"]

PIN: Final = "87654321"
"""Of every token."""
LAB, FOLDER, SECRETS = "lab", "folder", "secrets"
"""Labels of the tokens; each is for one module or one test."""


@cache
def softhsm() -> None:
    """Make all of them, for the rest of this process."""
    require("softhsm")
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    for label in (LAB, FOLDER, SECRETS):
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
