# SPDX-License-Identifier: Apache-2.0
"""Readers and the cards in them, as the commands use them."""
