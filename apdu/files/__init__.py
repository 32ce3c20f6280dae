# SPDX-License-Identifier: Apache-2.0
"""The files of a UICC: how they are called, and what is in them."""
