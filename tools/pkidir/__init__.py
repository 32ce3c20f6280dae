# SPDX-License-Identifier: Apache-2.0
"""`euicc pki`: a folder of certificates."""
