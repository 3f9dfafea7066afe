"""Vectors for chunks: from the cache, else computed once and kept before anything else happens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wellread.errors import BudgetExhaustedError, DocumentError
from wellread.identities import embedding_key
from wellread.indexing.heads import parts_of
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.indexing.spending import PaidEmbedder, Purse
from wellread.ledger import projections
from wellread.ledger import vectors as ledger_vectors
from wellread.ledger.claims import Claimant
from wellread.ledger.database import Transaction
from wellread.ledger.vectors import Vector
from wellread.models.embedding.batching import embed_many
from wellread.models.embedding.self_check import CANARY_TEXT, canary_check
from wellread.models.protocol import Embedder, Vectors
from wellread.retries import call_with_retries

Inputs = Mapping[str, str]
"""Embedding key -> exact input."""

_CLAIM_POLL_SECONDS = 0.2
"""Between two looks at what another worker is paying for."""


@dataclass(slots=True)
class Embedded:
    """Vectors by embedding key, and the inputs that no vector can be had for."""

    vectors: dict[str, Vector] = field(default_factory=dict)
    refused: dict[str, DocumentError] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0
    unpaid: BudgetExhaustedError | None = None
    """Why inputs have neither a vector nor a refusal."""


def embed_documents(parts: Parts, run: RunHandle, documents: Sequence[Inputs], *, tenant: str) -> Embedded:
    """A vector for each input of these documents, as far as the budget goes: whole documents, in their order.

    While a copy of another model is kept in step, its vectors are computed too.
    """
    purse_run = run.budget_id or run.run_id
    embedded = _embed(parts, run.run_id, Purse.of(parts, purse_run, tenant=tenant), documents)
    with parts.ledger.reading() as reading:
        mirrors = projections.mirrors(reading, run.collection)
    for mirror in mirrors:
        own = parts_of(parts, mirror)
        if own.embedder.identity != parts.embedder.identity:
            purse = Purse.of(own, purse_run, tenant=tenant)
            _embed_mirrored(own, run.run_id, purse, documents, embedded)
    return embedded


def embed_inputs(parts: Parts, run_id: str, inputs: Inputs) -> Embedded:
    """A vector for each input, outside a run. Raises ``BudgetExhaustedError``; what was paid for stays."""
    purse = Purse.of(parts, run_id, tenant="")
    result = _embed(parts, run_id, purse, [{key: text} for key, text in inputs.items()])
    if result.unpaid is not None:
        raise result.unpaid
    return result


def _embed(parts: Parts, run_id: str, purse: Purse, documents: Sequence[Inputs]) -> Embedded:
    inputs = {key: text for document in documents for key, text in document.items()}
    with parts.ledger.reading() as reading:
        found = ledger_vectors.find_vectors(reading, list(inputs))
    result = Embedded(vectors=found, reused=len(found))
    waiting = [document for document in documents if not document.keys() <= found.keys()]
    while waiting and result.unpaid is None:
        costs = missing_costs(parts, purse, waiting, set(result.vectors))
        count = purse.fitting(costs)
        if count == 0:
            result.unpaid = purse.exhausted(needed_micro_usd=costs[0])
            break
        chosen = {key: text for document in waiting[:count] for key, text in document.items()}
        _compute(parts, run_id, purse, chosen, result)
        waiting = waiting[count:]
    return result


def missing_costs(parts: Parts, purse: Purse, documents: Sequence[Inputs], known: set[str]) -> list[int]:
    """What each document may cost at most, in micro-dollars; an input that several have is the first one's."""
    seen = set(known)
    costs = []
    for document in documents:
        fresh = {key: text for key, text in document.items() if key not in seen}
        seen.update(fresh)
        tokens = sum(parts.embedder.count_tokens(text) for text in fresh.values()) if purse.price else 0
        costs.append(purse.cost(tokens))
    return costs


