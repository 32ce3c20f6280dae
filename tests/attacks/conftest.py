# SPDX-License-Identifier: Apache-2.0
"""The benches that the tests of this folder use."""

from __future__ import annotations

from tests.support.fixtures import lab, make_lab

__all__ = ["lab", "make_lab"]
