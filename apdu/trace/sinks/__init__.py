# SPDX-License-Identifier: Apache-2.0
"""Traces in the formats of others."""
