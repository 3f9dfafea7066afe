"""What commands print: one JSON object for machines, short text for people, errors with what to do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from wellread.errors import WellreadError
from wellread.telemetry.progress import NoProgress, Progress, TerminalProgress

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
"""The command worked, but there is nothing to show: no passage, no answer."""
EXIT_RETRY = 75
"""As in sysexits.h: a temporary failure, the same command can succeed later."""


class Output:
    """Standard output carries results only; everything else goes to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=True)
        self.messages = Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, value: Mapping[str, Any]) -> None:
        """The one JSON object of ``--json``; nothing without it."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")

    def line(self, text: str = "", *, style: str | None = None) -> None:
        """A line for people; silent with ``--json``. The text is never read as markup."""
        if not self.as_json:
            self.console.print(text, style=style, markup=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people."""
        if self.as_json or not rows:
            return
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(escape_cell(cell) for cell in row))
        self.console.print(table)

    def note(self, text: str) -> None:
        """A remark on standard error."""
        self.messages.print(text, markup=False, style="dim")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars on a terminal, nothing elsewhere."""
        if not sys.stderr.isatty() or os.environ.get("CI"):
            yield NoProgress()
            return
        with TerminalProgress() as bars:
            yield bars

    def error(self, error: WellreadError) -> int:
        """Tell an error; returns the exit code."""
        if self.as_json:
            sys.stdout.write(json.dumps(error.as_dict(), ensure_ascii=False) + "\n")
        else:
            self.messages.print(f"error: {error.asked}", markup=False, style="bold red")
            self.messages.print(f"found: {error.found}", markup=False)
            self.messages.print(f"do:    {error.remedy}", markup=False)
        return EXIT_RETRY if error.retryable else EXIT_ERROR


def escape_cell(cell: object) -> str:
    """A cell as plain text: square brackets in documents are no markup."""
    return ("" if cell is None else str(cell)).replace("[", r"\[")
