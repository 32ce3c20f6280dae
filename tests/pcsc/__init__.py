# SPDX-License-Identifier: Apache-2.0
"""The card in pcscd, and programs that nobody here wrote."""
