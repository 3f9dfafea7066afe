"""Open a workspace for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wellread.cli.output import Output
from wellread.workspace import Workspace


@contextmanager
def opened(output: Output, *, collection: str | None = None, with_progress: bool = False) -> Iterator[Workspace]:
    """A workspace with the command's collection; progress goes to a terminal only."""
    overrides: dict[str, Any] = {} if collection is None else {"collection": collection}
    if not with_progress:
        with Workspace.open(overrides, report=output.note) as workspace:
            yield workspace
        return
    with (
        output.progress() as progress,
        Workspace.open(overrides, progress=progress, report=output.note) as workspace,
    ):
        yield workspace
