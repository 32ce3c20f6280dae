# SPDX-License-Identifier: Apache-2.0
"""The rows of the table of commands, one module for each kind of command; importing this fills the table."""

from __future__ import annotations

from apdu.trace.decode.rows import (  # noqa: F401
    administration,
    bearers,
    codes,
    files,
    gp,
    messages,
    naa,
    select,
    session,
    sgp02,
    toolkit,
)
