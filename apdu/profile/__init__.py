# SPDX-License-Identifier: Apache-2.0
"""Profile packages of the TCA (SAIP, "eUICC Profile Package: Interoperable Format Technical Specification")."""
