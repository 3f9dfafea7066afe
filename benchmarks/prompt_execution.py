"""Executing 1,000 frozen prompts beside bare asynchronous calls: ``python -m benchmarks.prompt_execution``.

Both ask the same server, which answers at once, the same 1,000 requests with the same concurrency through the
official client. The execute phase also reserves, stores every response durably before it is read, validates,
locates every quote, and writes every row to the ledger. The two take turns; medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.reporting import load_average, write_results

from wellread.answering.answerer import Answerer
from wellread.answering.jobs.planning import load_plan
from wellread.answering.language_model import LanguageModelAnswerer, PromptParts
from wellread.answering.prompting.templates import load_prompt
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.folder import FolderArtifacts
from wellread.documents import Passage
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.settings import ChatModelSettings, PriceSettings
from wellread.models.prices import find_price
from wellread.questions import Question
from wellread.retrieval.results import RetrievalFeatures, RetrievalResult
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot
from wellread.testing.provider_server import ProviderServer, provider_process

TARGET_RATIO = 3.0
PASSAGES = 5


def retrieve(questions: Sequence[str]) -> list[RetrievalResult]:
    """Five passages of some 80 words for each question; the first answers it."""
    head = Head(1, Projection("Documents", 1, ModelIdentity("none", "none", "1", 2), "epoch"), Snapshot(2), 0)
    return [
        RetrievalResult(question, _passages(question), head, head.snapshot, RetrievalFeatures())
        for question in questions
    ]


def _passages(question: str) -> tuple[Passage, ...]:
    number = int("".join(character for character in question if character.isdigit()))
    passages = []
    for rank in range(1, PASSAGES + 1):
        house = number + 10_000 * (rank - 1)
        filler = " ".join(f"Line {line} of the survey of lot {house} notes nothing unusual." for line in range(6))
        text = f"The door of house {house} on Mill Street is {'green' if house % 2 else 'blue'}. {filler}"
        key = uuid.uuid5(uuid.NAMESPACE_URL, text)
        name = f"house-{house}.md"
        passages.append(Passage(rank, 1 / rank, text, key, key, name, name, (), None, 0, len(text), 0, "v"))
    return tuple(passages)


def settings_of(server: ProviderServer, concurrency: int) -> ChatModelSettings:
    """A model of the testing server."""
    return ChatModelSettings.model_validate(
        {
            "provider": "openai",
            "model": "tester",
            "base_url": server.openai_url,
            "api_key": "any",
            "concurrency": concurrency,
            "price": PriceSettings(input_usd_per_million=0.15, output_usd_per_million=0.6).model_dump(),
        }
    )


def answerer_of(settings: ChatModelSettings) -> Answerer:
    """The execute phase's answerer."""
    parts = PromptParts(load_prompt("answer_with_quotes"), load_prompt("repair"), key=b"k" * 32)
    maker = LanguageModelAnswerer(build_chat_model(settings), parts, price=find_price(settings), account="bench")
    return Answerer(retrieve, maker, AnsweringSettings(), threshold_ratio=0.0)


async def _bare(server: ProviderServer, bodies: Sequence[dict[str, Any]], concurrency: int) -> None:
    from openai import AsyncOpenAI

    gate = asyncio.Semaphore(concurrency)

    async with AsyncOpenAI(base_url=server.openai_url, api_key="any", max_retries=0) as client:

        async def ask(body: dict[str, Any]) -> None:
            async with gate:
                reply = await client.chat.completions.create(**body)
                assert reply.choices[0].message.content

        await asyncio.gather(*(ask(body) for body in bodies))


def bare_seconds(server: ProviderServer, bodies: Sequence[dict[str, Any]], concurrency: int) -> float:
    """Wall time of bare calls; every reply is parsed by the client and nothing is kept."""
    started = time.perf_counter()
    asyncio.run(_bare(server, bodies, concurrency))
    return time.perf_counter() - started


def execute_seconds(answerer: Answerer, questions: Sequence[Question]) -> float:
    """Wall time of the execute phase on a ledger and artifacts of its own."""
    with tempfile.TemporaryDirectory(prefix="wellread-bench-") as name:
        artifacts = FolderArtifacts(Path(name) / "artifacts")
        ledger = Ledger.open(f"sqlite:///{Path(name) / 'ledger.db'}")
        reference = answerer.plan(questions, artifacts=artifacts)
        started = time.perf_counter()
        report = answerer.execute(reference, ledger=QuestionJobs(ledger), artifacts=artifacts, owner="bench")
        seconds = time.perf_counter() - started
        ledger.close()
    assert report.statuses == {"answered": len(questions)}, report
    return seconds


def _bodies(answerer: Answerer, questions: Sequence[Question], server: ProviderServer) -> list[dict[str, Any]]:
    """The very requests that the execute phase sends, as the official client takes them."""
    with tempfile.TemporaryDirectory(prefix="wellread-bench-") as name:
        artifacts = FolderArtifacts(Path(name))
        plan = load_plan(answerer.plan(questions, artifacts=artifacts), artifacts)
        probe = plan.rows[0].request
        assert probe is not None
        answerer.maker.respond(probe)
        sent = next(request.body for request in reversed(server.requests()) if "chat" in request.path)
    assert isinstance(sent, dict)
    fixed = {name: value for name, value in sent.items() if name != "messages"}
    rows = [row.request for row in plan.rows if row.request is not None]
    return [{**fixed, "messages": [dict(message) for message in request.messages]} for request in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``results/prompt_execution.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args(arguments)
    questions = [
        Question(f"q{number}", f"What colour is the door of house {number}?") for number in range(options.questions)
    ]
    load_before = load_average()
    bare: list[float] = []
    execute: list[float] = []
    with provider_process() as server:
        answerer = answerer_of(settings_of(server, options.concurrency))
        bodies = _bodies(answerer, questions, server)
        bare_seconds(server, bodies[:50], options.concurrency)  # imports and connections
        execute_seconds(answerer, questions[:50])
        for _ in range(options.turns):
            bare.append(bare_seconds(server, bodies, options.concurrency))
            execute.append(execute_seconds(answerer, questions))
    ratios = [one / other for one, other in zip(execute, bare, strict=True)]
    results = {
        "questions_count": options.questions,
        "concurrency": options.concurrency,
        "turns_count": options.turns,
        "bare_seconds_median": round(median(bare), 3),
        "execute_seconds_median": round(median(execute), 3),
        "ratio_median_of_turns": round(median(ratios), 3),
        "ratio_of_turns": [round(ratio, 3) for ratio in ratios],
        "target_ratio": TARGET_RATIO,
        "load_average_before": load_before,
    }
    path = write_results("prompt_execution", results, packages=("openai", "wellread-airflow"))
    print(
        f"{results['ratio_median_of_turns']} times bare calls (target: at most {TARGET_RATIO}); written to {path}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
