# SPDX-License-Identifier: Apache-2.0
"""A trace in a terminal: list, layers, search, filter."""
