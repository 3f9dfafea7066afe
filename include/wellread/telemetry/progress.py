"""Progress: told to a person on a terminal, and to nobody else."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress(Protocol):
    """Hears how far a piece of work is. Stages are named by the caller and may overlap."""

    def start(self, stage: str, *, total_count: int | None = None) -> None:
        """Stage ``stage`` begins; ``total_count`` is None where the size is not known yet."""

    def advance(self, stage: str, *, count: int = 1) -> None:
        """``count`` more units of ``stage`` are done. A stage that was not started begins."""

    def finish(self, stage: str) -> None:
        """Stage ``stage`` has ended."""


class NoProgress:
    """Hears and says nothing: for libraries, tasks and pipes."""

    def start(self, stage: str, *, total_count: int | None = None) -> None:
        """Nothing happens."""

    def advance(self, stage: str, *, count: int = 1) -> None:
        """Nothing happens."""

    def finish(self, stage: str) -> None:
        """Nothing happens."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class TerminalProgress:
    """Bars on standard error, by rich. A context manager: leaving it clears the bars."""

    def __init__(self, stream: TextIO | None = None) -> None:
        # Imported here: everybody imports telemetry, and few look at bars.
        from rich import progress as bars
        from rich.console import Console

        self._bars = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            console=Console(file=stream if stream is not None else sys.stderr),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self, stage: str, *, total_count: int | None = None) -> None:
        """Show a bar for ``stage``, or give the bar that is there its total."""
        if stage in self._tasks:
            self._bars.update(self._tasks[stage], total=total_count)
        else:
            self._tasks[stage] = self._bars.add_task(stage, total=total_count)

    def advance(self, stage: str, *, count: int = 1) -> None:
        """Move the bar of ``stage`` on."""
        if stage not in self._tasks:
            self.start(stage)
        self._bars.update(self._tasks[stage], advance=count)

    def finish(self, stage: str) -> None:
        """Take the bar of ``stage`` away."""
        task = self._tasks.pop(stage, None)
        if task is not None:
            self._bars.remove_task(task)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


def progress_for(stream: TextIO | None = None) -> TerminalProgress | NoProgress:
    """Bars where ``stream`` (standard error) is a terminal, silence everywhere else."""
    target = stream if stream is not None else sys.stderr
    return TerminalProgress(target) if target.isatty() else NoProgress()
