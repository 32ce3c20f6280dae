# SPDX-License-Identifier: Apache-2.0
"""TLV codings: the bounded scanner and the declarations."""
