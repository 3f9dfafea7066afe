"""The commands and their options. What they do is in the modules beside this one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wellread import __version__
from wellread.cli import (
    answering,
    checking,
    evaluating,
    ingesting,
    keeping,
    purging,
    redriving,
    reporting,
    retiring,
    searching,
    serving,
    upkeeping,
)
from wellread.cli.answer_options import AnswerOptions
from wellread.cli.output import Output
from wellread.errors import WellreadError
from wellread.telemetry.logs import set_up_logging

app = typer.Typer(
    name="wellread",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keeps a Weaviate index in step with your documents and answers questions with checked quotes.",
)
server = typer.Typer(no_args_is_help=True, help="The local Weaviate server of this WELLREAD_HOME.")
app.add_typer(server, name="server")

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")]
Collection = Annotated[
    str | None, typer.Option("--collection", help="The logical collection.", show_default="Documents")
]

Destinations = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="ADDRESS", help="Also here: a file, s3://, a SQL table, https://; repeatable."),
]
Mode = Annotated[
    str | None, typer.Option(metavar="MODE", help="direct, batch (half the price, within a day) or auto")
]
Deadline = Annotated[
    str | None, typer.Option(metavar="TIME", help="When answers are needed (ISO 8601); chooses the mode.")
]
OnBudget = Annotated[
    str | None, typer.Option(metavar="WHAT", help="stop, degrade (a cheaper model) or defer (to tomorrow)")
]


def run() -> None:
    """Run the command line; typed errors become exit codes."""
    set_up_logging(level="warning")
    output = Output(as_json="--json" in sys.argv)
    try:
        app()
    except WellreadError as error:
        raise SystemExit(output.error(error)) from None
    except KeyboardInterrupt:
        output.note("Stopped. Run the same command again: it goes on where it was.")
        raise SystemExit(130) from None


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options of every command."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="The id of a declared source, or a folder.")],
    collection: Collection = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the index in step with a source, and print the balance sheet."""
    ingesting.ingest(Output(as_json=as_json), source, collection=collection, dry_run=dry_run)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("--k", min=1, max=100, help="How many passages.")] = 10,
    mode: Annotated[str, typer.Option(help="hybrid, vector or keyword")] = "hybrid",
    filter_text: Annotated[
        str | None,
        typer.Option("--filter", metavar="JSON", help='Such as {"field": "year", "at_least": 2020}.'),
    ] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="Only of this; may be repeated.")] = None,
    least_score: Annotated[float | None, typer.Option("--least-score", help="Nothing below it.")] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Print the best passages, with scores and where they come from."""
    searching.search(
        Output(as_json=as_json),
        query,
        k=k,
        mode=mode,
        collection=collection,
        filter_text=filter_text,
        sources=source or (),
        least_score=least_score,
    )


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Answer one question with checked quotes, or say why not."""
    answering.ask(Output(as_json=as_json), question, collection=collection)


