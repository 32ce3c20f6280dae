# SPDX-License-Identifier: Apache-2.0
"""A server that the device's channels reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.unit.device.net import listening


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with listening() as found:
        yield found
