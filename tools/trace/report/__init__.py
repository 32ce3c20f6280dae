# SPDX-License-Identifier: Apache-2.0
"""A trace as one HTML file that needs nothing else."""
