"""Open a workspace for one command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wellread.cli.output import Output
from wellread.workspace import Workspace


@contextmanager
def opened(
    output: Output,
    *,
    collection: str | None = None,
    with_progress: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[Workspace]:
    """A workspace with the command's collection and other ``overrides``; progress goes to a terminal only."""
    overrides = {**(overrides or {}), **({} if collection is None else {"collection": collection})}
    if not with_progress:
        with Workspace.open(overrides, report=output.note) as workspace:
            yield workspace
        return
    with (
        output.progress() as progress,
        Workspace.open(overrides, progress=progress, report=output.note) as workspace,
    ):
        yield workspace