def _compute(parts: Parts, run_id: str, purse: Purse, inputs: Inputs, result: Embedded) -> None:
    """Compute what is missing. What another worker is paying for at this moment is waited for, not paid again."""
    claimant = Claimant(parts.ledger, parts.lease_seconds)
    while result.unpaid is None:
        missing = [key for key in inputs if key not in result.vectors and key not in result.refused]
        if not missing:
            return
        with claimant.paying():
            taken = claimant.take(missing)
            result.vectors.update(taken.known)
            result.reused += len(taken.known)
            if taken.mine:
                _pay(parts, run_id, purse, {key: inputs[key] for key in taken.mine}, result, claimant)
        if not taken.mine and not taken.known:
            time.sleep(_CLAIM_POLL_SECONDS)


def _pay(parts: Parts, run_id: str, purse: Purse, inputs: Inputs, result: Embedded, claimant: Claimant) -> None:
    """Embed what is claimed. Each answered request is durable before the next is sent."""
    keys = list(inputs)
    embedder = PaidEmbedder(parts.embedder, purse)

    def note(texts: int, tokens: int, tx: Transaction) -> None:
        ledger_vectors.record_usage(
            tx,
            run_id=run_id,
            model_hash=parts.model_hash,
            kind="embed",
            requests=1,
            texts=texts,
            tokens=tokens,
            cost_micro_usd=None if purse.price is None else purse.cost(tokens),
        )

    def keep(indices: Sequence[int], vectors: Vectors, tokens: int) -> None:
        fresh = {keys[index]: vector for index, vector in zip(indices, vectors, strict=True)}
        with parts.ledger.transaction() as tx:
            ledger_vectors.store_vectors(tx, parts.model_hash, fresh)
            claimant.release(tx, list(fresh))
            note(len(fresh), tokens, tx)
        result.vectors.update(fresh)
        result.computed += len(fresh)
        parts.progress.advance("embed", count=len(fresh))

    try:
        _check_canary(parts, run_id, embedder)
        if embedder.billed_tokens:
            with parts.ledger.transaction() as tx:
                note(0, embedder.billed_tokens, tx)
        report = embed_many(embedder, list(inputs.values()), kind="document", on_batch=keep, retry=parts.retry)
    except BudgetExhaustedError as error:  # another run spent what was left
        result.unpaid = error
        return
    result.refused.update({keys[index]: error for index, error in report.refused.items()})


def _embed_mirrored(own: Parts, run_id: str, purse: Purse, documents: Sequence[Inputs], embedded: Embedded) -> None:
    """Embed the same inputs under the model of a copy that is kept in step.

    A document that one copy cannot hold, or that cannot be paid for all, stays out of all: they are published
    together. So what this one lacks is taken out of ``embedded``.
    """
    inputs = {key: text for document in documents for key, text in document.items()}
    keys = {key: embedding_key(own.model_hash, text) for key, text in inputs.items()}
    rekeyed = [{keys[key]: text for key, text in document.items()} for document in documents]
    mirrored = _embed(own, run_id, purse, rekeyed)
    for key, name in keys.items():
        if name in mirrored.refused:
            embedded.refused[key] = mirrored.refused[name]
        elif name not in mirrored.vectors:
            embedded.vectors.pop(key, None)
    embedded.unpaid = embedded.unpaid or mirrored.unpaid


_checked_runs: set[tuple[str, str]] = set()
"""(run, model) pairs whose canary this process has seen alive."""


def _check_canary(parts: Parts, run_id: str, embedder: Embedder) -> None:
    """Once a run, embed a fixed text and compare: a provider that swapped its model is found before it is paid."""
    model_hash = parts.model_hash
    if (run_id, model_hash) in _checked_runs:
        return
    key = embedding_key(model_hash, CANARY_TEXT)
    with parts.ledger.reading() as reading:
        stored = ledger_vectors.find_vectors(reading, [key]).get(key)
    vector = call_with_retries(lambda: canary_check(embedder, stored), settings=parts.retry, what="embed")
    if stored is None:
        with parts.ledger.transaction() as tx:
            ledger_vectors.store_vectors(tx, model_hash, {key: vector.reshape(-1)})
    _checked_runs.add((run_id, model_hash))
