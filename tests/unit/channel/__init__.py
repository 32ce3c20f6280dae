# SPDX-License-Identifier: Apache-2.0
"""Tests of the secure channels."""
