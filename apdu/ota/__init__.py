# SPDX-License-Identifier: Apache-2.0
"""Over the air: secured packets (SCP80), remote command formats, administration over HTTPS (SCP81)."""
