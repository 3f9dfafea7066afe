"""A worker of question jobs that asks a testing server: run as a process, so that it can be killed.

Usage: ``python model_worker.py OPTIONS`` with the JSON of ``Options``; prints one JSON line.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from wellread.answering.answerer import Answerer
from wellread.answering.jobs.spending import BudgetSettings
from wellread.answering.language_model import LanguageModelAnswerer, PromptParts
from wellread.answering.prompting.templates import load_prompt
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.folder import FolderArtifacts
from wellread.coordination.memory_limiter import MemoryRateLimiter
from wellread.coordination.protocol import RateLimiter
from wellread.coordination.redis_limiter import RedisRateLimiter
from wellread.documents import Passage
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.ledger.rate_limits import LedgerRateLimiter
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.settings import ChatModelSettings, PriceSettings
from wellread.models.prices import find_price
from wellread.questions import Question
from wellread.retries import RetrySettings
from wellread.retrieval.results import RetrievalFeatures, RetrievalResult
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot

COLORS = ("green", "blue", "red", "amber", "violet")


class Options(BaseModel):
    """What one worker is told."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["plan", "execute"]
    folder: Path
    url: str
    plan: str = ""
    question_count: int = 50
    first_number: int = 0
    edited_question: int | None = None
    edited_document: int | None = None
    sending: Literal["direct", "batch"] = "direct"
    concurrency: int = 8
    ledger_url: str = ""
    limiter: str = "none"
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    day_usd: float | None = None
    run_usd: float | None = None
    on_budget: Literal["stop", "degrade", "defer"] = "stop"
    fallback_model: str | None = None
    degraded_model: str | None = None
    output_tokens: int = 256
    provider: Literal["openai", "anthropic", "cohere"] = "openai"
    model: str = "tester"


def text_of(number: int, *, edited: bool = False) -> str:
    """What the document of a number says."""
    color = "grey" if edited else COLORS[number % len(COLORS)]
    return f"The door of house {number} on Mill Street is {color}. It was painted in {1900 + number % 100}."


def retrieve_with(options: Options) -> Any:
    """Each question finds the document of its house, and that of the next."""
    model = ModelIdentity("test", "none", "1", 2)
    head = Head(1, Projection("Documents", 1, model, "epoch"), Snapshot(2), 0)

    def passage(number: int, rank: int) -> Passage:
        text = text_of(number, edited=number == options.edited_document)
        key = uuid.uuid5(uuid.NAMESPACE_URL, text)
        doc_id = uuid.uuid5(uuid.NAMESPACE_URL, f"house {number}")
        name = f"house-{number}.md"
        return Passage(rank, 1.0 / rank, text, key, doc_id, name, name, (), None, 0, len(text), 0, "v")

    def retrieve(questions: Sequence[str]) -> list[RetrievalResult]:
        results = []
        for question in questions:
            number = int("".join(character for character in question if character.isdigit()))
            passages = (passage(number, 1), passage(number + 100_000, 2))
            results.append(RetrievalResult(question, passages, head, head.snapshot, RetrievalFeatures()))
        return results

    return retrieve


def questions_of(options: Options) -> list[Question]:
    """As many as asked for."""
    found = []
    for number in range(options.first_number, options.first_number + options.question_count):
        text = f"What colour is the door of house {number}?"
        if number == options.edited_question:
            text = f"Which colour has the door of house {number}?"
        found.append(Question(f"q{number}", text))
    return found


def maker_of(options: Options, model: str, **more: Any) -> LanguageModelAnswerer:
    """The answerer of one model of the testing server; ``cheap`` costs a tenth."""
    share = 0.1 if model == "cheap" else 1.0
    settings = ChatModelSettings(
        provider=options.provider,
        model=model,
        base_url=options.url,  # type: ignore[arg-type]  # pydantic makes the address
        api_key="secret",  # type: ignore[arg-type]  # pydantic makes the secret
        concurrency=options.concurrency,
        output_tokens=options.output_tokens,
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        price=PriceSettings(input_usd_per_million=0.15 * share, output_usd_per_million=0.6 * share),
        **more,
    )
    parts = PromptParts(load_prompt("answer_with_quotes"), load_prompt("repair"), key=b"k" * 32)
    return LanguageModelAnswerer(
        build_chat_model(settings), parts, price=find_price(settings), account=f"{options.url} {model}"
    )


def limiter_of(options: Options, ledger: Ledger | None) -> RateLimiter | None:
    """The limiter that the options name; anything else is the address of a Redis."""
    if options.limiter == "none":
        return None
    if options.limiter == "memory":
        return MemoryRateLimiter()
    if options.limiter == "ledger":
        assert ledger is not None
        return LedgerRateLimiter(ledger)
    return RedisRateLimiter(options.limiter)


def answerer_of(options: Options, ledger: Ledger | None) -> Answerer:
    """Everything together, without an index."""
    budget = BudgetSettings(run_usd=options.run_usd, day_usd=options.day_usd, on_budget=options.on_budget)
    return Answerer(
        retrieve=retrieve_with(options),
        maker=maker_of(options, options.model),
        settings=AnsweringSettings(budget=budget, batch_poll_seconds=0.05, batch_rows_count=16),
        threshold_ratio=0.0,
        fallbacks=(maker_of(options, options.fallback_model),) if options.fallback_model else (),
        degraded=maker_of(options, options.degraded_model) if options.degraded_model else None,
        limiter=limiter_of(options, ledger),
        retry=RetrySettings(first_wait_seconds=0.02, longest_wait_seconds=20.0, attempts_count=6),
    )


def plan(options: Options) -> str:
    """The reference of the frozen plan; no ledger is asked."""
    answerer = answerer_of(options.model_copy(update={"limiter": "none"}), None)
    return answerer.plan(questions_of(options), artifacts=FolderArtifacts(options.folder / "artifacts"))


def main(options: Options) -> None:
    """Execute a plan and finish it."""
    artifacts = FolderArtifacts(options.folder / "artifacts")
    ledger = Ledger.open(options.ledger_url or f"sqlite:///{options.folder / 'ledger.db'}")
    jobs = QuestionJobs(ledger)
    answerer = answerer_of(options, ledger)
    report = answerer.execute(
        options.plan, ledger=jobs, artifacts=artifacts, owner="worker", sending=options.sending
    )
    rows = answerer.finish(options.plan, ledger=jobs, artifacts=artifacts)
    answers = [[row.id, row.status, row.answer, row.cost_usd, row.model] for row in rows]
    print(json.dumps({"report": report.as_dict(), "answers": answers}))


if __name__ == "__main__":
    main(Options.model_validate_json(sys.argv[1]))
