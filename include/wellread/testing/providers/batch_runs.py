"""Batches of any provider: lines that are computed later, at another price, and what can go wrong with them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wellread.testing.providers.faults import BatchFaultKind, FaultPlan, Mode
from wellread.testing.providers.meter import MeterState
from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.work import Work

BatchState = Literal["running", "completed", "expired", "cancelled", "rejected"]
OutcomeKind = Literal["succeeded", "errored", "expired", "cancelled"]


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch."""

    custom_id: str
    work: Work | RefusedError
    """What is to be computed, or why it cannot be."""
    mode: Mode = "honest"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    custom_id: str
    kind: OutcomeKind
    body: Any = None
    error: RefusedError | None = None


@dataclass(frozen=True, slots=True)
class BatchProblem:
    """Why a batch was rejected."""

    code: str
    message: str
    line: int | None = None


@dataclass(slots=True)
class BatchRun:
    """One batch."""

    id: str
    lines: Sequence[Line]
    about: Mapping[str, Any]
    """What its creator said of it: endpoint, input file, metadata."""
    faults: Mapping[BatchFaultKind, int]
    seconds: float | None
    created_at: float
    """Seconds since the epoch."""
    started: float
    """By the monotonic clock."""
    state: BatchState = "running"
    problems: Sequence[BatchProblem] = ()
    outcomes: Sequence[Outcome] = ()
    """As they are handed out: in the order, with the gaps and the surplus of the batch's faults."""
    counts: Mapping[OutcomeKind, int] = field(default_factory=dict)
    """What truly became of the lines."""
    ended_at: float | None = None
    views: dict[str, Any] = field(default_factory=dict)
    """What a protocol made of the outcomes, for example its files."""

    @property
    def enqueued_tokens(self) -> int:
        """Input tokens that wait in it."""
        works = (line.work for line in self.lines if self.state == "running")
        return sum(work.input_tokens for work in works if isinstance(work, Work))

    @property
    def is_due(self) -> bool:
        """Whether its time has come."""
        return self.seconds is not None and time.monotonic() - self.started >= self.seconds


class BatchRuns:
    """All batches of one protocol. Safe to share between threads."""

    def __init__(self, prefix: str, meter: MeterState, plan: FaultPlan, *, enqueued_tokens: int | None) -> None:
        self._prefix = prefix
        self._meter = meter
        self._plan = plan
        self._enqueued_tokens = enqueued_tokens
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._runs: dict[str, BatchRun] = {}

    def create(self, lines: Sequence[Line], about: Mapping[str, Any], problems: Sequence[BatchProblem]) -> BatchRun:
        """Take a batch in; one with problems, or over the enqueued-token limit, is rejected and costs nothing."""
        with self._lock:
            self.settle()
            run = BatchRun(
                id=f"{self._prefix}{next(self._numbers):08d}",
                lines=lines,
                about=about,
                faults=self._plan.batch_faults(),
                seconds=self._plan.behaviour.batch_seconds,
                created_at=time.time(),
                started=time.monotonic(),
            )
            run.problems = problems or self._planned_problem(run) or self._over_limit(run)
            if run.problems:
                run.state, run.ended_at = "rejected", time.time()
            self._runs[run.id] = run
            return run

    def get(self, batch_id: str) -> BatchRun:
        """A batch as it is now. Raises ``RefusedError``."""
        with self._lock:
            self.settle()
            run = self._runs.get(batch_id)
            if run is None:
                raise RefusedError(f"No batch found with id {batch_id!r}.", status=404)
            return run

    def list(self) -> Sequence[BatchRun]:
        """All batches, the newest first."""
        with self._lock:
            self.settle()
            return [*reversed(self._runs.values())]

    def settle(self) -> None:
        """Compute the batches whose time has come."""
        self._end(lambda run: run.is_due)

    def finish(self) -> None:
        """Compute all batches that run, now."""
        self._end(lambda _run: True)

    def cancel(self, batch_id: str) -> BatchRun:
        """Stop a batch in the middle: the first half of its lines was computed, and is billed."""
        with self._lock:
            run = self.get(batch_id)
            if run.state == "running":
                self._compute(run, "cancelled", count=len(run.lines) // 2)
            return run

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._runs.clear()

    def _end(self, is_wanted: Callable[[BatchRun], bool]) -> None:
        with self._lock:
            for run in self._runs.values():
                if run.state == "running" and is_wanted(run):
                    is_expired = "expired" in run.faults
                    count = len(run.lines) // 2 if is_expired else len(run.lines)
                    self._compute(run, "expired" if is_expired else "completed", count=count)

    def _compute(self, run: BatchRun, state: Literal["completed", "expired", "cancelled"], *, count: int) -> None:
        failed = run.faults.get("failed_line", 0)
        done = [self._outcome(line, is_failed=index < failed) for index, line in enumerate(run.lines[:count])]
        left: OutcomeKind = "cancelled" if state == "cancelled" else "expired"
        done += [Outcome(line.custom_id, left) for line in run.lines[count:]]
        run.counts = {
            kind: sum(one.kind == kind for one in done) for kind in ("succeeded", "errored", "expired", "cancelled")
        }
        run.outcomes = _disturbed(done, run.faults)
        run.state, run.ended_at = state, time.time()

    def _outcome(self, line: Line, *, is_failed: bool) -> Outcome:
        if is_failed:
            return Outcome(line.custom_id, "errored", error=RefusedError("The server had an error.", status=500))
        if isinstance(line.work, RefusedError):
            return Outcome(line.custom_id, "errored", error=line.work)
        result = line.work.run(line.mode, None)
        self._meter.bill(line.work.charge(result), in_batch=True)
        return Outcome(line.custom_id, "succeeded", body=result.body)

    def _planned_problem(self, run: BatchRun) -> Sequence[BatchProblem]:
        if "rejected" in run.faults:
            return (BatchProblem("invalid_json_line", "This line is not parseable as valid JSON.", 1),)
        return (_token_problem(0),) if "over_token_limit" in run.faults else ()

    def _over_limit(self, run: BatchRun) -> Sequence[BatchProblem]:
        limit = self._enqueued_tokens
        waiting = sum(other.enqueued_tokens for other in self._runs.values())
        if limit is None or waiting + run.enqueued_tokens <= limit:
            return ()
        return (_token_problem(limit),)


def _token_problem(limit: int) -> BatchProblem:
    return BatchProblem(
        "token_limit_exceeded",
        f"Enqueued token limit reached. Limit: {limit:,} enqueued tokens. Please try again once some in_progress "
        "batches have been completed.",
    )


def _disturbed(outcomes: Sequence[Outcome], faults: Mapping[BatchFaultKind, int]) -> Sequence[Outcome]:
    """What is handed out of the outcomes: some missing, some twice, some of nobody, in another order."""
    handed = list(outcomes[: max(0, len(outcomes) - faults.get("missing", 0))])
    handed += handed[: faults.get("duplicated", 0)]
    body = handed[0].body if handed else None
    handed += [Outcome(f"foreign-{number}", "succeeded", body=body) for number in range(faults.get("foreign", 0))]
    return handed[::-1] if "out_of_order" in faults else handed
