"""``wellread search``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

import typer

from wellread.answering.files.answer_rows import passage_as_dict
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.documents import Passage
from wellread.errors import SettingsError
from wellread.filter_json import filter_from_text
from wellread.filters import AnyOf, all_of
from wellread.retrieval.results import RetrievalResult, SearchMode


def search(
    output: Output,
    query: str,
    *,
    k: int,
    mode: str,
    collection: str | None,
    filter_text: str | None = None,
    sources: Sequence[str] = (),
    least_score: float | None = None,
) -> None:
    """Retrieve under the newest snapshot; a filter and sources narrow what the deployment allows."""
    _check_mode(mode)
    condition = all_of(
        None if filter_text is None else filter_from_text(filter_text),
        AnyOf("source", tuple(sources)) if sources else None,
    )
    with opened(output, collection=collection) as workspace:
        result = workspace.retriever.retrieve(
            query,
            collection=workspace.settings.collection,
            scope=workspace.scope(),
            k=k,
            mode=cast("SearchMode", mode),
            filter=condition,
            least_score=least_score,
        )
    _print(output, result)
    if not result.passages:
        raise typer.Exit(EXIT_NOTHING)


def _check_mode(mode: str) -> None:
    if mode not in get_args(SearchMode):
        raise SettingsError(
            f"search by {mode!r}",
            found="there is no such mode",
            remedy=f"Choose of {', '.join(get_args(SearchMode))}.",
        )


def _print(output: Output, result: RetrievalResult) -> None:
    output.result(
        {
            "query": result.question,
            "snapshot": result.snapshot.as_text(),
            "passages": [passage_as_dict(passage) for passage in result.passages],
            "left_out_count": result.left_out_count,
            "notes": list(result.notes),
        }
    )
    for note in result.notes:
        output.note(note)
    for passage in result.passages:
        _print_passage(output, passage)
    if not result.passages:
        above = f" above that score; {result.left_out_count} are below" if result.left_out_count else ""
        output.line(f"Nothing found{above}.")


def _print_passage(output: Output, passage: Passage) -> None:
    page = "" if passage.page is None else f", page {passage.page}"
    output.line(f"{passage.rank:>2}. {passage.score:.3f}  {passage.document}{page}  {passage.title}", style="bold")
    output.line(f"    {' '.join(passage.text.split())}")
