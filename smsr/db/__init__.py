# SPDX-License-Identifier: Apache-2.0
"""What an SM-SR keeps, in a database."""
