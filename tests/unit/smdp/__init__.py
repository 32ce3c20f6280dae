# SPDX-License-Identifier: Apache-2.0
"""The SM-DP as an object."""
