"""Responses that were paid for, by tenant and request key: the exact answer cache of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.question_schema import responses
from wellread.ledger.upserts import replace
from wellread.questions import StoredResponse, Usage

_KEYS_PER_QUERY = 500


def keep_responses(tx: Transaction, tenant: str, model: str, found: Mapping[str, StoredResponse]) -> None:
    """Remember responses by request key, the newest one."""
    rows = [
        {
            "tenant": tenant,
            "request_key": key,
            "reference": response.reference,
            "model": model,
            "input_tokens": response.usage.input_tokens,
            "output_tokens": response.usage.output_tokens,
            "cached_input_tokens": response.usage.cached_input_tokens,
            "cost_micro_usd": response.cost_micro_usd,
            "is_batch": response.is_batch,
            "created_at": epoch_now(),
        }
        for key, response in found.items()
    ]
    replace(tx, responses, rows)


def find_responses(ledger: Ledger, *, tenant: str, request_keys: Sequence[str]) -> dict[str, StoredResponse]:
    """Those that are known, by request key."""
    found: dict[str, StoredResponse] = {}
    with ledger.reading() as reading:
        for start in range(0, len(request_keys), _KEYS_PER_QUERY):
            query = sa.select(responses).where(
                responses.c.tenant == tenant,
                responses.c.request_key.in_(request_keys[start : start + _KEYS_PER_QUERY]),
            )
            found.update({row.request_key: _stored(row) for row in reading.execute(query)})
    return found


def mean_output_tokens(ledger: Ledger, *, model: str) -> float | None:
    """What a response of this model has had on average, for estimates; ``None`` before the first one."""
    with ledger.reading() as reading:
        query = sa.select(sa.func.avg(responses.c.output_tokens)).where(responses.c.model == model)
        mean = reading.execute(query).scalar_one()
    return None if mean is None else float(mean)


def _stored(row: sa.Row[Any]) -> StoredResponse:
    return StoredResponse(
        reference=row.reference,
        usage=Usage(row.input_tokens, row.output_tokens, row.cached_input_tokens),
        cost_micro_usd=row.cost_micro_usd,
        is_batch=row.is_batch,
    )
