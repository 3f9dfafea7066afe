"""``wellread ask`` and ``wellread answer``."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import typer

from wellread.answering.destinations.files import LocalFile, S3Object
from wellread.answering.destinations.protocol import Destination
from wellread.answering.files.answer_rows import answer_row_as_dict
from wellread.answering.jobs.planning import job_id_of
from wellread.answering.jobs.reporting import AnswerDiff
from wellread.answering.jobs.running import JobPending
from wellread.cli.answer_options import AnswerOptions, budget_override, when_of
from wellread.cli.answer_plans import confirm_price, plan_as_dict, print_plan, usd
from wellread.cli.answer_progress import AnswerProgress
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.errors import PolicyError, SettingsError, WellreadError
from wellread.questions import AnswerRow, Question
from wellread.workspace import Workspace
from wellread.workspace.publishing import destination_of, publish_answers, read_questions_at
from wellread.workspace.questions import (
    BatchResult,
    PlannedJob,
    advance_plan,
    close_job,
    finish_plan,
    plan_questions,
)
from wellread.workspace.questions import ask as ask_one

EXIT_INTERRUPTED = 130
"""As shells have it: 128 and the signal's number."""
_SHOWN_CHANGES = 10


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


def answer(output: Output, options: AnswerOptions) -> None:
    """A file of questions: plan, show the price, answer, publish."""
    mode, deadline_at = when_of(options)
    with opened(output, collection=options.collection, overrides=budget_override(options)) as workspace:
        asked, destinations = _inputs(workspace, options)
        with AnswerProgress(output, workspace):
            job = plan_questions(workspace, asked, mode=mode, deadline_at=deadline_at)
        if options.dry_run:
            _forget(workspace, job)
            output.result({"dry_run": True, **plan_as_dict(job)})
            print_plan(output, job)
            return
        print_plan(output, job)
        _confirm(output, workspace, job, yes=options.yes)
        with AnswerProgress(output, workspace) as progress:
            result = _execute(output, workspace, job, progress, job_name=options.job_name)
        places = _publish(output, workspace, result, destinations, job_name=options.job_name)
        close_job(workspace, job, result.rows, job_name=options.job_name)
    _print_result(output, job, result, places)


def _inputs(workspace: Workspace, options: AnswerOptions) -> tuple[list[Question], list[Destination]]:
    """The questions, and where answers go: what cannot be read or written is refused before anything is asked."""
    out = destination_of(workspace, options.out)
    if not isinstance(out, LocalFile | S3Object):
        raise SettingsError(
            f"write answers to {out.label}",
            found="it is no file",
            remedy="Name a file, or s3://bucket/key, with --out, and the rest with --to.",
        )
    destinations = [out, *(destination_of(workspace, address) for address in options.to)]
    for one in destinations:
        if isinstance(one, LocalFile) and one.path.resolve() == Path(options.questions).resolve():
            raise SettingsError(
                f"write answers to {one.label}",
                found="that is the file of questions",
                remedy="Name another file with --out.",
            )
    asked = read_questions_at(workspace, options.questions)
    columns = list(dict.fromkeys(name for question in asked for name in question.columns))
    for one in destinations:
        one.check(columns)
    return asked, destinations


def _confirm(output: Output, workspace: Workspace, job: PlannedJob, *, yes: bool) -> None:
    try:
        confirm_price(output, job, limit_usd=workspace.settings.answering.budget.confirm_above_usd, yes=yes)
    except PolicyError:
        _forget(workspace, job)
        raise


def _forget(workspace: Workspace, job: PlannedJob) -> None:
    """A plan that nobody began is not gone on with: documents may change until the next call."""
    if not job.resumed:
        workspace.question_jobs.remember_plan(job.input_key, job.plan_reference, finished=True)


