# SPDX-License-Identifier: Apache-2.0
"""What both servers run on: calls and their transactions, the bindings over HTTPS, and the clients of other servers."""
