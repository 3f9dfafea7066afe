"""Is this deployment set up right? Each part is tried, and what is missing is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wellread.documents import ParsedDocument
from wellread.errors import WellreadError
from wellread.models.embedding.self_check import CANARY_TEXT
from wellread.parsing.tesseract_program import described
from wellread.sources.declarations import load_declarations
from wellread.workspace.composition import Workspace
from wellread.workspace.examining_models import model_checks
from wellread.workspace.upkeeping import undeclared_sources


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, tried."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def examine(workspace: Workspace, *, ask_models: bool = False) -> list[Finding]:
    """Try every part of the deployment; a broken one does not hide the others.

    ``ask_models``: send one tiny request to each language model and to the reranker, which is paid for.
    """
    checks: list[tuple[str, Callable[[], str]]] = [
        ("home folder", lambda: _home(workspace)),
        ("ledger", lambda: _ledger(workspace)),
        ("artifacts", lambda: _artifacts(workspace)),
        ("Weaviate", lambda: _store(workspace)),
        ("embedder", lambda: _embedder(workspace)),
        ("collection's model", lambda: _model(workspace)),
        ("parser", lambda: _parser(workspace)),
        ("source declarations", lambda: _declarations(workspace)),
        ("undeclared sources", lambda: _undeclared(workspace)),
    ]
    return [_tried(what, check) for what, check in checks] + examine_models(workspace, ask_models=ask_models)


def examine_models(workspace: Workspace, *, ask_models: bool = False) -> list[Finding]:
    """Language models, the reranker, and what their workers share. Needs no Weaviate and no embedder."""
    return [_tried(what, check) for what, check in model_checks(workspace, ask_models=ask_models)]


def _tried(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, ok=True, found=check())
    except WellreadError as error:
        return Finding(what, ok=False, found=error.found, remedy=error.remedy)
    except ImportError as error:
        return Finding(what, ok=False, found=str(error), remedy="Install the extra that brings this package.")


def _home(workspace: Workspace) -> str:
    free_gib = shutil.disk_usage(workspace.home).free / 2**30
    return f"{workspace.home}, {free_gib:.1f} GiB free"


def _ledger(workspace: Workspace) -> str:
    workspace.ledger.now()
    return workspace.ledger.engine.url.render_as_string(hide_password=True)


def _artifacts(workspace: Workspace) -> str:
    reference = workspace.artifacts.put("doctor", b"ok")
    workspace.artifacts.get(reference)
    return workspace.artifacts.uri(reference).rsplit("/", 3)[0]


def _store(workspace: Workspace) -> str:
    workspace.store.read_head(workspace.settings.collection)
    return "answers"


def _embedder(workspace: Workspace) -> str:
    workspace.embedder.embed([CANARY_TEXT], kind="query")
    identity = workspace.embedder.identity
    return f"{identity.provider} {identity.model}, {identity.dimensions} dimensions"


def _model(workspace: Workspace) -> str:
    head = workspace.store.read_head(workspace.settings.collection)
    if head is None:
        return f"{workspace.settings.collection} does not exist yet"
    from wellread.retrieval.heads import embedder_of

    previous = workspace.previous_embedder
    embedder_of(head, [workspace.embedder] if previous is None else [workspace.embedder, previous])
    return "the one that built the collection"


def _parser(workspace: Workspace) -> str:
    parsed: ParsedDocument = workspace.parser.parse(b"A short text that everybody can read.", "doctor.txt")
    return f"reads {parsed.media_type}; {described(workspace.settings.parsing.recognition)}"


def _declarations(workspace: Workspace) -> str:
    folder = workspace.settings.sources_folder or Path("dags/sources")
    if not folder.is_dir():
        return f"no folder {folder}: only folders given by path can be ingested"
    return f"{len(load_declarations(folder))} in {folder}"


def _undeclared(workspace: Workspace) -> str:
    """No fault of the deployment: their documents stay as they are, and a person decides."""
    told = [
        f"{row['source_id']} ({row['documents']} documents in {row['collection']}): declare it again, "
        f"or `wellread retire {row['source_id']}`"
        for row in undeclared_sources(workspace)
    ]
    return "; ".join(told) or "none"
