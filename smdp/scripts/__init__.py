# SPDX-License-Identifier: Apache-2.0
"""Scripts of the SM-DP: what it says to an ISD-P (ES8)."""