@app.command()
def answer(
    questions: Annotated[str, typer.Argument(help="JSONL, CSV, XLSX or Parquet with a column `question`.")],
    out: Annotated[str, typer.Option("--out", help="The same rows with answers; the ending says the format.")],
    to: Destinations = None,
    mode: Mode = None,
    deadline: Deadline = None,
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", min=0, help="Never spend more.")] = None,
    on_budget: OnBudget = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print plan and price, spend nothing.")] = False,
    name: Annotated[
        str | None, typer.Option(metavar="JOB", help="What a repeated job is known by.", show_default="--out")
    ] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Answer a file of questions. Run again after a crash, it goes on where it was."""
    options = AnswerOptions(
        questions=questions,
        out=out,
        to=tuple(to or ()),
        mode=mode,
        deadline=deadline,
        budget_usd=budget_usd,
        on_budget=on_budget,
        yes=yes,
        dry_run=dry_run,
        name=name,
        collection=collection,
    )
    answering.answer(Output(as_json=as_json), options)


@app.command()
def check(
    answers: Annotated[str, typer.Argument(help="A file that `wellread answer` wrote.")],
    out: Annotated[Path | None, typer.Option("--out", help="A JSONL file with a line for each quote.")] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Check whether the quotes of old answers are still true. No model is asked."""
    checking.check(Output(as_json=as_json), answers, out=out, collection=collection)


@app.command()
def evaluate(
    gold: Annotated[Path, typer.Argument(help="JSONL rows with id, question, relevant, answers, answerable.")],
    out: Annotated[Path | None, typer.Option("--out", help="A row for each question, to score again.")] = None,
    trec: Annotated[Path | None, typer.Option("--trec", help="A folder for run.txt and qrels.txt.")] = None,
    calibrate: Annotated[
        Path | None, typer.Option("--calibrate", help="Fit when to decline, and write it for calibration_path.")
    ] = None,
    gate: Annotated[bool, typer.Option("--gate", help="Fail where the published results were better.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Make the results the new baseline.")] = False,
    judge: Annotated[bool, typer.Option("--judge", help="Have a language model judge the answers.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend without being asked.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Measure retrieval and answers on golden questions."""
    evaluating.evaluate(
        Output(as_json=as_json),
        gold,
        evaluating.EvaluateOptions(out, trec, calibrate, gate=gate, publish=publish, judge=judge, yes=yes),
        collection=collection,
    )


@app.command()
def status(collection: Collection = None, as_json: Json = False) -> None:
    """Print what the collection holds, its sources and its latest runs."""
    keeping.status(Output(as_json=as_json), collection=collection)


@app.command()
def sources(as_json: Json = False) -> None:
    """List the declared sources."""
    keeping.sources(Output(as_json=as_json))


@app.command()
def doctor(
    ask_model: Annotated[
        bool, typer.Option("--ask-model", help="Also send each model one tiny request; it is paid for.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check whether this deployment is set up right, and say what is missing."""
    keeping.doctor(Output(as_json=as_json), ask_models=ask_model)


@app.command()
def quarantine(
    source: Annotated[str | None, typer.Argument(help="Only of this source.")] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """List the documents that could not be read, and why."""
    keeping.quarantine(Output(as_json=as_json), source, collection=collection)


@app.command()
def redrive(
    document: Annotated[str | None, typer.Argument(help="Only this, as its source lists it.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only of this source.")] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="Only of this cause.")] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Only mark: the next run tries them.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Try quarantined documents again though nothing changed."""
    output = Output(as_json=as_json)
    redriving.redrive(output, document, source=source, cause=cause, run=not no_run, collection=collection)


@app.command()
def purge(
    document: Annotated[str, typer.Argument(help="As its source lists it, or its id.")],
    source: Annotated[str | None, typer.Option("--source", help="Of this source.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the receipt.")] = "",
    readmit: Annotated[bool, typer.Option("--readmit", help="Let runs take a purged document again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Purge without being asked.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Remove the text of a document for ever."""
    output = Output(as_json=as_json)
    if readmit:
        purging.readmit(output, document, source=source, collection=collection)
        return
    options = purging.PurgeOptions(source, reason, dry_run=dry_run, is_confirmed=yes)
    purging.purge(output, document, options, collection=collection)


@app.command()
def retire(
    source: Annotated[str, typer.Argument(help="A source whose declaration is gone.")],
    yes: Annotated[bool, typer.Option("--yes", help="Close its documents without being asked.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Close the documents of a source that is no longer declared."""
    retiring.retire(Output(as_json=as_json), source, confirmed=yes, collection=collection)


@app.command()
def approve(
    source: Annotated[str, typer.Argument(help="The source whose held deletions are released.")],
    document: Annotated[list[str] | None, typer.Option("--document", help="Only these; may be repeated.")] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Release held deletions; the next run looks again and applies them."""
    keeping.approve(Output(as_json=as_json), source, document, collection=collection)


@app.command()
def vacuum(collection: Collection = None, as_json: Json = False) -> None:
    """Delete what was closed longer than the horizon ago."""
    keeping.run_vacuum(Output(as_json=as_json), collection=collection)


@app.command()
def explain(
    document: Annotated[str, typer.Argument(help="As its source lists it, or its id.")],
    source: Annotated[str | None, typer.Option("--source", help="Only of this source.")] = None,
    ask_source: Annotated[bool, typer.Option(help="Read the source's listing too.")] = True,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Say why a document is, or is not, in the index."""
    upkeeping.explain(
        Output(as_json=as_json), document, source=source, ask_source=ask_source, collection=collection
    )


@app.command()
def reconcile(
    repair: Annotated[bool, typer.Option(help="Restore what the ledger says.")] = True,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Compare the whole index with the ledger, and repair what differs without embedding anything."""
    upkeeping.reconcile(Output(as_json=as_json), repair=repair, collection=collection)


@app.command()
def rebuild(
    collection: Annotated[str, typer.Argument(help="The logical collection whose index is lost or damaged.")],
    as_json: Json = False,
) -> None:
    """Make an index again from ledger, artifacts and cached vectors, then switch to it. Resumable."""
    upkeeping.rebuild(Output(as_json=as_json), collection)


@app.command()
def undo(
    run: Annotated[str, typer.Argument(help="The id of a run, or the number of its revision.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be put back.")] = False,
    confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Put back what a run, and every later one of its source, changed; then hold the source."""
    upkeeping.undo(Output(as_json=as_json), run, dry_run=dry_run, confirmed=confirmed, collection=collection)


@app.command()
def release(
    source: Annotated[str, typer.Argument(help="A source that is held since an undo.")],
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Let runs of a held source go on."""
    upkeeping.release(Output(as_json=as_json), source, collection=collection)


@app.command()
def report(
    source: Annotated[str, typer.Argument(help="The id of the source.")],
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Open the newest quality report of a source: its pages are written below the home."""
    reporting.report(Output(as_json=as_json), source, collection=collection)


@server.command("start")
def server_start(as_json: Json = False) -> None:
    """Start the local Weaviate, or find it running."""
    serving.start(Output(as_json=as_json))


@server.command("stop")
def server_stop(as_json: Json = False) -> None:
    """Stop it cleanly."""
    serving.stop(Output(as_json=as_json))


@server.command("status")
def server_status(as_json: Json = False) -> None:
    """Say whether it runs, and where."""
    serving.status(Output(as_json=as_json))


@server.command("install")
def server_install(as_json: Json = False) -> None:
    """Find or build the server binary, without starting it."""
    serving.install(Output(as_json=as_json))
