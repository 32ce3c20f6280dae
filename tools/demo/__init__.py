# SPDX-License-Identifier: Apache-2.0
"""`euicc demo`: the main job from certificates to a network attach."""
