"""How many vectors a reconcile compares."""

from __future__ import annotations

import uuid

import pytest

from wellread.ledger.objects import ObjectRow
from wellread.upkeep.differences import Sample


def row(number: int, *, rev_to: int = 0, kind: str = "chunks") -> ObjectRow:
    key = uuid.UUID(int=number)
    return ObjectRow(key, kind, key, key, 1, rev_to, 1, "", "", "", 0)


@pytest.mark.parametrize("total", [0, 1, 999, 1_000, 1_001, 1_999, 2_000, 99_999, 250_000])
def test_at_least_a_thousand_and_one_in_a_hundred(total: int) -> None:
    sample, taken = Sample.of(total), 0
    for start in range(0, total, 1_000):
        taken += len(sample.take([row(number) for number in range(start, min(total, start + 1_000))]))
    assert taken >= min(total, max(1_000, total / 100))
    assert taken <= 2.1 * max(1_000, total / 100)


def test_only_open_chunks_are_taken() -> None:
    rows = [row(1), row(2, rev_to=7), row(3, kind="versions")]
    assert Sample(1, 0).take(rows) == {uuid.UUID(int=1)}
