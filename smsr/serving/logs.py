# SPDX-License-Identifier: Apache-2.0
"""Log records as one JSON object a line. Whatever a value holds, it stays inside its quotes.

`logger.info("request", extra=fields(caller=..., status=200))`: names and values that programs look for. Bodies, keys
and headers of messages are no fields of anything.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

__all__ = ["JsonFormatter", "fields", "log_to"]

_FIELDS: Final = "m2m_fields"


def fields(**values: object) -> Mapping[str, object]:
    """What `extra` of a logging call takes; values that are None are left out."""
    return {_FIELDS: {name: value for name, value in values.items() if value is not None}}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, event, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to(stream: TextIO, level: int = logging.INFO) -> logging.Handler:
    """Write what the servers log to a stream; the handler, to take it away again."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    for name in ("smsr", "smdp"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
    return handler
