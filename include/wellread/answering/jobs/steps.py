"""One worker's claim on a job: what a row needs next, without knowing how requests are sent.

A row goes through steps. Each has a request to one maker and the key of its response. A response that is stored
already is read at once; one that makes no sense may be asked to be mended once; a maker that cannot answer is
followed by the next. Whatever happens, the row ends in one of the closed states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wellread.answering.jobs.plans import PlannedRow
from wellread.answering.jobs.rows import NO_BILL, NOTHING_WITHDRAWN, AskWithdrawn, Bill, RowBuilder, row_to_ledger
from wellread.answering.jobs.spending import Budget
from wellread.answering.protocol import AnswerMaker, AnswerRequest, JobLedger
from wellread.artifacts.protocol import ArtifactStore
from wellread.coordination.protocol import CachedResponse, RateLimiter, ResponseCache
from wellread.errors import DocumentError, WellreadError
from wellread.questions import AnswerRow, JobRow, ResponseOrigin, StoredResponse, Usage

RESPONSES = "responses"


@dataclass(slots=True)
class Step:
    """A request that a row waits for."""

    row: PlannedRow
    request: AnswerRequest
    confidence: float
    maker: AnswerMaker
    key: str
    """Of the response: equal keys have equal answers."""
    bill: Bill = NO_BILL
    """Of the responses before this one."""
    fallbacks: tuple[AnswerMaker, ...] = ()
    """Who may be asked where this maker cannot answer."""
    may_repair: bool = True
    is_resumed: bool = False
    """An earlier attempt of this job sent something for the row: what is stored for it, this job has paid."""
    ready_at_seconds: float = 0.0
    """By the monotonic clock: not to be sent before."""
    failures_count: int = 0
    refusals_count: int = 0
    """How often the rate was too high for it."""
    first_failure_at_seconds: float | None = None
    reserved_tokens: int = 0
    """Of the rate limit, while in flight."""
    is_answered: bool = False
    """A response came, whether or not it could be kept: it is paid for."""

    @property
    def name(self) -> str:
        """The question's id."""
        return self.row.question.id


