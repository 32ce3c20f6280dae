# SPDX-License-Identifier: Apache-2.0
"""Traces: where they come from, where they go, and how they are shown."""
