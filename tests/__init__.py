# SPDX-License-Identifier: Apache-2.0
"""The tests: unit, protocol, whole flows, faults, attacks, foreign implementations."""
