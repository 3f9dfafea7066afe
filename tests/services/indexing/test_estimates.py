"""What a plan says of its price, against what the meter shows afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.weaviate


def estimate(world: Any, **changes: Any) -> Any:
    with world.open() as workspace:
        return workspace.runner.estimate(workspace.runner.dry_run(world.declaration(**changes)))


def within(value: float, low: float, high: float) -> bool:
    return low <= value <= high


def test_a_first_load_is_estimated_from_bytes_and_holds_the_truth(library: Any) -> None:
    library.options = {"embedder": {"price_usd_per_million": 100.0}}
    told = estimate(library)
    assert told.basis == {"bytes by type": 6}
    assert told.price_source == "settings"
    assert library.embedding.meter().requests_count == 0
    sheet = library.ingest()
    assert within(sheet.chunks_inserted, told.chunks.low, told.chunks.high)
    assert within(sheet.embeddings_computed, told.embeddings.low, told.embeddings.high)
    assert within(sheet.embedding_tokens, told.tokens.low, told.tokens.high)
    assert within(sheet.cost_usd, told.low_usd, told.high_usd)


def test_the_collections_own_history_is_a_narrower_basis(library: Any) -> None:
    library.ingest()
    library.files.write("grape.txt", library.prose("grape", 8))
    told = estimate(library)
    assert told.basis == {"history of .txt": 1}
    assert told.chunks.high <= 2 * max(1, told.chunks.low)
    assert told.low_usd is None
    assert told.price_source is None


def test_what_costs_nothing_is_said_to_cost_nothing(library: Any) -> None:
    library.ingest()
    assert estimate(library).documents == 0
    told = estimate(library, acl=("board",))
    assert (told.documents, told.embeddings.high) == (6, 0)


def test_a_change_of_settings_is_estimated_exactly_from_known_texts(library: Any) -> None:
    library.ingest()
    library.options = {"chunking": {"max_words": 40}, "indexing": {"settings_changes": {"hold_above_usd": None}}}
    told = estimate(library)
    assert told.basis == {"known text": 6}
    sheet = library.ingest()
    assert told.embeddings.low == told.embeddings.high == sheet.embeddings_computed > 0
    assert within(sheet.embedding_tokens, told.tokens.low, told.tokens.high)


def test_the_shell_prints_the_estimate(library: Any) -> None:
    library.options = {"embedder": {"price_usd_per_million": 100.0}}
    done = library.shell("ingest", str(library.files.path), "--dry-run", "--json")
    told = json.loads(done.stdout)["estimate"]
    assert told["documents"] == 6
    assert 0 < told["low_usd"] < told["high_usd"]
    shown = library.shell("ingest", str(library.files.path), "--dry-run")
    assert "price: settings" in shown.stdout
