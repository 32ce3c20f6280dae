# SPDX-License-Identifier: Apache-2.0
"""What tests share: cards made on the spot, and hosts to talk to them."""
