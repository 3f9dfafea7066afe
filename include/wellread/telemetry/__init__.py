"""Logs, progress and memory: what a running piece of work says about itself."""

from wellread.telemetry.logs import JsonFormatter, LogFormat, LogLevel, PlainFormatter, get_logger, set_up_logging
from wellread.telemetry.memory import peak_memory_bytes
from wellread.telemetry.progress import NoProgress, Progress, TerminalProgress, progress_for

__all__ = [
    "JsonFormatter",
    "LogFormat",
    "LogLevel",
    "NoProgress",
    "PlainFormatter",
    "Progress",
    "TerminalProgress",
    "get_logger",
    "peak_memory_bytes",
    "progress_for",
    "set_up_logging",
]
