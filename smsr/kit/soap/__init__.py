# SPDX-License-Identifier: Apache-2.0
"""SOAP 1.2 with WS-Addressing, sans-IO: documents read safely, types declared once, envelopes, XML signatures."""
