# SPDX-License-Identifier: Apache-2.0
"""Rules that a trace is held against; what breaks one is a finding with the clause."""
