"""A worker of a question job whose model bills into a file: run as a process, so that it can be killed.

Usage: ``python paid_worker.py FOLDER [PLAN_REFERENCE]``; without a reference it plans and prints one.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from wellread.answering.jobs.planning import plan_job, store_plan
from wellread.answering.jobs.running import Resources, execute_job
from wellread.answering.protocol import (
    AnswerDraft,
    AnswererIdentity,
    AnswerRequest,
    DraftClaim,
    FreeMaker,
    Response,
)
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.folder import FolderArtifacts
from wellread.documents import Passage
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.questions import Question
from wellread.retrieval.results import RetrievalFeatures, RetrievalResult
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot

QUESTION_COUNT = 60
BILLS = "bills.txt"


class BillingMaker(FreeMaker):
    """Quotes its one passage, takes a moment, and writes every call on a bill before it answers."""

    identity = AnswererIdentity("billing", "billing-1", {})

    def __init__(self, folder: Path) -> None:
        self._bills = folder / BILLS

    def key_material(self, request: AnswerRequest) -> object:
        return request.question

    def confidence(self, request: AnswerRequest) -> float:
        return 1.0

    def respond(self, request: AnswerRequest) -> Response:
        with self._bills.open("a", encoding="utf-8") as bills:
            bills.write(request.question + "\n")
            bills.flush()
            os.fsync(bills.fileno())
        time.sleep(0.02)
        return Response(json.dumps(request.passages[0].text).encode())

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        text = json.loads(response)
        return AnswerDraft((DraftClaim(text, ((0, text),)),))


def retrieve(questions: Sequence[str]) -> list[RetrievalResult]:
    model = ModelIdentity("test", "none", "1", 2)
    head = Head(1, Projection("Documents", 1, model, "epoch"), Snapshot(2), 0)
    results = []
    for question in questions:
        text = f"The answer to {question} is known."
        key = uuid.uuid5(uuid.NAMESPACE_URL, question)
        passage = Passage(1, 1.0, text, key, key, "a.md", "a", (), None, 0, len(text), 0, "v")
        results.append(RetrievalResult(question, (passage,), head, head.snapshot, RetrievalFeatures()))
    return results


def main(folder: Path, reference: str | None) -> None:
    artifacts = FolderArtifacts(folder / "artifacts")
    maker = BillingMaker(folder)
    if reference is None:
        questions = [Question(f"q{number}", f"question {number}") for number in range(QUESTION_COUNT)]
        plan = plan_job(questions, retrieve=retrieve, maker=maker, collection="Documents", tenant="default")
        print(store_plan(plan, artifacts))
        return
    report = execute_job(
        reference,
        Resources(QuestionJobs(Ledger.open(f"sqlite:///{folder / 'ledger.db'}")), artifacts, maker),
        settings=AnsweringSettings(),
        threshold_ratio=0.5,
        owner="worker",
    )
    print(json.dumps(report.as_dict()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
