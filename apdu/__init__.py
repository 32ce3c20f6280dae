# SPDX-License-Identifier: Apache-2.0
"""What crosses the wire, for both ends: sans-IO, imports nothing else of this project."""
