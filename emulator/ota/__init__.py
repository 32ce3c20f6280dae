# SPDX-License-Identifier: Apache-2.0
"""The card over the air: secured packets by SMS, administration over HTTPS, notifications."""
