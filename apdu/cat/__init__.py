# SPDX-License-Identifier: Apache-2.0
"""Card application toolkit (TS 102 223): proactive commands, terminal responses, envelopes, for card and terminal."""
