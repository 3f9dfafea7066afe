"""What operators, the command line and applications call: ask one question, or run a whole job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wellread.answering.extractive.assessment import Assessor
from wellread.answering.extractive.calibration import load_calibration
from wellread.answering.extractive.maker import ExtractiveAnswerer
from wellread.answering.jobs.planning import Retrieve, estimate_plan, load_plan, plan_job, store_plan
from wellread.answering.jobs.reporting import JobReport
from wellread.answering.jobs.rows import NOTHING_WITHDRAWN, AskWithdrawn, RowBuilder, Withdrawn
from wellread.answering.jobs.running import (
    JobPending,
    Progress,
    Resources,
    Sending,
    advance_job,
    execute_job,
    finish_job,
)
from wellread.answering.jobs.single import answer_once
from wellread.answering.jobs.spending import Estimate
from wellread.answering.protocol import AnswerMaker, JobLedger
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.protocol import ArtifactStore
from wellread.coordination.protocol import RateLimiter, ResponseCache
from wellread.errors import DocumentError
from wellread.filter_json import as_json
from wellread.filters import Filter
from wellread.models.protocol import Embedder
from wellread.questions import AnswerRow, Question
from wellread.retries import RetrySettings
from wellread.retrieval.results import RetrievalResult, SearchMode
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
    fallbacks: tuple[AnswerMaker, ...] = ()
    degraded: AnswerMaker | None = None
    limiter: RateLimiter | None = None
    cache: ResponseCache | None = None
    retry: RetrySettings = field(default_factory=RetrySettings)
    price_source: str | None = None
    """Where the price comes from, for estimates."""
    reuse: bool = True
    """Whether responses that other jobs paid for may answer again."""

    def ask(self, question: str, *, question_id: str = "question") -> AnswerRow:
        """The answer to one question, or why there is none. Nothing is stored, no budget is kept.

        Raises ``WellreadError`` where the store, the model or the settings do not work.
        """
        plan = plan_job(
            [Question(id=question_id, text=question)],
            retrieve=self.retrieve,
            maker=self.maker,
            collection=self.collection,
            tenant=self.tenant,
        )
        builder = RowBuilder(plan, self.maker, self.settings, self.threshold_ratio)
        return answer_once(builder, plan.rows[0], withdrawn=self.withdrawn(), retry=self.retry)

    def plan(self, questions: Sequence[Question], *, artifacts: ArtifactStore) -> str:
        """Retrieve for all questions under one snapshot, freeze it, and return the plan's reference."""
        plan = plan_job(
            questions, retrieve=self.retrieve, maker=self.maker, collection=self.collection, tenant=self.tenant
        )
        return store_plan(plan, artifacts)

    def estimate(
        self,
        plan_reference: str,
        *,
        ledger: JobLedger,
        artifacts: ArtifactStore,
        mean_output_tokens: float | None = None,
        sending: Sending = "direct",
    ) -> Estimate:
        """What executing a plan would send and cost; nothing is spent."""
        plan = load_plan(plan_reference, artifacts)
        keys = [row.request_key for row in plan.rows]
        return estimate_plan(
            plan,
            maker=self.maker,
            threshold_ratio=self.threshold_ratio,
            known=ledger.find_responses(tenant=self.tenant, request_keys=keys) if self.reuse else {},
            mean_output_tokens=mean_output_tokens,
            price_source=self.price_source,
            is_batch=sending == "batch",
        )

    def execute(
        self,
        plan_reference: str,
        *,
        ledger: JobLedger,
        artifacts: ArtifactStore,
        owner: str,
        sending: Sending = "direct",
        on_progress: Progress = lambda _done, _total: None,
    ) -> JobReport:
        """Bring every row of a plan to a final state; call it again after a crash and it goes on."""
        return execute_job(
            plan_reference,
            self._resources(ledger, artifacts),
            settings=self.settings,
            threshold_ratio=self.threshold_ratio,
            owner=owner,
            sending=sending,
            on_progress=on_progress,
        )

    def advance(
        self,
        plan_reference: str,
        *,
        ledger: JobLedger,
        artifacts: ArtifactStore,
        owner: str,
        sending: Sending = "direct",
        on_progress: Progress = lambda _done, _total: None,
    ) -> JobReport | JobPending:
        """The same, but where a provider's batch is waited for it says how long instead of sleeping."""
        return advance_job(
            plan_reference,
            self._resources(ledger, artifacts),
            settings=self.settings,
            threshold_ratio=self.threshold_ratio,
            owner=owner,
            sending=sending,
            on_progress=on_progress,
        )

    def finish(self, plan_reference: str, *, ledger: JobLedger, artifacts: ArtifactStore) -> tuple[AnswerRow, ...]:
        """One row for each question, in order. Raises ``SystemicError`` where the job is not at its end."""
        return finish_job(plan_reference, ledger=ledger, artifacts=artifacts, withdrawn=self.withdrawn)

    def _resources(self, ledger: JobLedger, artifacts: ArtifactStore) -> Resources:
        return Resources(
            ledger,
            artifacts,
            self.maker,
            fallbacks=self.fallbacks,
            degraded=self.degraded,
            limiter=self.limiter,
            cache=self.cache,
            retry=self.retry,
            withdrawn=self.withdrawn,
            reuse=self.reuse,
        )


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Which passages the questions of one job may be answered from."""

    passage_count: int = 10
    filter: Filter | None = None
    """Joined to the scope by *and*: it can only narrow it."""
    least_score: float | None = None
    fresh_since: datetime | None = None
    """Every source must have had a complete run that began at this moment or later."""
    least_revision: int | None = None
    mode: SearchMode = "hybrid"

    def as_dict(self) -> dict[str, object]:
        """As JSON values: part of what a repeated job is recognised by. Freshness is not, it names no passage."""
        return {
            "passage_count": self.passage_count,
            "filter": as_json(self.filter) if self.filter is not None else None,
            "least_score": self.least_score,
            "mode": self.mode,
        }


def retrieve_with(
    retriever: Retriever, *, collection: str, scope: Scope, evidence: EvidenceSettings | None = None
) -> Retrieve:
    """Retrieval for answering: all questions of a call under the snapshot of one head.

    A question that the embedder refuses becomes its own ``DocumentError`` and stops no other.
    """
    wanted = evidence if evidence is not None else EvidenceSettings()

    def retrieve(questions: Sequence[str]) -> list[RetrievalResult | DocumentError]:
        head = retriever.fresh_head(
            collection, scope=scope, fresh_since=wanted.fresh_since, least_revision=wanted.least_revision
        )

        def of(some: Sequence[str]) -> list[RetrievalResult | DocumentError]:
            try:
                return list(
                    retriever.retrieve_many(
                        some,
                        collection=collection,
                        scope=scope,
                        k=wanted.passage_count,
                        snapshot=head.snapshot,
                        mode=wanted.mode,
                        filter=wanted.filter,
                        least_score=wanted.least_score,
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
    calibration = load_calibration(chosen.calibration_path, embedder=embedder.identity.model)
    assessor = Assessor(embedder, calibration, chosen.extraction)
    threshold = chosen.least_confidence_ratio
    return Answerer(
        retrieve=retrieve,
        maker=ExtractiveAnswerer(assessor, chosen.extraction, model=embedder.identity, leaks=chosen.leaks),
        settings=chosen,
        threshold_ratio=calibration.threshold_ratio if threshold is None else threshold,
        collection=collection,
        tenant=tenant,
        withdrawn=withdrawn,
    )
