"""Run a source that the ledger knows once more, wherever its declaration is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wellread.errors import SettingsError
from wellread.ledger import explanations
from wellread.runs import BalanceSheet, SourceDeclaration
from wellread.sources.declarations import declaration_for_folder, sound_declarations, source_id_for_name
from wellread.upkeep.vacuum import vacuum
from wellread.workspace.composition import Workspace
from wellread.workspace.upkeeping import sources_folder


def run_again(workspace: Workspace, source_id: str) -> BalanceSheet:
    """All waves of a source into the configured collection, then vacuum.

    Raises ``SettingsError`` as :func:`declaration_to_run` does, ``LeaseHeldError`` while another run is at work.
    """
    declaration = declaration_to_run(workspace, source_id)
    sheet = workspace.runner.run(declaration)
    vacuum(workspace.parts, declaration.collection)
    return sheet


def declaration_to_run(workspace: Workspace, source_id: str) -> SourceDeclaration:
    """The YAML file of a source, else the folder that was ingested by its path.

    Raises ``SettingsError`` where neither is there, and where a faulty file might be the one: a source that is
    run without its own rules would bring in what they leave out.
    """
    collection = workspace.settings.collection
    with workspace.ledger.reading() as reading:
        rows = explanations.find_source_rows(reading, collection, source_id)
    folder = sources_folder(workspace)
    declared, faults = sound_declarations(folder) if folder.is_dir() else ({}, [])
    if source_id in declared:
        return replace(declared[source_id], collection=collection)
    if faults:
        raise faults[0]
    for row in rows:
        location = Path(row["location"])
        if row["kind"] == "folder" and source_id == source_id_for_name(location.name):
            return declaration_for_folder(location, collection=collection, tenant=row["tenant"])
    raise SettingsError(
        f"run the source {source_id!r}",
        found=f"no declaration in {folder} has this id" if rows else f"it has never run into {collection!r}",
        remedy="Run this where its YAML file is, or set WELLREAD_SOURCES_FOLDER.",
    )
