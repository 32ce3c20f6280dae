# SPDX-License-Identifier: Apache-2.0
"""`euicc es1` to `es4a`: a client for each function, all of them made from the tables of functions."""