@dataclass(slots=True)
class JobRun:
    """One worker's claim on one job."""

    job_id: str
    token: int
    ledger: JobLedger
    artifacts: ArtifactStore
    builder: RowBuilder
    fallbacks: tuple[AnswerMaker, ...] = ()
    degraded: AnswerMaker | None = None
    budget: Budget | None = None
    limiter: RateLimiter | None = None
    cache: ResponseCache | None = None
    withdrawn: AskWithdrawn = lambda: NOTHING_WITHDRAWN
    reuse: bool = True
    """Whether responses that other jobs paid for may answer again; its own always do."""
    known: dict[str, StoredResponse] = field(default_factory=dict)
    """Stored responses by request key."""
    looked_up: set[str] = field(default_factory=set)
    paid: set[str] = field(default_factory=set)
    """Keys of responses that this job itself paid for."""
    cached: set[str] = field(default_factory=set)
    """Keys of responses that the shared cache had."""
    sent_count: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    """Question id -> place in the plan, once somebody asked for it."""
    finals: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Rows that are at their end and not yet written to the ledger."""

    # -- what a row needs next ---------------------------------------------------------------------------------
    def begin(self, row: PlannedRow, state: JobRow) -> Step | None:
        """The first step of a row, or ``None`` where it came to its end without one."""
        if row.request is None:
            self.finish(row, self.builder.unanswerable(row))
            return None
        bill = Bill(flags=("maybe_billed",)) if state.maybe_billed else NO_BILL
        maker, resumed = self.builder.maker, state.attempts_count > 0
        return self.resume(
            Step(row, row.request, row.confidence, maker, row.request_key, bill, self.fallbacks, is_resumed=resumed)
        )

    def resume(self, step: Step) -> Step | None:
        """What is to be sent for a step by now, or ``None`` where its row came to its end without it.

        Documents are withdrawn, and equal requests are answered, while steps wait.
        """
        try:
            request, confidence = self.builder.allowed(step.row, step.request, self.withdrawn())
        except DocumentError as error:
            self.fault(step, error)
            return None
        if request is not step.request:
            key = self.builder.key_of(request, step.maker)
            step = replace(step, request=request, confidence=confidence, key=key)
        nothing = self.builder.gated(step.row, request, step.confidence)
        if nothing is None:
            return self.pending(step)
        bill = step.bill
        self.finish(
            step.row,
            replace(nothing, usage=bill.usage, cost_usd=bill.cost_usd, origin=bill.origin, flags=bill.flags),
        )
        return None

    def pending(self, step: Step) -> Step | None:
        """The step, or what follows from stored responses: ``None`` where the row came to its end."""
        current: Step | None = step
        while current is not None:
            stored = self._stored(current)
            if stored is None:
                return current
            body = self.artifacts.get(stored.reference)
            cost = stored.cost_micro_usd if current.is_resumed else 0  # one row of this job bears it already
            current = self.digest(current, body, Bill(self._origin(current), stored.usage, cost))
        return None

    def _origin(self, step: Step) -> ResponseOrigin:
        if step.is_resumed or step.key in self.paid:
            return "model"
        return "cache" if step.key in self.cached else "ledger"

    def digest(self, step: Step, body: bytes, bill: Bill) -> Step | None:
        """Read a response: ``None`` where the row came to its end, else the step that follows."""
        whole = step.bill.plus(bill)
        try:
            answer = self.builder.read(
                step.row, step.request, body, step.maker, confidence=step.confidence, bill=whole
            )
        except DocumentError as error:
            return self._mended(step, body, error, whole)
        except WellreadError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: whatever a row does, it ends as one row
            self.fault(step, error, bill=whole)
            return None
        self.finish(step.row, answer)
        return None

    def _mended(self, step: Step, body: bytes, problem: DocumentError, bill: Bill) -> Step | None:
        request = step.maker.follow_up(step.request, body, problem) if step.may_repair else None
        if request is None:
            self.finish(step.row, self.builder.failed(step.row, "error", problem.as_dict(), bill))
            return None
        flagged = replace(bill, flags=(*bill.flags, "repaired"))
        key = self.builder.key_of(request, step.maker)
        return Step(
            step.row,
            request,
            step.confidence,
            step.maker,
            key,
            flagged,
            step.fallbacks,
            may_repair=False,
            is_resumed=step.is_resumed,
        )

    def next_maker(self, step: Step) -> Step | None:
        """The step with the next fallback; ``None`` where there is none."""
        if not step.fallbacks:
            return None
        return self._with_maker(step, step.fallbacks[0], step.fallbacks[1:], "fallback")

    def cheaper(self, step: Step) -> Step | None:
        """The step with the model that budgets may be stretched by; ``None`` where there is none left."""
        if self.degraded is None or step.maker is self.degraded:
            return None
        return self._with_maker(step, self.degraded, (), "degraded")

    def _with_maker(self, step: Step, maker: AnswerMaker, others: tuple[AnswerMaker, ...], flag: str) -> Step:
        bill = replace(step.bill, flags=tuple(dict.fromkeys((*step.bill.flags, flag))))
        key = self.builder.key_of(step.request, maker)
        return Step(
            step.row,
            step.request,
            step.confidence,
            maker,
            key,
            bill,
            others,
            may_repair=step.may_repair,
            is_resumed=step.is_resumed,
        )

    # -- ends --------------------------------------------------------------------------------------------------
    def finish(self, row: PlannedRow, answer: AnswerRow) -> None:
        """One row is at its end; written with the next flush."""
        self.finals[row.question.id] = (answer.status, row_to_ledger(answer, row))

    def fault(self, step: Step, error: BaseException, *, bill: Bill | None = None) -> None:
        """The row ends by an error that is nobody's but its own."""
        if isinstance(error, WellreadError):
            problem = error.as_dict()
        else:
            problem = {
                "error": type(error).__name__,
                "asked": f"answer the question {step.name!r}",
                "found": str(error),
                "remedy": "This is a fault in Wellread or in an answerer plugged into it: please report it.",
                "class": "document",
                "retryable": False,
            }
        self.finish(step.row, self.builder.failed(step.row, "error", problem, bill or step.bill))

    def flush(self) -> int:
        """Write the rows that are at their end; how many."""
        finals = self.finals
        if finals:
            self.ledger.finish_rows(self.job_id, token=self.token, finals=finals)
            self.finals = {}
        return len(finals)

    # -- responses ---------------------------------------------------------------------------------------------
    def limits(self) -> dict[str, int]:
        """What may be spent now, by scope; empty where nothing bounds it."""
        return self.budget.limits() if self.budget is not None else {}

    def look_up(self, keys: Sequence[str]) -> None:
        """Read what is known of these responses, from the ledger and then from the shared cache."""
        tenant = self.builder.plan.tenant
        missing = [key for key in keys if key not in self.known]
        self.looked_up.update(missing)
        self.known.update(self.ledger.find_responses(tenant=tenant, request_keys=missing))
        missing = [key for key in missing if key not in self.known]
        if self.cache is None or not missing:
            return
        for key, cached in self.cache.find(tenant, missing).items():
            reference = self.artifacts.put(RESPONSES, cached.body)
            usage = Usage(cached.input_tokens, cached.output_tokens)
            self.known[key] = StoredResponse(reference, usage, cost_micro_usd=0)
            self.cached.add(key)

    def _stored(self, step: Step) -> StoredResponse | None:
        if step.key not in self.looked_up and (self.reuse or step.is_resumed):
            self.look_up([step.key])
        found = self.known.get(step.key)
        return found if found is not None and self.artifacts.exists(found.reference) else None

    def record(self, found: Sequence[tuple[Step, StoredResponse, bytes]]) -> None:
        """Write responses down, before anybody reads them; also for others who ask the same."""
        by_model: dict[str, dict[str, tuple[str, StoredResponse]]] = {}
        for step, stored, _ in found:
            by_model.setdefault(step.maker.identity.model, {})[step.name] = (step.key, stored)
            self.known[step.key] = stored
            self.paid.add(step.key)
        for model, rows in by_model.items():
            self.ledger.record_responses(self.job_id, token=self.token, model=model, found=rows)
        if self.cache is not None and found:
            kept = {
                step.key: CachedResponse(body, stored.usage.input_tokens, stored.usage.output_tokens)
                for step, stored, body in found
            }
            self.cache.keep(self.builder.plan.tenant, kept)
