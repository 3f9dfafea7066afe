"""Logging: one tree of loggers, set up only by the command line (a library never configures handlers)."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

ROOT = "wellread"
LogFormat = Literal["plain", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def get_logger(name: str) -> logging.Logger:
    """The logger of one module. ``name`` is ``__name__``; foreign names are put below ``wellread``."""
    if name == ROOT or name.startswith(f"{ROOT}."):
        return logging.getLogger(name)
    return logging.getLogger(f"{ROOT}.{name}")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and whatever came in ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON; values that JSON cannot hold are written as text."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """``12:00:01 warning models: message``: short lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, followed by the traceback where there is one."""
        at = datetime.fromtimestamp(record.created, tz=UTC).strftime("%H:%M:%S")
        name = record.name.removeprefix(f"{ROOT}.")
        line = f"{at} {record.levelname.lower()} {name}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _WellreadHandler(logging.StreamHandler[TextIO]):
    """Our own handler type, so that setting up twice replaces instead of doubling."""


def set_up_logging(
    *, log_format: LogFormat = "plain", level: LogLevel = "warning", stream: TextIO | None = None
) -> None:
    """Send Wellread's records to ``stream`` (standard error). Standard output stays free for results.

    Calling it again replaces the former set-up. Other libraries' loggers are left alone.
    """
    logger = logging.getLogger(ROOT)
    for handler in [each for each in logger.handlers if isinstance(each, _WellreadHandler)]:
        logger.removeHandler(handler)
    handler = _WellreadHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else PlainFormatter())
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
