# SPDX-License-Identifier: Apache-2.0
"""File templates of profile packages: what a file is when the package does not say (SAIP 9)."""
