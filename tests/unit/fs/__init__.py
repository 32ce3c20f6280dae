# SPDX-License-Identifier: Apache-2.0
"""The file system of a profile."""
