# SPDX-License-Identifier: Apache-2.0
"""The network that a card meets: the authentication centre, and how a terminal attaches to it."""
