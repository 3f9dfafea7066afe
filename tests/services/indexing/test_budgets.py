"""Money for embedding: the meter never shows more than the budget, and what was paid for is never paid again."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.errors import BudgetExhaustedError, SettingsError
from wellread.testing.embedding_server import Fault

pytestmark = pytest.mark.weaviate

PRICE = 1_000.0
"""US dollars for a million tokens, so that a small library costs whole dollars."""


def limit(world: Any, **budget: Any) -> None:
    world.options = {
        "embedder": {"price_usd_per_million": PRICE, "openai": {"texts_per_request": 2}},
        "indexing": {"budget": budget},
    }


def billed_usd(world: Any) -> float:
    return float(world.embedding.meter().input_tokens) * PRICE / 1e6


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def last_sheet(world: Any) -> Any:
    from wellread.ledger import run_records
    from wellread.runs import BalanceSheet

    with world.open() as workspace, workspace.ledger.reading() as reading:
        run = run_records.latest_runs(reading, world.collection, limit=1)[0]
    assert run["report"] is not None
    return BalanceSheet.from_dict(run["report"]["sheet"])


def test_a_run_stops_at_its_budget_and_the_next_one_goes_on(library: Any) -> None:
    for number in range(12):
        library.files.write(f"more-{number}.txt", library.prose(f"more{number}"))
    limit(library, run_usd=4.0)
    with pytest.raises(BudgetExhaustedError) as caught:
        library.ingest()
    assert "embed-run:" in caught.value.found
    first_usd = billed_usd(library)
    assert 0 < first_usd <= 4.0
    sheet = last_sheet(library)
    assert sheet.outcomes["committed"] > 0
    assert sheet.outcomes["committed"] + sheet.outcomes["pending"] == 18
    assert not sheet.outcomes.get("quarantined")
    assert {one["cause"] for one in sheet.problems} == {"budget"}
    assert len(library.index().visible_versions()) == sheet.outcomes["committed"]
    runs = 1
    while True:
        before_usd = billed_usd(library)
        try:
            library.ingest()
            break
        except BudgetExhaustedError:
            runs += 1
        assert before_usd < billed_usd(library) <= before_usd + 4.0
    assert runs > 1
    repeated = library.embedding.meter().repeated_texts
    assert len(repeated) <= 1  # the canary, once a run
    library.assert_exact()


@pytest.mark.parametrize("name", ["day_usd", "tenant_day_usd"])
def test_the_budget_of_a_day_is_kept_across_runs(library: Any, name: str) -> None:
    for number in range(12):
        library.files.write(f"more-{number}.txt", library.prose(f"more{number}"))
    limit(library, **{name: 4.0})
    for _ in range(3):
        with pytest.raises(BudgetExhaustedError):
            library.ingest()
    assert 0 < billed_usd(library) <= 4.0


def test_stop_buys_nothing_that_cannot_be_paid_as_a_whole(library: Any) -> None:
    limit(library)
    library.ingest(acl=("staff",))
    library.embedding.reset()
    library.files.edit("amber.txt", "and counts the ropes", "and counts the long ropes")
    library.files.write("grape.txt", library.prose("grape"))
    library.files.rename("birch.txt", "beech.txt")
    limit(library, run_usd=0.1, when_short="stop")
    with pytest.raises(BudgetExhaustedError):
        library.ingest(acl=("board",))
    assert library.embedding.meter().requests_count == 0
    assert states(last_sheet(library)) == {"moved": 1, "committed": 4, "pending": 2}
    acls = {tuple(item.properties["acl"]) for item in library.index().chunks if item.properties["rev_to"] == 0}
    assert acls <= {("board",), ("staff",)}
    limit(library)
    assert states(library.ingest(acl=("board",))) == {"committed": 2, "unchanged": 5}
    library.assert_exact()


def test_failed_and_repeated_requests_are_within_the_budget(library: Any) -> None:
    library.embedding.behave(Fault(kind="cut_after_billing", times=2), Fault(kind="server_error", times=1, skip=3))
    limit(library, run_usd=3.0)
    with pytest.raises(BudgetExhaustedError):
        library.ingest()
    assert 0 < billed_usd(library) <= 3.0


def test_a_budget_without_a_price_is_refused_before_anything_is_read(library: Any) -> None:
    library.options = {"indexing": {"budget": {"run_usd": 5.0}}}
    with pytest.raises(SettingsError) as caught:
        library.ingest()
    assert "price_usd_per_million" in caught.value.remedy
    assert library.embedding.meter().requests_count == 0


def test_the_balance_sheet_says_what_a_run_cost(library: Any) -> None:
    limit(library)
    sheet = library.ingest()
    assert sheet.embedding_tokens == library.embedding.meter().input_tokens
    assert sheet.cost_usd == pytest.approx(billed_usd(library))
    assert library.ingest().cost_usd == 0
    library.options = {}
    library.files.write("grape.txt", library.prose("grape"))
    assert library.ingest().cost_usd is None
