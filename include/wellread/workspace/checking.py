"""Old answers held against what the documents say now. No model is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial

import sqlalchemy as sa

from wellread.answering.checking.answer_reading import read_cited_answers
from wellread.answering.checking.auditing import AuditReport, CitedAnswer, audit_answers
from wellread.answering.files.answer_columns import portable
from wellread.ledger.schema import documents, sources
from wellread.retrieval.heads import HeadCache
from wellread.retrieval.view import View
from wellread.workspace.composition import Workspace
from wellread.workspace.publishing import local_copy

_NAMES_PER_QUERY = 500


def check_answers(workspace: Workspace, address: str, *, collection: str | None = None) -> AuditReport:
    """Look every quote of a file of answers (a path, or ``s3://``) up in the newest state of the documents.

    What the deployment's readers may not see counts as gone. Raises ``QuestionsFileError`` for a file without
    answers, ``SettingsError`` where there is no such collection, and what the store raises.
    """
    with local_copy(workspace, address) as path:
        answers = read_cited_answers(path)
    return check_cited(workspace, answers, collection=collection)


def check_cited(
    workspace: Workspace, answers: Sequence[CitedAnswer], *, collection: str | None = None
) -> AuditReport:
    """The same for answers in memory; see ``answering.checking.auditing.cited_answer``."""
    name = collection or workspace.settings.collection
    head = HeadCache(workspace.store.read_head).newest(name)
    view = View(workspace.store, head, head.snapshot, workspace.scope())
    return audit_answers(
        answers,
        chunks=view.chunks,
        versions=view.versions,
        find_documents=partial(_documents_named, workspace, name),
        settings=workspace.settings.answering.quotes,
    )


def _documents_named(workspace: Workspace, collection: str, names: Sequence[str]) -> Mapping[str, uuid.UUID]:
    """Ids of the tenant's documents by natural key: the live one, else one that was deleted.

    Names that several sources have a document of are left out.
    """
    sayable = [name for name in names if portable(name) == name]
    found: dict[str, dict[bool, set[uuid.UUID]]] = {}
    is_source = sa.and_(
        sources.c.collection == documents.c.collection, sources.c.source_id == documents.c.source_id
    )
    query = (
        sa.select(documents.c.natural_key, documents.c.doc_id, documents.c.state)
        .join(sources, is_source)
        .where(documents.c.collection == collection, sources.c.tenant == workspace.settings.tenant)
    )
    with workspace.ledger.reading() as reading:
        for start in range(0, len(sayable), _NAMES_PER_QUERY):
            some = documents.c.natural_key.in_(sayable[start : start + _NAMES_PER_QUERY])
            for row in reading.execute(query.where(some)):
                of_name = found.setdefault(row.natural_key, {True: set(), False: set()})
                of_name[row.state == "live"].add(row.doc_id)
    best = {name: ids[True] or ids[False] for name, ids in found.items()}
    return {name: next(iter(ids)) for name, ids in best.items() if len(ids) == 1}
