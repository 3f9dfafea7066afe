"""Golden questions asked of a real collection: every measure, and rows that can be scored again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wellread.evaluation.evaluator import Report, evaluate
from wellread.evaluation.gold import GoldPassage, GoldQuestion
from wellread.evaluation.measures import holds_passage
from wellread.evaluation.rows import GivenAnswer, write_rows
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.stores.protocol import Scope

if TYPE_CHECKING:
    from tests.services.retrieval.conftest import Library

pytestmark = pytest.mark.weaviate

RENT = GoldPassage("contracts/lease.pdf", "The rent is nine hundred a month")
GOLD = [
    GoldQuestion("rent", "How much is the rent of the rooms?", (RENT,), ("nine hundred",), answerable=True),
    GoldQuestion("ovens", "Who repairs the ovens?", (GoldPassage("contracts/lease.pdf"),), answerable=True),
    GoldQuestion("wrong", "What is the price of flour?", (RENT,), ("a crown",), answerable=True),
    GoldQuestion("moon", "How far away is the moon?", answerable=False),
    GoldQuestion("open", "Is bread dark?"),
]


def first_passage(question: GoldQuestion, result: RetrievalResult) -> GivenAnswer:
    """Answers with the best passage; surer of questions about rooms, so that the order is known."""
    return GivenAnswer(result.passages[0].text, confidence=0.1 if "moon" in question.question else 0.9)


def evaluated(library: Library) -> Report:
    retriever = Retriever(library.store, library.embedder)
    collection = library.projection.collection
    return evaluate(GOLD, retriever, collection=collection, scope=Scope(tenant="t"), answerer=first_passage)


def test_each_measure_counts_what_it_can_score_and_says_what_it_left_out(library: Library) -> None:
    measures = evaluated(library).measures
    assert (measures["hit@1"].value, measures["hit@1"].count, measures["hit@1"].unscored_count) == (0.5, 2, 3)
    assert measures["passage_in_context"].value == 1.0
    assert (measures["mrr@10"].count, measures["mrr@10"].unscored_count) == (3, 2)
    assert measures["recall@10"].value == 1.0
    assert (measures["passage_in_answer"].value, measures["passage_in_answer"].count) == (0.5, 2)
    assert measures["string_in_answer"].value == 0.5
    assert (measures["answerability_auroc"].value, measures["answerability_auroc"].count) == (1.0, 4)


def test_rows_hold_what_anyone_needs_to_score_them_again(library: Library, tmp_path: Path) -> None:
    report = evaluated(library)
    write_rows(tmp_path / "rows.jsonl", report.questions)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [question.id for question in GOLD]
    for question, row in zip(GOLD, rows, strict=True):
        if row["scores"]["hit@1"] is None:
            continue
        first, runs = row["passages"][0], row["context"]
        assert row["scores"]["hit@1"] == holds_passage(question, first["document"], first["text"])
        assert row["scores"]["passage_in_context"] == any(
            holds_passage(question, run["document"], run["text"]) for run in runs
        )
    assert rows[0]["answer"] == "The rent is nine hundred a month, payable on the first day."
