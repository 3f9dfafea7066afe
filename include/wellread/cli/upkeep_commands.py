"""The operator's commands: what keeps an index true, and takes things out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import keeping, migrating, purging, quarantining, redriving, retiring, upkeeping
from wellread.cli.output import Output
from wellread.cli.shared_options import Collection, Json

upkeep = typer.Typer()


@upkeep.command()
def quarantine(
    source: Annotated[str | None, typer.Argument(help="Only of this source.")] = None,
    document: Annotated[str | None, typer.Option("--document", help="Only this, as its source lists it.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Write their bytes, as they were, below it.")] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """List the documents that could not be read, and why."""
    asked = quarantining.Asked(source, document, save)
    quarantining.quarantine(Output(as_json=as_json), asked, collection=collection)


@upkeep.command()
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


@upkeep.command()
def purge(
    document: Annotated[str, typer.Argument(help="As its source lists it, or its id.")],
    source: Annotated[str | None, typer.Option("--source", help="Of this source.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the receipt.")] = "",
    readmit: Annotated[bool, typer.Option("--readmit", help="Let runs take a purged document again.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every artifact, those of old versions too.")] = False,
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
    options = purging.PurgeOptions(source, reason, dry_run=dry_run, is_confirmed=yes, deep=deep)
    purging.purge(output, document, options, collection=collection)


@upkeep.command()
def retire(
    source: Annotated[str, typer.Argument(help="A source whose declaration is gone.")],
    yes: Annotated[bool, typer.Option("--yes", help="Close its documents without being asked.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Close the documents of a source that is no longer declared."""
    retiring.retire(Output(as_json=as_json), source, confirmed=yes, collection=collection)


@upkeep.command()
def approve(
    source: Annotated[str, typer.Argument(help="The source whose holds are released.")],
    document: Annotated[list[str] | None, typer.Option("--document", help="Only these; may be repeated.")] = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Release held deletions and settings changes; the next run looks again and applies them."""
    keeping.approve(Output(as_json=as_json), source, document, collection=collection)


@upkeep.command()
def vacuum(collection: Collection = None, as_json: Json = False) -> None:
    """Delete what was closed longer than the horizon ago."""
    keeping.run_vacuum(Output(as_json=as_json), collection=collection)


@upkeep.command()
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


@upkeep.command()
def reconcile(
    repair: Annotated[bool, typer.Option(help="Restore what the ledger says.")] = True,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Compare the whole index with the ledger, and repair what differs without embedding anything."""
    upkeeping.reconcile(Output(as_json=as_json), repair=repair, collection=collection)


@upkeep.command()
def rebuild(
    collection: Annotated[str, typer.Argument(help="The logical collection whose index is lost or damaged.")],
    as_json: Json = False,
) -> None:
    """Make an index again from ledger, artifacts and cached vectors, then switch to it. Resumable."""
    upkeeping.rebuild(Output(as_json=as_json), collection)


@upkeep.command()
def migrate(
    collection: Annotated[str, typer.Argument(help="The logical collection to move to the settings' embedder.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what it would embed, and its price.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="A fresh copy where the model is the same.")] = False,
    switch: Annotated[bool, typer.Option(help="Let readers use the new copy at the end.")] = True,
    gold: Annotated[Path | None, typer.Option(help="Golden questions: no switch to a worse copy.")] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the copy before the switch.")] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Drop the copy that is not live.")] = False,
    as_json: Json = False,
) -> None:
    """Move a collection to another embedding model while readers and runs go on. Resumable."""
    migrating.migrate(
        Output(as_json=as_json),
        collection,
        migrating.Asked(dry_run=dry_run, anew=anew, switch=switch, gold=gold, rollback=rollback, finish=finish),
    )


@upkeep.command()
def undo(
    run: Annotated[str, typer.Argument(help="The id of a run, or the number of its revision.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be put back.")] = False,
    confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Put back what a run, and every later one of its source, changed; then hold the source."""
    upkeeping.undo(Output(as_json=as_json), run, dry_run=dry_run, confirmed=confirmed, collection=collection)


@upkeep.command()
def release(
    source: Annotated[str, typer.Argument(help="A source that is held since an undo.")],
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Let runs of a held source go on."""
    upkeeping.release(Output(as_json=as_json), source, collection=collection)
