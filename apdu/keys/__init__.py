# SPDX-License-Identifier: Apache-2.0
"""Keys, key derivation, elliptic curves, card format certificates, key agreement."""
