# SPDX-License-Identifier: Apache-2.0
"""The SM-SR's public contract: every typed message between an SM-SR and others."""
