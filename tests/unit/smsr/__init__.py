# SPDX-License-Identifier: Apache-2.0
"""The SM-SR as an object."""
