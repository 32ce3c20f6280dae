# SPDX-License-Identifier: Apache-2.0
"""What a modem does around a card, virtual or in a reader."""
