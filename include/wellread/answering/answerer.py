"""What operators, the command line and applications call: ask one question, or run a whole job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellread.answering.extractive.assessment import Assessor
from wellread.answering.extractive.calibration import load_calibration
from wellread.answering.extractive.maker import ExtractiveAnswerer
from wellread.answering.jobs.execution import NOTHING_WITHDRAWN, AskWithdrawn, RowExecutor, Withdrawn
from wellread.answering.jobs.running import (
    JobReport,
    Progress,
    Retrieve,
    execute_job,
    finish_job,
    plan_job,
    store_plan,
)
from wellread.answering.protocol import AnswerMaker, JobLedger
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.protocol import ArtifactStore
from wellread.errors import DocumentError
from wellread.models.protocol import Embedder
from wellread.questions import AnswerRow, Question
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.stores.protocol import Scope


@dataclass(frozen=True, slots=True)
class Answerer:
    """Everything that answering a collection's questions takes. Safe to share between threads."""

    retrieve: Retrieve
    maker: AnswerMaker
    settings: AnsweringSettings
    threshold_ratio: float
    """Questions with less confidence are not answered."""
    collection: str = "Documents"
    tenant: str = "default"
    withdrawn: AskWithdrawn = lambda: NOTHING_WITHDRAWN

    def ask(self, question: str, *, question_id: str = "question") -> AnswerRow:
        """The answer to one question, or why there is none. Nothing is stored.

        Raises ``WellreadError`` where the store, the model or the settings do not work.
        """
        plan = plan_job(
            [Question(id=question_id, text=question)],
            retrieve=self.retrieve,
            maker=self.maker,
            collection=self.collection,
            tenant=self.tenant,
        )
        row = plan.rows[0]
        executor = RowExecutor(plan, self.maker, self.settings, self.threshold_ratio)
        if row.request is None:
            return executor.unanswerable(row)
        request = executor.allowed(row.request, self.withdrawn())
        confidence, abstained = executor.gated(row, request)
        if abstained is not None:
            return abstained
        return executor.read(row, request, self.maker.respond(request), confidence=confidence)

    def plan(self, questions: Sequence[Question], *, artifacts: ArtifactStore) -> str:
        """Retrieve for all questions under one snapshot, freeze it, and return the plan's reference."""
        plan = plan_job(
            questions, retrieve=self.retrieve, maker=self.maker, collection=self.collection, tenant=self.tenant
        )
        return store_plan(plan, artifacts)

    def execute(
        self,
        plan_reference: str,
        *,
        ledger: JobLedger,
        artifacts: ArtifactStore,
        owner: str,
        on_progress: Progress = lambda _done, _total: None,
    ) -> JobReport:
        """Bring every row of a plan to a final state; call it again after a crash and it goes on."""
        return execute_job(
            plan_reference,
            maker=self.maker,
            ledger=ledger,
            artifacts=artifacts,
            settings=self.settings,
            threshold_ratio=self.threshold_ratio,
            owner=owner,
            withdrawn=self.withdrawn,
            on_progress=on_progress,
        )

    def finish(self, plan_reference: str, *, ledger: JobLedger, artifacts: ArtifactStore) -> tuple[AnswerRow, ...]:
        """One row for each question, in order. Raises ``SystemicError`` where the job is not at its end."""
        return finish_job(plan_reference, ledger=ledger, artifacts=artifacts, withdrawn=self.withdrawn)


def retrieve_with(retriever: Retriever, *, collection: str, scope: Scope, passage_count: int = 10) -> Retrieve:
    """Retrieval for answering: all questions of a call under the snapshot of one head.

    A question that the embedder refuses becomes its own ``DocumentError`` and stops no other.
    """

    def retrieve(questions: Sequence[str]) -> list[RetrievalResult | DocumentError]:
        snapshot = retriever.head(collection).snapshot

        def of(some: Sequence[str]) -> list[RetrievalResult | DocumentError]:
            try:
                return list(
                    retriever.retrieve_many(
                        some, collection=collection, scope=scope, k=passage_count, snapshot=snapshot
                    )
                )
            except DocumentError as error:
                if len(some) == 1:
                    return [error]
                half = len(some) // 2
                return [*of(some[:half]), *of(some[half:])]

        return of(questions)

    return retrieve


def withdrawn_by(retriever: Retriever, *, collection: str) -> AskWithdrawn:
    """What the newest head denies, asked anew each time."""

    def ask() -> Withdrawn:
        head = retriever.head(collection)
        return Withdrawn(frozenset(str(doc_id) for doc_id in head.denied), head.denied_sources)

    return ask


def extractive_answerer(
    *,
    retrieve: Retrieve,
    embedder: Embedder,
    settings: AnsweringSettings | None = None,
    collection: str = "Documents",
    tenant: str = "default",
    withdrawn: AskWithdrawn = lambda: NOTHING_WITHDRAWN,
) -> Answerer:
    """The answerer that needs no key, with the calibration that the settings name.

    Raises ``SettingsError`` for a calibration that cannot be read.
    """
    chosen = settings if settings is not None else AnsweringSettings()
    calibration = load_calibration(chosen.calibration_path)
    assessor = Assessor(embedder, calibration, chosen.extraction)
    threshold = chosen.least_confidence_ratio
    return Answerer(
        retrieve=retrieve,
        maker=ExtractiveAnswerer(assessor, chosen.extraction, model=embedder.identity),
        settings=chosen,
        threshold_ratio=calibration.threshold_ratio if threshold is None else threshold,
        collection=collection,
        tenant=tenant,
        withdrawn=withdrawn,
    )
