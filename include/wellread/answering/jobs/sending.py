"""Sending requests one by one, many at once: never faster than the account allows, never past a budget.

One thread decides and writes the ledger; others only wait for answers. Before a request leaves, its cost is
reserved and its row is ``sent``; when its answer is stored, the row is ``received``. So a crash can repeat at most
what was in flight, and the ledger knows which rows those are.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from wellread.answering.jobs.failures import Failures
from wellread.answering.jobs.plans import PlannedRow
from wellread.answering.jobs.steps import RESPONSES, JobRun, Step
from wellread.answering.protocol import Response
from wellread.questions import JobRow, Reservation, StoredResponse
from wellread.retries import RetrySettings

_Answered = tuple[Response, str]
_GATHERING_SECONDS = 0.002
_LONGEST_TURN_SECONDS = 1.0
"""A rate is asked again after so long: others may have used less than they reserved."""
_LONGEST_NAP_SECONDS = 5.0
"""So often at least the lease is renewed while nothing else happens."""


@dataclass(frozen=True, slots=True)
class SendingSettings:
    """Bounds of one worker."""

    retry: RetrySettings
    patience_seconds: float = 900.0
    """A row that is refused for so long, while nothing else gets through, stops the job."""
    flush_count: int = 16
    """Finished rows are written together, at most so many."""


class DirectSender:
    """Brings rows to their end by direct requests."""

    def __init__(
        self, run: JobRun, settings: SendingSettings, *, on_finished: Callable[[int], None] = lambda _count: None
    ) -> None:
        self._run = run
        self._settings = settings
        self._on_finished = on_finished
        self._rows: deque[tuple[PlannedRow, JobRow]] = deque()
        self._ready: list[tuple[float, int, Step]] = []
        self._order = itertools.count()
        self._flying: dict[Future[_Answered], Step] = {}
        self._parked: dict[str, list[Step]] = {}
        """Steps whose very response is in flight for another row."""
        self._short: list[tuple[Step, str]] = []
        """Steps that wait for money that requests in flight may give back."""
        self._not_before_seconds = 0.0
        self._failures = Failures(run, settings.retry, patience_seconds=settings.patience_seconds)
        self._stop = threading.Event()

    def finish(self, rows: Iterable[tuple[PlannedRow, JobRow]]) -> None:
        """Bring all rows to their end. Raises what would stop every other row too, after saving what is paid."""
        self._rows.extend(rows)
        concurrency = max(
            maker.concurrency for maker in (self._run.builder.maker, *self._run.fallbacks) if maker is not None
        )
        with ThreadPoolExecutor(concurrency, thread_name_prefix="wellread-answer") as pool:
            try:
                while self._rows or self._ready or self._flying or self._short:
                    self._admit(pool, concurrency)
                    self._collect()
                    self._decide_on_short()
            except BaseException:
                self._save_in_flight()
                raise
            finally:
                self._flush()

    # -- what may be sent now ----------------------------------------------------------------------------------
    def _admit(self, pool: ThreadPoolExecutor, concurrency: int) -> None:
        batch: list[Step] = []
        while len(self._flying) + len(batch) < concurrency and time.monotonic() >= self._not_before_seconds:
            step = self._next_step()
            if step is None:
                break
            if any(step.key == other.key for other in (*batch, *self._flying.values())):
                self._parked.setdefault(step.key, []).append(step)
            elif self._is_paced(step):
                batch.append(step)
        if batch:
            self._send(batch, pool)

    def _next_step(self) -> Step | None:
        """The next step that may be sent; rows that need none are finished on the way."""
        if self._ready and self._ready[0][0] <= time.monotonic():
            return heapq.heappop(self._ready)[2]
        while self._rows:
            step = self._run.begin(*self._rows.popleft())
            if len(self._run.finals) >= self._settings.flush_count:
                self._flush()
            if step is not None:
                return step
        return None

    def _is_paced(self, step: Step) -> bool:
        """Take the request from the account's rate; where it is used up, nothing is sent for a while."""
        account = step.maker.account
        if self._run.limiter is None or account is None:
            return True
        bound = step.maker.bound(step.request)
        tokens = bound.input_tokens + bound.output_tokens
        seconds = self._run.limiter.reserve(account.name, account.rate, tokens=tokens)
        if seconds > 0:
            seconds = min(seconds, _LONGEST_TURN_SECONDS)
            self._not_before_seconds = time.monotonic() + seconds
            self._wait_for(step, seconds)
            return False
        step.reserved_tokens = tokens
        return True

    def _send(self, batch: list[Step], pool: ThreadPoolExecutor) -> None:
        run = self._run
        limits = run.limits()
        reservations = [Reservation(step.name, self._worst_cost(step) if limits else 0) for step in batch]
        short = run.ledger.send_rows(run.job_id, token=run.token, rows=reservations, budget=limits)
        for step in batch:
            if step.name in short:
                self._failures.give_back(step, used_tokens=0)
                self._short.append((step, short[step.name]))
                continue
            run.sent_count += 1
            self._flying[pool.submit(self._ask, step)] = step

    def _worst_cost(self, step: Step) -> int:
        bound = step.maker.bound(step.request)
        return step.maker.cost_micro_usd(bound.as_usage()) or 0

    def _ask(self, step: Step) -> _Answered:
        """In a thread of the pool: one request, and its raw response made durable."""
        response = step.maker.respond(step.request)
        return response, self._run.artifacts.put(RESPONSES, response.body)

    # -- what came of it ---------------------------------------------------------------------------------------
    def _collect(self) -> None:
        """Wait for something to happen, and take in all that did."""
        nap = self._nap_seconds()
        if not self._flying:
            self._flush()
            if self._ready and nap > 0:
                self._stop.wait(nap)
                self._run.ledger.renew_job(self._run.job_id, token=self._run.token)
            return
        done = wait(self._flying, timeout=nap, return_when=FIRST_COMPLETED).done
        if done and len(done) < len(self._flying):  # what comes in together is written together
            done = wait(self._flying, timeout=_GATHERING_SECONDS).done
        if not done:
            self._flush()
            self._run.ledger.renew_job(self._run.job_id, token=self._run.token)
        answered = []
        for future in done:
            step = self._flying.pop(future)
            error = future.exception()
            if error is None:
                answered.append((step, *future.result()))
            else:
                self._failed(step, error)
        self._take_in(answered)
        if len(self._run.finals) >= self._settings.flush_count:
            self._flush()

    def _take_in(self, answered: list[tuple[Step, Response, str]]) -> None:
        run = self._run
        found = []
        for step, response, reference in answered:
            self._failures.succeeded(step, response)
            cost = step.maker.cost_micro_usd(response.usage)
            found.append((step, StoredResponse(reference, response.usage, cost), response.body))
        if found:
            run.record(found)
        for step, _, _ in found:
            for waiting in (step, *self._parked.pop(step.key, ())):
                following = run.pending(waiting)
                if following is not None:
                    self._wait_for(following, 0.0)

    def _failed(self, step: Step, error: BaseException) -> None:
        """Another try, another maker, the row's end, or the end of the job."""
        for waiting in self._parked.pop(step.key, ()):
            self._wait_for(waiting, 0.0)
        following = self._failures.after(step, error)
        if following is not None:
            self._wait_for(following, max(0.0, following.ready_at_seconds - time.monotonic()))

    def _decide_on_short(self) -> None:
        """Money that is reserved by requests in flight may come back; only without them it is really short."""
        short, self._short = self._short, []
        if self._flying:
            self._short = short
            return
        for step, scope in short:
            following = self._failures.short_of_money(step, scope)
            if following is not None:
                self._wait_for(following, 0.0)

    # -- waiting and writing -----------------------------------------------------------------------------------
    def _wait_for(self, step: Step, seconds: float) -> None:
        following = self._run.pending(step) if seconds == 0 else step
        if following is not None:
            heapq.heappush(self._ready, (time.monotonic() + seconds, next(self._order), following))

    def _nap_seconds(self) -> float:
        if not self._ready and not (self._rows and time.monotonic() < self._not_before_seconds):
            return _LONGEST_NAP_SECONDS
        next_at = max(self._ready[0][0] if self._ready else 0.0, self._not_before_seconds)
        return min(_LONGEST_NAP_SECONDS, max(0.0, next_at - time.monotonic()))

    def _flush(self) -> None:
        count = self._run.flush()
        if count:
            self._on_finished(count)

    def _save_in_flight(self) -> None:
        """Requests in flight are paid for: their answers are kept before the error goes up."""
        answered = []
        for future, step in self._flying.items():
            if future.cancel():
                self._run.ledger.return_rows(self._run.job_id, token=self._run.token, rows={step.name: False})
            elif future.exception() is None:
                answered.append((step, *future.result()))
        self._flying.clear()
        self._take_in(answered)
