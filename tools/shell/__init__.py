# SPDX-License-Identifier: Apache-2.0
"""`euicc shell`: the commands at a reader, one after the other on a card that stays connected."""
