# SPDX-License-Identifier: Apache-2.0
"""The SM-DP's public contract: every typed message between an SM-DP and operators."""
