# SPDX-License-Identifier: Apache-2.0
"""Bearers: how a script's batches reach a card and its answers come back."""
