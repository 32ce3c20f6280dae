# SPDX-License-Identifier: Apache-2.0
"""Security domains: ISD-R, ECASD, ISD-P, MNO-SD and supplementary ones, and what they do."""
