"""Two tenants in one collection: neither sees, pays for or ranks by what the other has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wellread.errors import BudgetExhaustedError, SettingsError
from wellread.identities import document_id
from wellread.ledger.budgets import Budgets

pytestmark = pytest.mark.weaviate


@pytest.fixture
def shared(library: Any) -> Any:
    """One folder as a source of two tenants, and a document that only one of them has."""
    library.ingest(id="ours", tenant="ours", exclude=("secret.txt",))
    library.files.write("secret.txt", library.prose("secret"))
    library.ingest(id="theirs", tenant="theirs")
    return library


def passages(world: Any, tenant: str, query: str = "secret harbour council", **options: Any) -> list[Any]:
    with world.open() as workspace:
        settings = workspace.settings.model_copy(update={"tenant": tenant})
        workspace.settings = settings
        found = workspace.retriever.retrieve(
            query, collection=world.collection, scope=workspace.scope(), k=100, mode="hybrid", **options
        )
    return list(found.passages)


def test_the_library_shows_each_tenant_its_own(shared: Any) -> None:
    ours, theirs = passages(shared, "ours"), passages(shared, "theirs")
    assert {one.source_id for one in ours} == {"ours"}
    assert {one.source_id for one in theirs} == {"theirs"}
    assert "secret.txt" not in {one.document for one in ours}
    assert "secret.txt" in {one.document for one in theirs}
    assert {one.doc_id for one in ours}.isdisjoint(one.doc_id for one in theirs)
    assert passages(shared, "nobody-else") == []


def test_the_shell_shows_each_tenant_its_own(shared: Any) -> None:
    for tenant, sees in (("ours", False), ("theirs", True)):
        shared.options = {"tenant": tenant}
        done = shared.shell(
            "search", "secret harbour council", "--collection", shared.collection, "--k", "50", "--json"
        )
        documents = {one["document"] for one in json.loads(done.stdout or '{"passages": []}')["passages"]}
        assert ("secret.txt" in documents) is sees
        asked = shared.shell(
            "ask", "How many cranes has the secret harbour?", "--collection", shared.collection, "--json"
        )
        assert ("secret.txt" in asked.stdout) is sees


def test_one_folder_has_other_ids_for_another_tenant_and_one_id_belongs_to_one(shared: Any) -> None:
    assert document_id("ours", "same", "amber.txt") != document_id("theirs", "same", "amber.txt")
    with pytest.raises(SettingsError) as caught:
        shared.ingest(id="ours", tenant="theirs")
    assert "tenant 'ours'" in caught.value.found


def test_counted_terms_of_several_tenants_are_not_used(shared: Any) -> None:
    from wellread.workspace.ledger_terms import LedgerTerms

    with shared.open() as workspace:
        head = workspace.store.read_head(shared.collection)
        assert LedgerTerms(workspace.ledger).statistics(head) is None


def test_one_tenants_budget_is_not_anothers(library: Any) -> None:
    library.options = {
        "embedder": {"price_usd_per_million": 1_000.0},
        "indexing": {"budget": {"tenant_day_usd": 2.5}},
    }
    with pytest.raises(BudgetExhaustedError) as caught:
        library.ingest(id="ours", tenant="ours")
    assert "embed-tenant:ours:" in str(caught.value)
    scope = str(caught.value).split("the budget ")[1].split(" ")[0]
    with library.open() as workspace:
        held = Budgets(workspace.ledger).read([scope, scope.replace("ours", "theirs")])
    assert [budget.spent_micro_usd > 0 for budget in held.values()] == [True, False]
    library.files.write("zebra.txt", library.prose("zebra", 1))
    assert library.ingest(id="theirs", tenant="theirs", include=("zebra.txt",)).outcomes["committed"] == 1
