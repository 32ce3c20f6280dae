# SPDX-License-Identifier: Apache-2.0
"""The servers as programs: started from a configuration file, stopped by a signal; the SM-DP's stock."""
