# SPDX-License-Identifier: Apache-2.0
"""A service centre for the lab."""
