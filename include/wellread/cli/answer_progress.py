"""A question job on a terminal: rows, money, and what is waited for."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from wellread.answering.jobs.running import JobPending
from wellread.cli.answer_plans import usd
from wellread.cli.output import Output
from wellread.workspace import Workspace
from wellread.workspace.spending import spent_usd

if TYPE_CHECKING:
    from rich.progress import Progress

_COST_SECONDS = 1.0
"""The cost is read from the ledger at most so often."""


class AnswerProgress:
    """One line on a terminal; elsewhere only what is waited for, as remarks."""

    def __init__(self, output: Output, workspace: Workspace) -> None:
        self.done_count = 0
        self.total_count = 0
        self._output = output
        self._workspace = workspace
        self._bars = _bars(output) if sys.stderr.isatty() and not os.environ.get("CI") else None
        self._task = self._bars.add_task("planning", total=None, said="") if self._bars is not None else None
        self._job_id = ""
        self._cost_at_seconds = 0.0
        self._told: JobPending | None = None

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def planned(self, job_id: str) -> None:
        """Answering begins."""
        self._job_id = job_id

    def advance(self, done: int, total: int) -> None:
        """So many rows are at their end."""
        self.done_count, self.total_count = done, total
        if self._bars is None or self._task is None:
            return
        self._bars.update(self._task, description="answering", completed=done, total=total)
        if time.monotonic() - self._cost_at_seconds >= _COST_SECONDS:
            self._cost_at_seconds = time.monotonic()
            spent = spent_usd(self._workspace, self._job_id)
            self._bars.update(self._task, said="" if spent is None else usd(spent))

    def wait(self, pending: JobPending) -> None:
        """Sleep until the provider's batch is worth another look, and say so."""
        waiting = pending.row_count - pending.final_count
        said = f"{waiting} in the provider's batches"
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, said=f"{said}, looked at every {pending.wait_seconds:.0f} s")
        elif self._told is None or self._told.final_count != pending.final_count:
            self._output.note(f"{said}; {pending.final_count} are answered. Ctrl-C is safe: run it again later.")
        self._told = pending
        time.sleep(pending.wait_seconds)


def _bars(output: Output) -> Progress:
    from rich import progress as bars

    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(bar_width=20),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[said]}"),
        console=output.messages,
        transient=True,
    )
