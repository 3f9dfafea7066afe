"""``wellread purge``."""

from __future__ import annotations

from dataclasses import dataclass

from wellread.cli.consenting import require_consent
from wellread.cli.opening import opened
from wellread.cli.output import Output
from wellread.errors import SettingsError
from wellread.ledger import purges
from wellread.upkeep.former_names import PurgeTarget
from wellread.upkeep.purging import find_target, survey
from wellread.workspace.upkeeping import purge_document


@dataclass(frozen=True, slots=True)
class PurgeOptions:
    """What a person gave beside the document."""

    source: str | None
    reason: str
    dry_run: bool
    is_confirmed: bool
    deep: bool = False


def purge(output: Output, document: str, options: PurgeOptions, *, collection: str | None) -> None:
    """Remove a document for ever and print the receipt."""
    with opened(output, collection=collection) as workspace:
        name = workspace.settings.collection
        target = find_target(workspace.parts, name, document, source_id=options.source)
        if options.dry_run or not options.is_confirmed:
            counts = dict(survey(workspace.parts, target))
            if options.dry_run:
                output.result({**_told(target), "found": counts})
            output.line(f"{target.source_id}/{target.natural_key}: a purge cannot be undone.", style="bold")
            output.table(("found", "count"), sorted(counts.items()))
            for name in target.former_keys:
                output.line(f"it was called {name} before")
            for note in target.notes:
                output.line(f"not purged with it: {note}")
            if options.dry_run:
                return
            require_consent(
                output,
                "Remove all of this for ever?",
                asked=f"purge {target.natural_key!r}",
                remedy="See what would go with --dry-run, then confirm it with --yes.",
            )
        receipt = purge_document(workspace, target, reason=options.reason, deep=options.deep)
    output.result(receipt.as_dict())
    output.line(f"{target.source_id}/{target.natural_key} is purged. Receipt: {receipt.reference}", style="bold")
    output.table(("removed", "count"), sorted(receipt.removed.items()))
    for reference in receipt.kept_artifacts:
        output.line(f"kept, another document needs it: {reference}")
    for place in receipt.unreached:
        output.line(f"not reached: {place}")


def _told(target: PurgeTarget) -> dict[str, object]:
    return {
        "document": target.natural_key,
        "source": target.source_id,
        "former_names": list(target.former_keys),
        "notes": list(target.notes),
    }


def readmit(output: Output, document: str, *, source: str | None, collection: str | None) -> None:
    """Let runs take a purged document again."""
    with opened(output, collection=collection) as workspace:
        target = find_target(workspace.parts, workspace.settings.collection, document, source_id=source)
        with workspace.ledger.transaction() as tx:
            done = purges.readmit(tx, target.collection, target.source_id, target.natural_key)
    if not done:
        raise SettingsError(
            f"readmit {target.natural_key!r}",
            found="no finished purge holds it off",
            remedy="A purge that was cut off must be repeated first.",
        )
    output.result({"readmitted": target.natural_key, "source": target.source_id})
    output.line(f"The next `wellread ingest {target.source_id}` takes {target.natural_key} again.")
