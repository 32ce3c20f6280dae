# SPDX-License-Identifier: Apache-2.0
"""The server side of both bindings: HTTPS with certificates on both sides, JSON and SOAP over one `Service`."""
