# SPDX-License-Identifier: Apache-2.0
"""The SM-SR over the air: scripts by SMS (SCP80) and HTTPS (SCP81), their journal, notifications of cards."""
