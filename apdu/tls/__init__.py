# SPDX-License-Identifier: Apache-2.0
"""TLS with pre-shared keys, as SCP81 uses it, over memory alone: bytes in, bytes out."""
