"""A purge leaves no byte of a document where it reaches, and nothing else changes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from mortality import Mortal, let_fall, mortal_parts
from purge_marks import MARK, NAME, assert_gone, places_of, purge, rows_of, terms_of

from wellread.errors import LeaseHeldError, WellreadError
from wellread.indexing.plans import lease_name
from wellread.ledger import leases, purge_schema, purges
from wellread.ledger.question_schema import question_results, question_rows, responses
from wellread.questions import Question
from wellread.upkeep import purging
from wellread.upkeep.migrating import finish, migrate
from wellread.workspace.questions import answer_questions
from wellread.workspace.upkeeping import explain_document

pytestmark = pytest.mark.weaviate


def test_no_byte_is_left_and_the_neighbour_is_exact(marked: Any, raw: Any) -> None:
    found = places_of(marked, raw)
    assert any(place.startswith("artifacts") for place in found)
    assert any(place.startswith("ledger") for place in found)
    assert any(f"{marked.collection}_chunks" in place for place in found)
    receipt = purge(marked)
    assert_gone(marked, raw)
    assert receipt.removed["chunks_objects"] > 1
    assert receipt.removed["artifacts"] >= 4
    assert MARK not in json.dumps(receipt.as_dict())
    sheet = marked.ingest()
    assert sheet.outcomes["held"] == 1
    assert not sheet.published
    assert_gone(marked, raw)


def test_counts_of_terms_are_as_if_it_had_never_been(marked: Any, library: Any) -> None:
    purge(marked)
    after = terms_of(marked)
    marked.files.remove(NAME)
    marked.collection = f"{marked.collection}b"
    marked.ingest()
    assert after == terms_of(marked)


def test_explained_it_is_purged_with_date_and_receipt(marked: Any) -> None:
    receipt = purge(marked)
    with marked.open() as workspace:
        (told,) = explain_document(workspace, NAME).explanations
        by_id = explain_document(workspace, str(told.doc_id)).explanations[0]
        marked.files.remove(NAME)
        unlisted = explain_document(workspace, NAME).explanations[0]
    assert not told.is_visible
    assert "it was purged on 20" in told.why
    assert f"(asked for); the receipt is {receipt.reference}" in told.why
    assert f"wellread purge {NAME} --readmit" in told.to_do
    assert told.details["purge"]["state"] == "purged"
    assert by_id.why == unlisted.why == told.why


def test_readmitted_it_comes_back(marked: Any) -> None:
    purge(marked)
    done = marked.shell("purge", NAME, "--readmit", "--json")
    assert done.returncode == 0, done.stderr
    assert marked.ingest().outcomes["committed"] == 1
    marked.assert_exact()
    assert NAME in marked.search(MARK)


STEPS = (
    "source_lease",
    "take_inventory",
    "_forget_rows",
    "_delete_objects",
    "rewrite_records",
    "forget_answers",
    "_delete_artifacts",
    "_finish",
)


def test_death_at_journal_points_keeps_it_withdrawn_and_the_next_purge_ends_it(marked: Any, raw: Any) -> None:
    for point in itertools.count(3, 7):
        if ends_before(marked, point):
            break
        begun = rows_of(marked, purge_schema.purges)
        if begun:
            assert NAME not in marked.search(MARK, k=10)
            assert marked.ingest().outcomes["held"] == 1  # a run in between neither brings it back nor deletes it
        if begun and begun[0].state == "purged":  # it died after its last step
            assert_gone(marked, raw)
        else:
            assert purge(marked).removed["artifacts"] >= 4
        assert_gone(marked, raw)
        assert purge(marked).reference is not None
        with marked.open() as workspace, workspace.ledger.transaction() as tx:
            assert purges.readmit(tx, marked.collection, marked.declaration().id, NAME)
        marked.ingest()
        marked.assert_exact()
    assert point > 30
    assert_gone(marked, raw)


def ends_before(world: Any, point: int) -> bool:
    """One try of a purge that dies at a journal point; whether it came to its end before."""
    with world.open() as workspace:
        target = purging.find_target(workspace.parts, world.collection, NAME)
        parts = mortal_parts(workspace, Mortal(point))
        try:
            purging.purge(parts, target, reason="asked for", forget_cached=lambda _tenant, _keys: None)
        except SystemExit:
            let_fall(workspace)
            return False
    return True


def test_a_run_at_work_keeps_its_lease_and_the_document_is_withdrawn(marked: Any) -> None:
    with marked.open() as workspace:
        name = lease_name(marked.collection, Path(marked.files.path).name)
        leases.acquire(workspace.ledger, name, "another run", seconds=60, one_process=False)
    with pytest.raises(LeaseHeldError):
        purge(marked)
    assert NAME not in marked.search(MARK, k=10)
    with marked.open() as workspace:
        (told,) = explain_document(workspace, NAME).explanations
    assert "has not ended" in told.why
    assert told.to_do.startswith(f"Repeat `wellread purge {NAME}`")


def test_after_a_move_the_old_name_is_purged_too(marked: Any, raw: Any) -> None:
    marked.files.rename(NAME, "renamed.txt")
    assert marked.ingest().outcomes["moved"] == 1
    purge(marked, "renamed.txt")
    assert places_of(marked, raw) == []
    marked.assert_exact(without=frozenset({"renamed.txt"}))


def test_the_shell_counts_first_asks_and_leaves_a_receipt(marked: Any, raw: Any) -> None:
    dry = marked.shell("purge", NAME, "--dry-run", "--json")
    assert json.loads(dry.stdout)["found"]["artifacts"] >= 4
    assert places_of(marked, raw)
    assert marked.shell("purge", NAME, "--json").returncode != 0
    done = marked.shell("purge", NAME, "--yes", "--deep", "--reason", "a letter", "--json")
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["reason"] == "a letter"
    assert receipt["removed"]["artifacts_searched"] > 10
    assert any("still lists it" in place for place in receipt["unreached"])
    assert_gone(marked, raw)
    assert [row.state for row in rows_of(marked, purge_schema.purges)] == ["purged"]


def test_an_unknown_document_is_refused(marked: Any) -> None:
    with pytest.raises(WellreadError, match="no source knows it"):
        purge(marked, "nothing.txt")


def test_while_a_collection_is_migrated_both_copies_are_purged(marked: Any, raw: Any) -> None:
    with marked.open() as workspace:
        migrate(workspace.parts, marked.collection, anew=True, switch=False)
    assert any(f"{marked.collection}_chunks_2" in place for place in places_of(marked, raw))
    purge(marked)
    assert places_of(marked, raw) == []
    with marked.open() as workspace:
        migrate(workspace.parts, marked.collection, anew=True)
        finish(workspace.parts, marked.collection, grace_seconds=0)
    marked.assert_exact(without=frozenset({NAME}))
    for kind in ("chunks", "versions"):
        raw.collections.delete(f"{marked.collection}_{kind}_2")


def test_answers_that_cite_it_go_with_plans_and_paid_responses(marked: Any, raw: Any) -> None:
    with marked.open() as workspace:
        asked = [Question("a", "Who keeps the seventeenth lantern behind the organ loft?")]
        result = answer_questions(workspace, asked, owner="test", job_name="lanterns")
    assert MARK in str(result.rows)
    forgotten: list[str] = []
    receipt = purge(marked, forget_cached=lambda _tenant, keys: forgotten.extend(keys))
    assert len(forgotten) == receipt.removed["requests"] == 1
    assert receipt.removed["question_plans"] == receipt.removed["published_results"] == 1
    assert rows_of(marked, question_rows) == rows_of(marked, responses) == rows_of(marked, question_results) == []
    assert_gone(marked, raw)
