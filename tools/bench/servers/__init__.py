# SPDX-License-Identifier: Apache-2.0
"""`euicc bench servers`: the SM-SR and the SM-DP as real servers, each in a process of its own."""
