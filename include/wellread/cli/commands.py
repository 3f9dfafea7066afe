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
    reporting,
    searching,
    serving,
)
from wellread.cli.answer_options import AnswerOptions
from wellread.cli.output import Output
from wellread.cli.shared_options import Collection, Json
from wellread.cli.upkeep_commands import upkeep
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
app.add_typer(upkeep)  # without a name: they stand beside the others

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
