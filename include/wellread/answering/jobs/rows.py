"""From a planned row to its final one: the gate, the check, and the row as the ledger keeps it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from wellread.answering.checking.drafts import CheckedAnswer, check_draft
from wellread.answering.files.answer_rows import answer_row_as_dict, answer_row_from_dict
from wellread.answering.jobs.plans import JobPlan, PlannedRow, identity_as_dict, request_key, without_passages
from wellread.answering.protocol import AnswerMaker, AnswerRequest
from wellread.answering.settings import AnsweringSettings
from wellread.documents import Passage
from wellread.errors import SystemicError
from wellread.identities import canonical_json
from wellread.questions import AnswerRow, AnswerStatus, ResponseOrigin, Usage

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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


@dataclass(frozen=True, slots=True)
class Bill:
    """What a row's responses were, and cost this job."""

    origin: ResponseOrigin = "none"
    usage: Usage = field(default_factory=Usage)
    cost_micro_usd: int | None = 0
    flags: tuple[str, ...] = ()

    @property
    def cost_usd(self) -> float | None:
        """In dollars, ``None`` where the price is not known."""
        return None if self.cost_micro_usd is None else self.cost_micro_usd / 1_000_000

    def plus(self, other: Bill) -> Bill:
        """Both together; unknown where one of them is."""
        costs = (self.cost_micro_usd, other.cost_micro_usd)
        usage = Usage(
            self.usage.input_tokens + other.usage.input_tokens,
            self.usage.output_tokens + other.usage.output_tokens,
            self.usage.cached_input_tokens + other.usage.cached_input_tokens,
        )
        return Bill(
            origin=other.origin if self.origin != "model" else "model",
            usage=usage,
            cost_micro_usd=None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
            flags=tuple(dict.fromkeys((*self.flags, *other.flags))),
        )


NO_BILL = Bill()


@dataclass(slots=True)
class RowBuilder:
    """Builds final rows of one plan. Pure, but for what the maker does to judge withdrawn evidence again."""

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

    def allowed(self, row: PlannedRow, planned: AnswerRequest, withdrawn: Withdrawn) -> tuple[AnswerRequest, float]:
        """The request without passages of withdrawn documents, and its confidence; the planned ones if none is."""
        gone = frozenset(index for index, passage in enumerate(planned.passages) if withdrawn.has(passage))
        if not gone:
            return planned, row.confidence
        request = self.maker.prepare(without_passages(planned, gone))
        return request, round(self.maker.confidence(request), 6) if request.passages else 0.0

    def gated(self, row: PlannedRow, request: AnswerRequest, confidence: float) -> AnswerRow | None:
        """The abstention where nothing relevant was retrieved. It costs nothing."""
        shown = request.packed is None or bool(request.packed.items)
        if request.passages and shown and confidence >= self.threshold_ratio:
            return None
        nothing = CheckedAnswer("abstained", "nothing_relevant", ())
        return self._finished(row, request, nothing, self.maker, confidence=confidence, bill=NO_BILL)

    def read(
        self,
        row: PlannedRow,
        request: AnswerRequest,
        response: bytes,
        maker: AnswerMaker,
        *,
        confidence: float,
        bill: Bill,
    ) -> AnswerRow:
        """The checked answer in a raw response. Raises ``DocumentError`` for one that makes no sense."""
        draft = maker.read(request, response)
        checked = check_draft(
            draft,
            request.passages,
            settings=self.settings.quotes,
            policy=self.settings.quote_policy,
            guard=maker.guard(request),
        )
        return self._finished(row, request, checked, maker, confidence=confidence, bill=bill)

    def _finished(
        self,
        row: PlannedRow,
        request: AnswerRequest,
        checked: CheckedAnswer,
        maker: AnswerMaker,
        *,
        confidence: float,
        bill: Bill,
    ) -> AnswerRow:
        prompt = self.plan.prompt
        left_out = request.packed.left_out if request.packed is not None else ()
        return AnswerRow(
            id=row.question.id,
            question=row.question.text,
            status=checked.status,
            abstain_reason=checked.abstain_reason,
            answer=checked.text,
            claims=checked.claims,
            passages=request.passages,
            model=maker.identity.model,
            usage=bill.usage,
            cost_usd=bill.cost_usd,
            snapshot=self.plan.snapshot,
            request_key=self.key_of(request, maker),
            confidence=round(confidence, 6),
            columns=row.question.columns,
            flags=tuple(dict.fromkeys((*bill.flags, *checked.flags))),
            origin=bill.origin,
            prompt=prompt[0] if prompt is not None else None,
            prompt_sha256=prompt[1] if prompt is not None else None,
            left_out=tuple((str(request.passages[one.position].chunk_key), one.reason) for one in left_out),
        )

    def failed(
        self, row: PlannedRow, status: AnswerStatus, problem: Mapping[str, object], bill: Bill = NO_BILL
    ) -> AnswerRow:
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
            usage=bill.usage,
            cost_usd=bill.cost_usd,
            snapshot=self.plan.snapshot,
            request_key=row.request_key,
            error=problem,
            columns=row.question.columns,
            flags=bill.flags,
            origin=bill.origin,
        )

    def unanswerable(self, row: PlannedRow) -> AnswerRow:
        """The final row of a question that could not even be asked."""
        problem = row.problem or {}
        return self.failed(row, "invalid" if problem.get("cause") == "empty" else "error", problem)

    def key_of(self, request: AnswerRequest, maker: AnswerMaker) -> str:
        """The request key of a request to a maker."""
        return request_key(maker.identity, maker.key_material(request), tenant=self.plan.tenant)


def row_to_ledger(row: AnswerRow, planned: PlannedRow) -> str:
    """A final row as JSON for the ledger: passages as positions in the plan, so that nothing is kept twice."""
    data = answer_row_as_dict(dataclasses.replace(row, passages=()))
    if planned.request is not None:
        kept = {passage.chunk_key for passage in row.passages}
        positions = enumerate(planned.request.passages)
        data["passages"] = [position for position, passage in positions if passage.chunk_key in kept]
    # A model's reply can hold half of a surrogate pair, which no database takes: here as an escape.
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", canonical_json(data))


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
