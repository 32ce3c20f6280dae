# SPDX-License-Identifier: Apache-2.0
"""Profile elements: every type of the module PEDefinitions, declared."""
