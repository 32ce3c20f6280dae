# SPDX-License-Identifier: Apache-2.0
"""Cards that last: made into an image, and put into the reader of pcscd."""
