"""What upkeep needs from a deployment: sources by their ledger row, and the operations bound to its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wellread.errors import PolicyError, SettingsError, WellreadError
from wellread.indexing.plans import lease_name
from wellread.ledger import documents as ledger_documents
from wellread.ledger import explanations, leases
from wellread.ledger.documents import key_bytes
from wellread.runs import SourceDeclaration
from wellread.sources.declarations import declaration_for_folder, sound_declarations, source_id_for_name
from wellread.sources.protocol import Source
from wellread.upkeep.explaining import Explained, Explainer, Listed
from wellread.upkeep.former_names import PurgeTarget
from wellread.upkeep.purging import Receipt, purge
from wellread.workspace.composition import Workspace


def explain_document(
    workspace: Workspace, name: str, *, source_id: str | None = None, ask_source: bool = True
) -> Explained:
    """Why the document is, or is not, in the configured collection. ``ask_source``: read its listing too."""

    def look(row: Mapping[str, Any], natural_key: str) -> Listed:
        return _look(workspace, row, natural_key) if ask_source else Listed(None, problem="not asked")

    explainer = Explainer(workspace.ledger, workspace.artifacts, lambda: workspace.store, look)
    return explainer.explain(workspace.settings.collection, name, source_id=source_id)


def runs_at_work(workspace: Workspace, source_ids: Sequence[str] | None = None) -> dict[str, str]:
    """Source -> the run that holds it now, of the configured collection (or of these sources of it)."""
    collection = workspace.settings.collection
    with workspace.ledger.reading() as reading:
        known = [row["source_id"] for row in explanations.find_source_rows(reading, collection)]
        wanted = known if source_ids is None else source_ids
        found = {name: leases.find_holder(reading, lease_name(collection, name)) for name in wanted}
    return {name: holder for name, holder in found.items() if holder is not None}


def purge_document(workspace: Workspace, target: PurgeTarget, *, reason: str, deep: bool = False) -> Receipt:
    """Purge it, cached responses too. The receipt says whether its source still lists it."""
    with workspace.ledger.reading() as reading:
        row = explanations.find_source_rows(reading, target.collection, target.source_id)[0]
    listed = _look(workspace, row, target.natural_key)
    told = {
        True: f"the source {target.source_id} still lists it: runs hold it off",
        False: None,
        None: f"the source {target.source_id} could not be asked whether it still lists it: {listed.problem}",
    }[listed.is_listed]
    cache = workspace.language_models.cache
    forget = (lambda _tenant, _keys: None) if cache is None else cache.forget
    unreached = () if told is None else (told,)
    return purge(workspace.parts, target, reason=reason, forget_cached=forget, unreached=unreached, deep=deep)


def sources_folder(workspace: Workspace) -> Path:
    """Where the YAML files of sources are, whether it exists or not."""
    return workspace.settings.sources_folder or Path("dags/sources")


def declared_ids(workspace: Workspace) -> frozenset[str] | None:
    """The ids of all YAML files; ``None`` where one cannot be read, or the folder that was set is not there.

    What cannot be read may declare any source.
    """
    folder = sources_folder(workspace)
    if workspace.settings.sources_folder is not None and not folder.is_dir():
        return None
    declared, faults = sound_declarations(folder) if folder.is_dir() else ({}, [])
    return None if faults else frozenset(declared)


def is_declared(row: Mapping[str, Any], ids: frozenset[str] | None) -> bool:
    """Whether a source of the ledger has its YAML file, or was given by the path of a folder that exists.

    ``ids``: of :func:`declared_ids`.
    """
    if ids is None or row["source_id"] in ids:
        return True
    location = Path(row["location"])
    is_by_path = row["kind"] == "folder" and row["source_id"] == source_id_for_name(location.name)
    return is_by_path and location.is_dir()


def require_undeclared(workspace: Workspace, source_id: str) -> None:
    """The guard of a retirement. Raises ``PolicyError`` while the source may still be declared."""
    with workspace.ledger.reading() as reading:
        rows = explanations.find_source_rows(reading, workspace.settings.collection, source_id)
    if rows and is_declared(rows[0], declared_ids(workspace)):
        raise PolicyError(
            f"retire the source {source_id!r}",
            found="it is still declared, its folder is still there, or a faulty YAML file may declare it",
            remedy="Remove its YAML file (or its folder) first; to empty a source, delete its documents there.",
        )


def undeclared_sources(workspace: Workspace) -> list[Mapping[str, Any]]:
    """Ledger rows, with counts of documents, of the sources in use whose declaration is gone."""
    ids = declared_ids(workspace)
    with workspace.ledger.reading() as reading:
        known = ledger_documents.list_sources(reading)
    in_use = [row for row in known if row["held_reason"] is None and row["retired_at"] is None]
    return [row for row in in_use if not is_declared(row, ids)]


def declaration_of(workspace: Workspace, row: Mapping[str, Any]) -> SourceDeclaration:
    """The declaration behind a source of the ledger: its YAML file, else the folder that was ingested by path.

    Raises ``SettingsError`` where neither is there.
    """
    folder = sources_folder(workspace)
    # A faulty file does not hide the others.
    declared, _ = sound_declarations(folder) if folder.is_dir() else ({}, [])
    if row["source_id"] in declared:
        return replace(declared[row["source_id"]], collection=row["collection"])
    if row["kind"] == "folder":
        plain = declaration_for_folder(Path(row["location"]), collection=row["collection"], tenant=row["tenant"])
        return replace(plain, id=row["source_id"])
    raise SettingsError(
        f"read the source {row['source_id']!r}",
        found=f"no declaration in {folder} has this id",
        remedy="Run the command where its YAML file is, or set WELLREAD_SOURCES_FOLDER.",
    )


def _look(workspace: Workspace, row: Mapping[str, Any], natural_key: str) -> Listed:
    try:
        source = workspace.open_source(declaration_of(workspace, row))
    except WellreadError as error:
        return Listed(None, problem=error.found)
    try:
        return _listed(source, natural_key)
    except WellreadError as error:
        return Listed(None, problem=error.found)
    finally:
        source.close()


def _listed(source: Source, natural_key: str) -> Listed:
    """Read the listing up to where the key must stand: it comes sorted."""
    wanted = key_bytes(natural_key)
    listing = source.list_objects()
    for item in listing.objects:
        if item.natural_key == natural_key:
            return Listed(is_listed=True, version_token=item.version_token)
        if key_bytes(item.natural_key) > wanted:
            break
    problem = "; ".join(listing.problems) or None
    return Listed(is_listed=None if problem else False, problem=problem)
