# SPDX-License-Identifier: Apache-2.0
"""`euicc bench`: what the project measures of itself, against its budgets."""
