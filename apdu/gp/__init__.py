# SPDX-License-Identifier: Apache-2.0
"""Data objects of GlobalPlatform and SGP.02: what INSTALL, STORE DATA, PUT KEY, DELETE and others carry."""