def _execute(
    output: Output, workspace: Workspace, job: PlannedJob, progress: AnswerProgress, *, job_name: str
) -> BatchResult:
    owner = f"shell on {socket.gethostname()}, process {os.getpid()}"
    progress.planned(job_id_of(job.plan_reference))
    try:
        while True:
            state = advance_plan(
                workspace, job.plan_reference, owner=owner, sending=job.sending, on_progress=progress.advance
            )
            if not isinstance(state, JobPending):
                return finish_plan(workspace, job, state, job_name=job_name)
            progress.wait(state)
    except KeyboardInterrupt:
        output.note(
            f"Stopped: {progress.done_count} of {job.estimate.row_count} questions are answered. Run the same "
            "command again: it goes on from there, and pays nothing twice that has come back."
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _publish(
    output: Output, workspace: Workspace, result: BatchResult, destinations: Sequence[Destination], *, job_name: str
) -> list[str]:
    """Write to all places in order; where one fails, what is written stays, and is told."""
    places: list[str] = []
    try:
        for one in destinations:
            place = publish_answers(
                workspace, result.rows, one, job_name=job_name, report=result.report, diff=result.diff
            )
            places.append(place)
    except WellreadError:
        if places:
            output.note(f"The answers are in {', '.join(places)}; publishing them again asks and pays nothing.")
        raise
    return places


def _print_result(output: Output, job: PlannedJob, result: BatchResult, places: Sequence[str]) -> None:
    report = result.report
    told = {
        **report.as_dict(),
        "out": places[0],
        "published": list(places),
        "resumed": result.resumed,
        "plan": plan_as_dict(job),
        "diff": None if result.diff is None else {**result.diff.counts(), "changes": _changes(result.diff)},
    }
    output.result(told)
    output.line(f"{len(result.rows)} answers in {places[0]}")
    for place in places[1:]:
        output.line(f"   also in {place}")
    output.table(("status", "questions"), sorted(report.statuses.items()))
    output.table(("flag", "questions"), sorted(report.flags.items()))
    if set(report.models) - {"none", "extractive"}:
        before = f", {report.reused_count} were answered before" if report.reused_count else ""
        output.line(f"Cost: {usd(report.cost_usd)}{before}.")
    if report.maybe_billed:
        output.line(f"Perhaps paid twice: {', '.join(report.maybe_billed)}")
    if result.diff is not None:
        _print_diff(output, result.diff)


def _changes(diff: AnswerDiff) -> list[dict[str, object]]:
    return [dataclasses.asdict(change) for change in diff.changes]


def _print_diff(output: Output, diff: AnswerDiff) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in diff.counts().items())
    output.line(f"Since it was published last: {counts}.")
    output.table(
        ("question", "what", "because of", "now"),
        [
            (change.id, change.kind, ", ".join(change.causes), _short(change.after or ""))
            for change in diff.changes[:_SHOWN_CHANGES]
        ],
    )
    if len(diff.changes) > _SHOWN_CHANGES:
        output.line(f"... and {len(diff.changes) - _SHOWN_CHANGES} more, with --json.")


def _short(text: str, chars: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= chars else f"{line[: chars - 3]}..."


def print_row(output: Output, row: AnswerRow) -> None:
    """An answer for people: the text with its quotes, or the reason why there is none; then who gave it."""
    if row.answer is None:
        why = (row.abstain_reason or row.status).replace("_", " ")
        output.line(f"No answer: {why}.", style="bold")
        if row.error is not None:
            output.line(f"  {row.error.get('found', '')}")
    else:
        output.line(row.answer, style="bold")
    for claim in row.claims:
        for citation in claim.citations:
            page = "" if citation.page is None else f", page {citation.page}"
            output.line(f'  "{citation.quote}"')
            output.line(f"      {citation.document}{page} ({citation.match} quote)")
    output.line(f"({', '.join(_told_of(row))})", style="dim")


def _told_of(row: AnswerRow) -> list[str]:
    """Model, prompt, cost and flags."""
    told = [f"{row.model}: verbatim sentences" if row.model == "extractive" else row.model]
    if row.prompt is not None:
        told.append(f"prompt {row.prompt}")
    if row.origin in {"ledger", "cache"}:
        told.append("answered before, nothing paid")
    elif row.origin == "model" and row.model != "extractive":
        told.append(usd(row.cost_usd))
    return [*told, *(f"flag {flag}" for flag in row.flags)]
