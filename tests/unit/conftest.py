# SPDX-License-Identifier: Apache-2.0
"""Databases of both kinds."""

from tests.support.databases import cluster, database_url

__all__ = ["cluster", "database_url"]
