# SPDX-License-Identifier: Apache-2.0
"""The SM-SR: the server that manages the profiles of a card over the air (GSMA SGP.02)."""
