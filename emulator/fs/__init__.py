# SPDX-License-Identifier: Apache-2.0
"""The file system of the enabled profile: the shared base under this card's own changes."""
