# SPDX-License-Identifier: Apache-2.0
"""Commands, responses, classes, status words."""

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.command.status import SW, StatusWord, is_success

__all__ = ["SW", "CommandApdu", "ResponseApdu", "StatusWord", "exchange", "is_success"]
