# SPDX-License-Identifier: Apache-2.0
"""The benchmarks: that they run and tell what they should. Figures are not tested."""
