# SPDX-License-Identifier: Apache-2.0
"""An SM-SR, an SM-DP and an operator that listen on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.serving import Lab


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All of them; what they kept is forgotten after each module."""
    lab = Lab(tmp_path_factory.mktemp("servers") / "pki")
    try:
        for name in ("sm-sr", "sm-dp", "operator"):
            lab.serve(name)
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(servers: Lab) -> Lab:
    """The servers, with nothing kept."""
    for service in servers.services.values():
        service.forget()
    return servers
