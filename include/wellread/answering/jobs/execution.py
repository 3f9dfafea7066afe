"""Executing a frozen plan, row by row, so that nothing is paid twice.

For each row, in order: an earlier final answer stands; an invalid row says so; too little confidence ends
the row at no cost; a stored response (of this row or of another with the same request key) is read again; only
then something is sent. The raw response is stored before it is read. Whatever happens to a row, it ends in one
of the closed states; only what stops every row (a refused key, an empty account, an unreachable server) stops
the job, which is then resumed by running it again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from wellread.answering.checking.drafts import CheckedAnswer, check_draft
from wellread.answering.files.answer_rows import answer_row_as_dict, answer_row_from_dict
from wellread.answering.jobs.plans import JobPlan, PlannedRow, identity_as_dict, request_key, without_passages
from wellread.answering.protocol import AnswerDraft, AnswerMaker, AnswerRequest, JobLedger
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.protocol import ArtifactStore
from wellread.documents import Passage
from wellread.errors import DocumentError, SystemicError, WellreadError
from wellread.identities import canonical_json
from wellread.questions import AnswerRow, AnswerStatus, JobRow, Usage

RESPONSES = "responses"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Documents and sources that nobody may read any more, whatever snapshot is pinned."""

    doc_ids: Collection[str] = frozenset()
    source_ids: Collection[str] = frozenset()

    def has(self, passage: Passage) -> bool:
        """Whether the passage comes from a withdrawn document."""
        return str(passage.doc_id) in self.doc_ids or passage.source_id in self.source_ids


NOTHING_WITHDRAWN = Withdrawn()
AskWithdrawn = Callable[[], Withdrawn]
"""Asked right before rows are executed and again before answers are handed out."""


@dataclass(slots=True)
class RowExecutor:
    """Answers single planned rows; knows how responses are stored, but nothing of job states."""

    plan: JobPlan
    maker: AnswerMaker
    settings: AnsweringSettings
    threshold_ratio: float
    """Questions with less confidence are not answered."""

    def __post_init__(self) -> None:
        """Refuse to execute a plan with another answerer than it was made for."""
        if identity_as_dict(self.maker.identity) != identity_as_dict(self.plan.answerer):
            raise SystemicError(
                "execute a question job",
                found="the plan was made for another answerer, model or setting",
                remedy="Plan the job again, or execute it with the settings it was planned with.",
            )

    def gated(self, row: PlannedRow, request: AnswerRequest) -> tuple[float, AnswerRow | None]:
        """The confidence, and the abstention where nothing relevant was retrieved."""
        confidence = self.maker.confidence(request) if request.passages else 0.0
        if request.passages and confidence >= self.threshold_ratio:
            return confidence, None
        nothing = CheckedAnswer("abstained", "nothing_relevant", ())
        return confidence, self.finished(row, request, nothing, AnswerDraft(()), confidence=confidence)

    def read(self, row: PlannedRow, request: AnswerRequest, response: bytes, *, confidence: float) -> AnswerRow:
        """The checked answer in a raw response."""
        draft = self.maker.read(request, response)
        checked = check_draft(
            draft, request.passages, settings=self.settings.quotes, policy=self.settings.quote_policy
        )
        return self.finished(row, request, checked, draft, confidence=confidence)

    def finished(
        self,
        row: PlannedRow,
        request: AnswerRequest,
        checked: CheckedAnswer,
        draft: AnswerDraft,
        *,
        confidence: float,
    ) -> AnswerRow:
        """One final row."""
        return AnswerRow(
            id=row.question.id,
            question=row.question.text,
            status=checked.status,
            abstain_reason=checked.abstain_reason,
            answer=checked.text,
            claims=checked.claims,
            passages=request.passages,
            model=self.plan.answerer.model,
            usage=draft.usage,
            cost_usd=draft.cost_usd,
            snapshot=self.plan.snapshot,
            request_key=self.key_of(request),
            confidence=round(confidence, 6),
            columns=row.question.columns,
        )

    def failed(self, row: PlannedRow, status: AnswerStatus, problem: Mapping[str, object]) -> AnswerRow:
        """The final row of a question that has no answer because of an error."""
        return AnswerRow(
            id=row.question.id,
            question=row.question.text,
            status=status,
            abstain_reason=None,
            answer=None,
            claims=(),
            passages=row.request.passages if row.request is not None else (),
            model=self.plan.answerer.model,
            usage=Usage(),
            cost_usd=0.0,
            snapshot=self.plan.snapshot,
            request_key=row.request_key,
            error=problem,
            columns=row.question.columns,
        )

    def unanswerable(self, row: PlannedRow) -> AnswerRow:
        """The final row of a question that could not even be asked."""
        problem = row.problem or {}
        return self.failed(row, "invalid" if problem.get("cause") == "empty" else "error", problem)

    def allowed(self, request: AnswerRequest, withdrawn: Withdrawn) -> AnswerRequest:
        """The request without passages of withdrawn documents; the same object where there are none."""
        gone = frozenset(index for index, passage in enumerate(request.passages) if withdrawn.has(passage))
        return self.maker.prepare(without_passages(request, gone)) if gone else request

    def key_of(self, request: AnswerRequest) -> str:
        """The request key of a request."""
        return request_key(self.plan.answerer, self.maker.key_material(request), tenant=self.plan.tenant)


