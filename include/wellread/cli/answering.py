"""``wellread ask``, ``wellread answer`` and ``wellread evaluate``."""

from __future__ import annotations

import dataclasses
import os
import socket
from pathlib import Path

import typer

from wellread.answering.files.answer_files import FORMATS, write_answers
from wellread.answering.files.answer_rows import answer_row_as_dict
from wellread.answering.files.question_files import read_questions
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.errors import SettingsError
from wellread.evaluation.gold import read_gold
from wellread.evaluation.rows import write_rows
from wellread.questions import AnswerRow
from wellread.workspace.evaluating import evaluate_collection
from wellread.workspace.questions import answer_questions
from wellread.workspace.questions import ask as ask_one


def ask(output: Output, question: str, *, collection: str | None) -> None:
    """One question."""
    if not question.strip():
        raise SettingsError("ask a question", found="it is empty", remedy="Write the question as one argument.")
    with opened(output, collection=collection) as workspace:
        row = ask_one(workspace, question)
    output.result(answer_row_as_dict(row))
    print_row(output, row)
    if row.status not in {"answered", "flagged"}:
        raise typer.Exit(EXIT_NOTHING)


def answer(output: Output, questions: Path, out: Path, *, collection: str | None) -> None:
    """A file of questions."""
    _require_format(out)
    if out.resolve() == questions.resolve():
        raise SettingsError(
            f"write answers to {out}", found="that is the file of questions", remedy="Name another file with --out."
        )
    asked = read_questions(questions)
    with output.progress() as bars, opened(output, collection=collection) as workspace:
        bars.start("answer", total_count=len(asked))
        done = 0

        def advance(finished: int, _total: int) -> None:
            nonlocal done
            bars.advance("answer", count=finished - done)
            done = finished

        result = answer_questions(
            workspace, asked, owner=f"shell on {socket.gethostname()}, process {os.getpid()}", on_progress=advance
        )
        bars.finish("answer")
    write_answers(result.rows, out)
    report = {**result.report.as_dict(), "out": str(out), "resumed": result.resumed}
    output.result(report)
    output.line(
        f"{len(result.rows)} answers in {out}" + (" (an interrupted job was continued)" if result.resumed else "")
    )
    output.table(("status", "questions"), sorted(result.report.statuses.items()))


def _require_format(out: Path) -> None:
    """A name that cannot be written is refused before anything is asked."""
    if out.suffix.lower() not in FORMATS or not out.resolve().parent.is_dir():
        raise SettingsError(
            f"write answers to {out}",
            found="its folder does not exist" if out.suffix.lower() in FORMATS else "its ending names no format",
            remedy=f"Name a file in an existing folder that ends in one of: {', '.join(FORMATS)}.",
        )


def evaluate(output: Output, gold: Path, *, out: Path | None, collection: str | None) -> None:
    """Golden questions."""
    asked = read_gold(gold)
    with output.progress() as bars, opened(output, collection=collection) as workspace:
        bars.start("evaluate", total_count=len(asked))
        done = 0

        def advance(finished: int) -> None:
            nonlocal done
            bars.advance("evaluate", count=finished - done)
            done = finished

        report = evaluate_collection(workspace, asked, progress=advance)
        bars.finish("evaluate")
    if out is not None:
        write_rows(out, report.questions)
    measures = {name: dataclasses.asdict(measure) for name, measure in report.measures.items()}
    output.result({"questions": len(asked), "measures": measures})
    output.table(
        ("measure", "value", "95 % interval", "scored", "unscored"),
        [
            (name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", one.count, one.unscored_count)
            for name, one in report.measures.items()
        ],
    )


def print_row(output: Output, row: AnswerRow) -> None:
    """An answer for people: the text, its quotes with places, or the reason why there is none."""
    if row.answer is None:
        why = (row.abstain_reason or row.status).replace("_", " ")
        output.line(f"No answer: {why}.", style="bold")
        return
    output.line(row.answer, style="bold")
    output.line(f"({row.model}: verbatim sentences)" if row.model == "extractive" else f"({row.model})")
    for claim in row.claims:
        for citation in claim.citations:
            page = "" if citation.page is None else f", page {citation.page}"
            output.line(f'  "{citation.quote}"')
            output.line(f"      {citation.document}{page} ({citation.match} quote)")
