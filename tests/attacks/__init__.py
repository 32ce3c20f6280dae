# SPDX-License-Identifier: Apache-2.0
"""Known attacks, each as a test that they fail (the ids are those of the checklists)."""
