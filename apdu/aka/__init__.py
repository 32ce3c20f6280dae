# SPDX-License-Identifier: Apache-2.0
"""Authentication and key agreement (TS 33.102): what USIM, ISIM and AuC compute; the SUCI (TS 33.501)."""
