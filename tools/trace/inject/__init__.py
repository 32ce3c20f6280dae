# SPDX-License-Identifier: Apache-2.0
"""What goes into a recorded program: this folder, and nothing else of the project, is in front of its module path."""
