"""One question asked directly: answered, declined or invalid, but never an exception for what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from wellread.answering.answerer import Answerer, extractive_answerer
from wellread.answering.jobs.rows import Withdrawn
from wellread.answering.settings import AnsweringSettings

Retrieve = Callable[[Sequence[str]], Any]


@pytest.fixture
def answerer(embedder: Any, retrieve: Retrieve) -> Callable[..., Answerer]:
    def build(**options: Any) -> Answerer:
        settings = AnsweringSettings(least_confidence_ratio=options.pop("least", 0.3))
        return extractive_answerer(retrieve=retrieve, embedder=embedder, settings=settings, **options)

    return build


def test_an_answer_quotes_its_document(answerer: Callable[..., Answerer]) -> None:
    row = answerer(least=0.0).ask("How long does a loan last?")
    assert row.status == "answered"
    assert row.answer is not None
    assert "A loan lasts 28 days." in row.answer
    assert (row.model, row.cost_usd, row.usage.input_tokens) == ("extractive", 0.0, 0)
    assert all(citation.match == "exact" for claim in row.claims for citation in claim.citations)
    assert row.snapshot == "3"


def test_too_little_confidence_is_an_abstention_with_its_reason(answerer: Callable[..., Answerer]) -> None:
    row = answerer(least=1.0).ask("How long does a loan last?")
    assert (row.status, row.abstain_reason, row.answer, row.claims) == ("abstained", "nothing_relevant", None, ())
    assert row.confidence is not None
    assert row.passages


def test_an_empty_question_is_invalid(answerer: Callable[..., Answerer]) -> None:
    row = answerer().ask("  \n ")
    assert row.status == "invalid"
    assert row.error is not None
    assert row.error["cause"] == "empty"


def test_everything_withdrawn_leaves_nothing_relevant(answerer: Callable[..., Answerer]) -> None:
    gone = Withdrawn(source_ids=frozenset({"library"}))
    row = answerer(least=0.0, withdrawn=lambda: gone).ask("How long does a loan last?")
    assert (row.status, row.abstain_reason, row.passages) == ("abstained", "nothing_relevant", ())


def test_the_request_key_is_of_question_evidence_settings_and_tenant(answerer: Callable[..., Answerer]) -> None:
    first = answerer(least=0.0).ask("How long does a loan last?")
    assert answerer(least=0.0).ask("How long does a loan last?").request_key == first.request_key
    assert answerer(least=0.0).ask("How long does one loan last?").request_key != first.request_key
    assert answerer(least=0.0, tenant="b").ask("How long does a loan last?").request_key != first.request_key
