# SPDX-License-Identifier: Apache-2.0
"""The profile interpreter: from the elements of a package to a profile base (SAIP 8)."""

from emulator.profile.interpreter.interpreter import Interpreter
from emulator.profile.interpreter.outcome import InstallError

__all__ = ["InstallError", "Interpreter"]
