# SPDX-License-Identifier: Apache-2.0
"""Scripts of the SM-SR: what it says to a card's ISD-R (ES5)."""
