# SPDX-License-Identifier: Apache-2.0
"""Short messages (TS 23.040, TS 23.038): TPDUs, addresses, user data headers, alphabets; also the toolkit's texts."""
