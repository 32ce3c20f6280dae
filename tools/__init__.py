# SPDX-License-Identifier: Apache-2.0
"""What people run: the euicc command and what belongs to it."""
