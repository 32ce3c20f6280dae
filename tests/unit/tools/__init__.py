# SPDX-License-Identifier: Apache-2.0
"""The tools' parts by themselves."""
