from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime

import pytest

from wellread.documents import EVERYBODY, Placement, VersionObject
from wellread.retrieval.resolution import find_mention, leading, resolve
from wellread.retrieval.settings import RetrievalSettings
from wellread.stores.protocol import VersionHit

COMMON = {"agreement", "contract", "date", "law", "governs", "party", "parties", "dated"}
QUESTION = (
    'In the "Supply Agreement" between Lumen Orchard Ltd and Quillfeather GmbH: which law governs the contract?'
)


def rarity(word: str) -> float:
    return 0.05 if word in COMMON else 0.8


def version(
    key: str = "a.pdf", *, title: str = "Supply Agreement", opening: str = "", chunks: int = 8
) -> VersionObject:
    return VersionObject(
        object_id=uuid.uuid4(),
        doc_id=uuid.uuid5(uuid.NAMESPACE_URL, key),
        source_id="s",
        tenant="t",
        acl=EVERYBODY,
        rev_from=1,
        rev_to=0,
        copy=1,
        natural_key=key,
        title=title,
        opening=opening
        or "Supply agreement dated today between Lumen Orchard Ltd and Quillfeather GmbH, the parties.",
        metadata={},
        version_hash="v",
        modified_at=datetime(2026, 1, 1, tzinfo=UTC),
        ingested_at=datetime(2026, 1, 1, tzinfo=UTC),
        placements=tuple(Placement(uuid.uuid4(), at, at + 9, None) for at in range(0, 10 * chunks, 10)),
        payload_hash="p",
    )


def other(score: float) -> VersionHit:
    return VersionHit(version("b.pdf", opening="A lease of rooms in another town."), score)


def test_the_mention_is_cut_out_and_what_is_asked_stays() -> None:
    found = resolve(QUESTION, [VersionHit(version(), 30.0), other(6.0)], rarity, RetrievalSettings())
    assert found is not None
    assert "Lumen Orchard Ltd and Quillfeather GmbH" in found.mention
    assert found.residual.endswith("which law governs the contract?")
    assert "Quillfeather" not in found.residual


def test_a_question_that_names_nothing_resolves_nothing() -> None:
    question = "Which law governs the contract of a supplier of lamps?"
    assert resolve(question, [VersionHit(version(), 30.0), other(6.0)], rarity, RetrievalSettings()) is None


def test_a_lead_below_the_margin_resolves_nothing_where_too_many_share_it() -> None:
    rivals = [VersionHit(version(), 30.0), other(29.0), other(28.0)]
    assert resolve(QUESTION, rivals, rarity, RetrievalSettings()) is None


def test_two_versions_of_one_contract_are_both_named() -> None:
    twins = [VersionHit(version("a.pdf"), 30.0), VersionHit(version("a-amended.pdf"), 29.5), other(6.0)]
    found = resolve(QUESTION, twins, rarity, RetrievalSettings())
    assert found is not None
    assert found.described().documents == ("a.pdf", "a-amended.pdf")


def test_a_second_document_that_the_mention_does_not_name_spoils_the_resolution() -> None:
    assert resolve(QUESTION, [VersionHit(version(), 30.0), other(29.5)], rarity, RetrievalSettings()) is None


def test_a_document_of_a_few_chunks_needs_no_resolution() -> None:
    assert resolve(QUESTION, [VersionHit(version(chunks=4), 30.0)], rarity, RetrievalSettings()) is None


def test_a_question_that_is_nothing_but_a_name_is_left_whole() -> None:
    question = "Lumen Orchard Ltd Quillfeather GmbH Supply"
    assert resolve(question, [VersionHit(version(), 30.0)], rarity, RetrievalSettings()) is None


def test_no_document_found_resolves_nothing() -> None:
    assert resolve(QUESTION, [], rarity, RetrievalSettings()) is None


@pytest.mark.parametrize(
    ("scores", "count"), [([5.0], 1), ([5.0, 4.0], 1), ([5.0, 4.5, 1.0], 2), ([5.0, 4.9, 4.8], 0)]
)
def test_the_leaders_end_at_the_first_gap(scores: list[float], count: int) -> None:
    hits = [dataclasses.replace(other(0.0), score=score) for score in scores]
    assert len(leading(hits, margin_ratio=1.2, documents_count=2)) == count


def test_a_mention_is_the_stretch_with_the_most_rare_words_of_the_document() -> None:
    names = {"alpha", "beta", "gamma", "delta"}
    found = find_mention("delta one two three alpha of beta gamma four", names, rarity, least_rarity=0.15)
    assert found is not None
    assert found.rare_words == {"alpha", "beta", "gamma"}
    assert found.cut_from("delta one two three alpha of beta gamma four") == "delta one two three   four"
