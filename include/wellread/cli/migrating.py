"""``wellread migrate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wellread.cli.opening import opened
from wellread.cli.output import Output
from wellread.upkeep.migrating import Migrated, roll_back
from wellread.upkeep.migrating import finish as finish_migration
from wellread.upkeep.migrating import migrate as migrate_collection
from wellread.workspace import Workspace
from wellread.workspace.migrating import gold_gate, price_migration


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    dry_run: bool
    anew: bool
    switch: bool
    gold: Path | None
    rollback: bool
    finish: bool


def migrate(output: Output, collection: str, asked: Asked) -> None:
    """Fill, compare and switch; or go back; or drop the copy that is not live."""
    with opened(output, collection=collection, with_progress=True) as workspace:
        if asked.dry_run:
            _price(output, workspace, collection)
            return
        done = _migrate(workspace, collection, asked)
    output.result(done.as_dict())
    other = "" if done.other is None else f", copy {done.other} is kept in step"
    output.line(
        f"{collection}: {done.state}; copy {done.live} is live{other}; {done.filled.written} objects written, "
        f"{done.filled.embedded} texts embedded, 0 parses, 0 source reads, in {done.seconds:.1f} s",
        style="bold",
    )
    for old in done.dropped:
        output.line(f"Copy {old} was dropped.")
    if done.state == "switched":
        output.line(
            f"Back: wellread migrate {collection} --rollback. For good: wellread migrate {collection} --finish."
        )


def _migrate(workspace: Workspace, collection: str, asked: Asked) -> Migrated:
    if asked.rollback:
        return roll_back(workspace.parts, collection)
    if asked.finish:
        return finish_migration(workspace.parts, collection)
    gate = None if asked.gold is None else gold_gate(workspace, asked.gold)
    return migrate_collection(workspace.parts, collection, anew=asked.anew, switch=asked.switch, gate=gate)


def _price(output: Output, workspace: Workspace, collection: str) -> None:
    priced = price_migration(workspace, collection)
    output.result(priced.as_dict())
    found = priced.estimate
    cost = "price not known" if priced.usd is None else f"{priced.usd[0]:.4f} to {priced.usd[1]:.4f} USD"
    output.line(
        f"{collection}: {found.documents} documents, {found.chunks} chunks, {found.inputs} distinct inputs to "
        f"embed, at most {found.tokens} tokens, {cost}; {found.too_long} inputs are too long for the new model",
        style="bold",
    )
