# SPDX-License-Identifier: Apache-2.0
"""What both servers are built from."""
