# SPDX-License-Identifier: Apache-2.0
"""The EUM: manufactures cards."""
