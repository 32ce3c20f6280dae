# SPDX-License-Identifier: Apache-2.0
"""The card (GSMA SGP.02 eUICC) and what surrounds it: device, network, factory, readers."""
