# SPDX-License-Identifier: Apache-2.0
"""What happens when the power fails."""
