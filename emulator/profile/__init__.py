# SPDX-License-Identifier: Apache-2.0
"""Profiles on the card: how a package becomes an immutable base that cards share."""