@dataclass(slots=True)
class JobRun:
    """One worker's claim on one job."""

    job_id: str
    token: int
    ledger: JobLedger
    artifacts: ArtifactStore
    executor: RowExecutor
    withdrawn: Withdrawn = NOTHING_WITHDRAWN
    known: dict[str, str] = field(default_factory=dict)
    """Stored responses by request key."""
    sent_count: int = 0

    def execute(self, row: PlannedRow, state: JobRow) -> AnswerRow:
        """One row to its end. Raises only what would stop every other row too."""
        if row.request is None:
            return self.executor.unanswerable(row)
        try:
            return self._answer(row, row.request, state)
        except DocumentError as error:
            return self.executor.failed(row, "error", error.as_dict())
        except WellreadError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: whatever a row does, it ends as one row
            problem = {
                "error": type(error).__name__,
                "asked": f"answer the question {row.question.id!r}",
                "found": str(error),
                "remedy": "This is a fault in Wellread or in an answerer plugged into it: please report it.",
                "class": "document",
                "retryable": False,
            }
            return self.executor.failed(row, "error", problem)

    def _answer(self, row: PlannedRow, planned: AnswerRequest, state: JobRow) -> AnswerRow:
        request = self.executor.allowed(planned, self.withdrawn)
        confidence, abstained = self.executor.gated(row, request)
        if abstained is not None:
            return abstained
        response = self._response(row, request, state, is_planned=request is planned)
        return self.executor.read(row, request, response, confidence=confidence)

    def _response(self, row: PlannedRow, request: AnswerRequest, state: JobRow, *, is_planned: bool) -> bytes:
        stored = state.response_reference or self.known.get(state.request_key) if is_planned else None
        if stored is not None and self.artifacts.exists(stored):
            return self.artifacts.get(stored)
        if state.state == "planned":
            self.ledger.advance_rows(
                self.job_id, token=self.token, question_ids=[row.question.id], state="reserved"
            )
            self.ledger.advance_rows(self.job_id, token=self.token, question_ids=[row.question.id], state="sent")
        self.sent_count += 1
        response = self.executor.maker.respond(request)
        reference = self.artifacts.put(RESPONSES, response)
        if is_planned:  # a response to fewer passages must never be found under the key of the whole request
            self.ledger.record_responses(self.job_id, token=self.token, references={row.question.id: reference})
            self.known[state.request_key] = reference
        return response


def row_to_ledger(row: AnswerRow, planned: PlannedRow) -> str:
    """A final row as JSON for the ledger: passages as positions in the plan, so that nothing is kept twice."""
    data = answer_row_as_dict(row)
    data["passages"] = []
    if planned.request is not None:
        kept = {passage.chunk_key for passage in row.passages}
        positions = enumerate(planned.request.passages)
        data["passages"] = [position for position, passage in positions if passage.chunk_key in kept]
    return canonical_json(data)


def row_from_ledger(text: str, planned: PlannedRow) -> AnswerRow:
    """The inverse of :func:`row_to_ledger`. Raises ``SystemicError`` where the ledger holds something else."""
    try:
        data = json.loads(text)
        positions = set(data.pop("passages"))
        row = answer_row_from_dict({**data, "passages": []})
    except (ValueError, KeyError, TypeError) as error:
        raise SystemicError(
            f"read the stored answer of {planned.question.id!r}",
            found=repr(error),
            remedy="The ledger was written by another version: plan the job again.",
        ) from error
    passages = planned.request.passages if planned.request is not None else ()
    return dataclasses.replace(row, passages=tuple(passages[index] for index in sorted(positions)))
