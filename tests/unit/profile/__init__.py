# SPDX-License-Identifier: Apache-2.0
"""Tests of profile packages: codecs, elements, packages, templates, building."""
