"""``wellread search``."""

from __future__ import annotations

from typing import cast, get_args

import typer

from wellread.answering.files.answer_rows import passage_as_dict
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.documents import Passage
from wellread.errors import SettingsError
from wellread.retrieval.results import SearchMode


def search(output: Output, query: str, *, k: int, mode: str, collection: str | None) -> None:
    """Retrieve under the newest snapshot."""
    if mode not in get_args(SearchMode):
        raise SettingsError(
            f"search by {mode!r}",
            found="there is no such mode",
            remedy=f"Choose of {', '.join(get_args(SearchMode))}.",
        )
    with opened(output, collection=collection) as workspace:
        result = workspace.retriever.retrieve(
            query,
            collection=workspace.settings.collection,
            scope=workspace.scope(),
            k=k,
            mode=cast("SearchMode", mode),
        )
    passages = [passage_as_dict(passage) for passage in result.passages]
    output.result({"query": query, "snapshot": result.snapshot.as_text(), "passages": passages})
    for passage in result.passages:
        _print_passage(output, passage)
    if not result.passages:
        output.line("Nothing found.")
        raise typer.Exit(EXIT_NOTHING)


def _print_passage(output: Output, passage: Passage) -> None:
    page = "" if passage.page is None else f", page {passage.page}"
    output.line(f"{passage.rank:>2}. {passage.score:.3f}  {passage.document}{page}  {passage.title}", style="bold")
    output.line(f"    {' '.join(passage.text.split())}")
