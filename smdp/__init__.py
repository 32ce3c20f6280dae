# SPDX-License-Identifier: Apache-2.0
"""The SM-DP: the server that prepares profiles and installs them through an SM-SR (GSMA SGP.02)."""
