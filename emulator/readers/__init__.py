# SPDX-License-Identifier: Apache-2.0
"""Readers that hold a virtual card."""
