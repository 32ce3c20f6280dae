# SPDX-License-Identifier: Apache-2.0
"""ISO 7816-4 and TS 102 221 commands, TLVs of the toolkit, file control parameters."""
