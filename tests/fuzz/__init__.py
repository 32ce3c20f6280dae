# SPDX-License-Identifier: Apache-2.0
"""Seeded fuzzing of whole cards."""
