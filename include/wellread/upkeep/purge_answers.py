"""What question jobs keep of a document: plans that packed it, responses that were paid for with it, answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.errors import LeaseHeldError
from wellread.indexing.parts import Parts
from wellread.ledger.columns import epoch_now
from wellread.ledger.question_schema import (
    question_batches,
    question_inputs,
    question_jobs,
    question_results,
    question_rows,
    responses,
)
from wellread.upkeep.purge_inventory import Inventory

ForgetCached = Callable[[str, Sequence[str]], None]
"""Forget cached responses of a tenant, by request keys. Raises ``TransientError``."""


def take_inventory_of_answers(parts: Parts, found: Inventory) -> None:
    """Note the requests whose evidence holds the document, and the artifacts of its plans and responses.

    Raises ``LeaseHeldError`` while a job with such a plan is at work: it would write the text again.
    """
    packed = _jobs_with(parts, found)
    requests = {(tenant, key) for _, tenant, _, keys in packed for key in keys}
    found.references.update(reference for _, _, reference, _ in packed)
    found.requests.update(json.dumps(item) for item in requests)
    by_key = [json.loads(item) for item in sorted(found.requests)]
    with parts.ledger.reading() as reading:
        kept: set[str] = set()
        for tenant, key in by_key:
            query = sa.select(responses.c.reference).where(
                responses.c.tenant == tenant, responses.c.request_key == key
            )
            kept.update(reading.execute(query).scalars())
            rows = sa.select(question_rows.c.response_ref).where(
                question_rows.c.request_key == key, question_rows.c.response_ref.is_not(None)
            )
            kept.update(reading.execute(rows).scalars())
    found.references.update(kept)
    results = _results_with(parts, found)
    found.references.update(results)
    found.count("question_plans", len(packed))
    found.count("requests", len(found.requests))
    found.count("responses", len(kept))
    found.count("published_results", len(results))


def _jobs_with(parts: Parts, found: Inventory) -> list[tuple[str, str, str, set[str]]]:
    """Job, tenant, plan and the request keys of the rows that packed the document, of each job that did."""
    with parts.ledger.reading() as reading:
        jobs = reading.execute(sa.select(question_jobs, (question_jobs.c.expires_at > epoch_now()).label("busy")))
        known = [(row.job_id, row.tenant, row.plan_ref, bool(row.busy and row.owner)) for row in jobs]
        planned = set(reading.execute(sa.select(question_inputs.c.plan_ref)).scalars())
    known += [("", "", reference, False) for reference in sorted(planned - {item[2] for item in known})]
    packed = []
    for job_id, tenant, reference, is_busy in known:
        plan = _plan_with(parts, found, reference)
        if plan is None:
            continue
        if is_busy:
            raise LeaseHeldError(
                "purge a document",
                found=f"the question job {job_id} is at work with text of it",
                remedy="It is withdrawn from readers already. Stop the job or wait, then repeat the purge.",
            )
        keys = {row["request_key"] for row in plan["rows"] if _names(found, json.dumps(row))}
        packed.append((job_id, tenant or plan["tenant"], reference, keys))
    return packed


def _plan_with(parts: Parts, found: Inventory, reference: str) -> dict[str, Any] | None:
    if not parts.artifacts.exists(reference):
        return None
    content = parts.artifacts.get(reference).decode("utf-8", "surrogatepass")
    return json.loads(content) if _names(found, content) else None


def _results_with(parts: Parts, found: Inventory) -> set[str]:
    with parts.ledger.reading() as reading:
        kept = set(reading.execute(sa.select(question_results.c.results_ref)).scalars())
    return {
        reference
        for reference in kept
        if parts.artifacts.exists(reference)
        and _names(found, parts.artifacts.get(reference).decode("utf-8", "surrogatepass"))
    }


def _names(found: Inventory, content: str) -> bool:
    # A former name that another document bears now: what cites that one goes as well. It can be asked again.
    return any(doc_id in content for doc_id in found.doc_ids | found.shared_ids)


def forget_answers(parts: Parts, found: Inventory, forget_cached: ForgetCached) -> None:
    """Remove the jobs, inputs, results and responses that the inventory names, and cached copies of responses."""
    requests = [tuple(json.loads(item)) for item in sorted(found.requests)]
    for tenant in sorted({tenant for tenant, _ in requests}):
        forget_cached(tenant, [key for owner, key in requests if owner == tenant])
    with parts.ledger.transaction() as tx:
        for tenant, key in requests:
            tx.execute(sa.delete(responses).where(responses.c.tenant == tenant, responses.c.request_key == key))
        of_plans = sa.select(question_jobs.c.job_id).where(question_jobs.c.plan_ref.in_(found.references))
        rows = [
            question_rows.c.row.contains(doc_id, autoescape=True)
            for doc_id in sorted(found.doc_ids | found.shared_ids)
        ]
        keys = [key for _, key in requests]
        gone = sa.or_(question_rows.c.job_id.in_(of_plans), question_rows.c.request_key.in_(keys), *rows)
        removed = tx.execute(sa.delete(question_rows).where(gone)).rowcount
        tx.execute(sa.delete(question_batches).where(question_batches.c.job_id.in_(of_plans)))
        tx.execute(sa.delete(question_inputs).where(question_inputs.c.plan_ref.in_(found.references)))
        tx.execute(sa.delete(question_results).where(question_results.c.results_ref.in_(found.references)))
        tx.execute(sa.delete(question_jobs).where(question_jobs.c.plan_ref.in_(found.references)))
    found.count("question_rows", removed)
