# SPDX-License-Identifier: Apache-2.0
"""Secure channels: SCP03 and SCP03t, both ends."""
