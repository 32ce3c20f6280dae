# SPDX-License-Identifier: Apache-2.0
"""The benches that the tests of this folder use."""

from __future__ import annotations

import pytest

from apdu.ids import Aid
from emulator.factory.eum import Bootstrap
from tests.support.fixtures import MakeLab, lab, make_lab
from tests.support.lab import Lab
from tests.support.profile import subscriber

__all__ = ["lab", "make_lab", "profiled"]


@pytest.fixture
def profiled(make_lab: MakeLab) -> Lab:
    """A card with a profile from the factory."""
    return make_lab(bootstrap=Bootstrap(subscriber(1).package, Aid.isd_p(0x10)))
