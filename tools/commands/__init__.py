# SPDX-License-Identifier: Apache-2.0
"""Commands of `euicc` that work on the card in a reader."""
