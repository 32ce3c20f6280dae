# SPDX-License-Identifier: Apache-2.0
"""What an SM-DP keeps, in a database."""
