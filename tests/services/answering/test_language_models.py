"""From real files through a real Weaviate and a model's own client to quotes that stand where they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import SettingsError
from wellread.questions import Question
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.provider_server import ProviderServer
from wellread.workspace import Workspace
from wellread.workspace.questions import answer_questions, ask, plan_questions

pytestmark = pytest.mark.weaviate

DOCUMENTS = {
    "loans.md": "# Loans\n\nMembers may borrow twelve books at once. A loan lasts 28 days and is renewed once.\n",
    "hours.md": "# Hours\n\nThe reading room opens at nine o'clock on weekdays and closes at six in the evening.\n",
    "roof.md": "# The roof\n\nThe roof of the east wing was mended in 1987. Its tiles came from Wales.\n",
    "staff.md": "# Staff\n\nMrs Okafor leads the bindery; write to okafor@library.example about torn books.\n",
}
QUESTIONS = [
    Question("loans", "How many days lasts a loan, and is it renewed?"),
    Question("hours", "When does the reading room open on weekdays?"),
    Question("roof", "When was the roof of the east wing mended?"),
]
PRICE = {"input_usd_per_million": 0.15, "output_usd_per_million": 0.6}
PROVIDERS = {
    "openai chat": {"provider": "openai"},
    "openai responses": {"provider": "openai", "protocol": "responses"},
    "anthropic": {"provider": "anthropic"},
    "cohere": {"provider": "cohere"},
    "cohere documents": {"provider": "cohere", "grounding": "documents"},
}


def chat(server: ProviderServer, **changes: Any) -> dict[str, Any]:
    url = server.openai_url if changes.get("provider", "openai") == "openai" else server.url
    return {"provider": "openai", "model": "tester", "base_url": url, "api_key": "k-1", "price": PRICE, **changes}


@contextmanager
def opened(deployment: dict[str, Any], **changes: Any) -> Iterator[Workspace]:
    with Workspace.open({**deployment, "retrieval": {"head_cache_seconds": 0}, **changes}) as workspace:
        yield workspace


@pytest.fixture
def folder(deployment: dict[str, Any], tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    ingest(deployment, folder)
    return folder


def ingest(deployment: dict[str, Any], folder: Path) -> None:
    with opened(deployment) as workspace:
        workspace.runner.run(
            declaration_for_folder(folder, collection=deployment["collection"], tenant="default"),
            source_may_move=False,
        )


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_answers_with_quotes_of_the_documents(
    name: str, deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    with opened(deployment, chat=chat(provider, **PROVIDERS[name])) as workspace:
        result = answer_questions(workspace, QUESTIONS, owner="test")
    assert [row.status for row in result.rows] == ["answered"] * 3
    for row, wanted in zip(result.rows, ("28 days", "nine o'clock", "1987"), strict=True):
        citations = [citation for claim in row.claims for citation in claim.citations]
        assert any(wanted in citation.quote for citation in citations)
        assert all(citation.match != "failed" and citation.start_char is not None for citation in citations)
        assert row.usage.input_tokens > 0
        assert row.cost_usd is not None
        assert row.cost_usd > 0
        assert row.origin == "model"
    assert result.report.cost_usd == pytest.approx(provider.meter().cost_usd, rel=0.1)


def test_a_question_that_nothing_answers_gets_no_answer(
    deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    with opened(deployment, chat=chat(provider)) as workspace:
        row = ask(workspace, "Which enzyme fixes carbon dioxide in photosynthesis?")
    assert (row.status, row.abstain_reason, row.answer) == ("abstained", "model_says_not_found", None)


def test_the_same_question_at_once_is_answered_to_both_and_later_for_nothing(
    deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    provider.behave(latency_seconds=0.5)
    with opened(deployment, chat=chat(provider)) as workspace, ThreadPoolExecutor(2) as pool:
        workspace.question_jobs  # noqa: B018 - built before threads need it
        answers = [pool.submit(ask, workspace, QUESTIONS[0].text) for _ in range(2)]
        assert [answer.result().status for answer in answers] == ["answered"] * 2
        billed = provider.meter().billed_count
        assert ask(workspace, QUESTIONS[0].text).origin == "ledger"
        assert provider.meter().billed_count == billed


def test_asked_again_nothing_is_paid_again_and_an_edit_pays_for_what_it_changes(
    deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    settings = {"passage_count": 1}
    with opened(deployment, chat=chat(provider), answering=settings) as workspace:
        first = answer_questions(workspace, QUESTIONS, owner="test", job_name="weekly")
        again = answer_questions(workspace, QUESTIONS, owner="test", job_name="weekly")
    assert (first.report.sent_count, again.report.sent_count) == (3, 0)
    assert again.diff is not None
    assert again.diff.counts() == {"same": 3}
    (folder / "hours.md").write_text(DOCUMENTS["hours.md"].replace("nine", "eight"), encoding="utf-8")
    ingest(deployment, folder)
    with opened(deployment, chat=chat(provider), answering=settings) as workspace:
        planned = plan_questions(workspace, QUESTIONS)
        assert (planned.estimate.paid_count, planned.estimate.known_count) == (1, 2)
        after = answer_questions(workspace, QUESTIONS, owner="test", job_name="weekly")
    assert after.report.sent_count == 1
    assert after.report.reused_count == 2
    assert after.diff is not None
    (change,) = after.diff.changes
    assert (change.id, change.kind, change.causes) == ("hours", "changed", ("evidence",))
    assert "eight" in (change.after or "")
    assert provider.meter().billed_count == 4


def test_an_estimate_comes_before_the_money_and_bounds_it(
    deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    with opened(deployment, chat=chat(provider)) as workspace:
        estimate = plan_questions(workspace, QUESTIONS).estimate
        assert provider.meter().billed_count == 0
        result = answer_questions(workspace, QUESTIONS, owner="test")
    assert estimate.price_source == "settings"
    assert estimate.low_usd is not None
    assert estimate.high_usd is not None
    assert result.report.cost_usd is not None
    assert estimate.low_usd <= estimate.high_usd
    assert result.report.cost_usd <= estimate.high_usd


def test_a_budget_without_a_price_is_refused_before_anything_is_sent(
    deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    answering = {"budget": {"run_usd": 1.0}}
    with (
        opened(deployment, chat=chat(provider, price=None), answering=answering) as workspace,
        pytest.raises(SettingsError, match="price is not known"),
    ):
        answer_questions(workspace, QUESTIONS, owner="test")
    assert provider.meter().billed_count == 0


@pytest.mark.parametrize("mode", ["invents_quote", "wrong_passage", "changes_number"])
def test_a_model_that_lies_is_not_believed(
    mode: str, deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    provider.behave(mode=mode)
    with opened(deployment, chat=chat(provider)) as workspace:
        rows = answer_questions(workspace, QUESTIONS, owner="test").rows
    assert provider.meter().billed_count == 3
    assert {row.abstain_reason for row in rows} <= {"check_failed", "model_says_not_found"}
    assert "check_failed" in {row.abstain_reason for row in rows}
    assert all(row.answer is None for row in rows)


def test_personal_data_stays_at_home_and_comes_back_in_the_answer(
    deployment: dict[str, Any], folder: Path, provider: ProviderServer
) -> None:
    answering = {"prompt": {"masking": {"enabled": True}}, "leaks": {"urls": False}}
    with opened(deployment, chat=chat(provider), answering=answering) as workspace:
        row = ask(workspace, "Who leads the bindery, and where does one write about torn books?")
    sent = json.dumps([request.body for request in provider.requests()])
    assert "bindery" in sent
    assert "okafor@library.example" not in sent
    assert row.answer is not None
    assert "okafor@library.example" in row.answer
    assert row.claims[0].citations[0].match == "exact"
