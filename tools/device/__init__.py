# SPDX-License-Identifier: Apache-2.0
"""A phone around the card in a reader."""
