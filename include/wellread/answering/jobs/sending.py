"""Sending requests one by one, many at once: never faster than the account allows, never past a budget.

One thread decides and writes the ledger; others only wait for answers. Before a request leaves, its cost is
reserved and its row is ``sent``; when its answer is stored, the row is ``received``. So a crash can repeat at most
what was in flight, and the ledger knows which rows those are.

Equal requests of one job are sent once. Two jobs that ask the same at the same moment both pay.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from wellread.answering.jobs.failures import Failures
from wellread.answering.jobs.plans import PlannedRow
from wellread.answering.jobs.rows import Bill
from wellread.answering.jobs.steps import RESPONSES, JobRun, Step
from wellread.answering.protocol import Response
from wellread.questions import JobRow, Reservation, StoredResponse
from wellread.retries import RetrySettings, call_with_retries

_logger = logging.getLogger("wellread.answering")
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
        self._is_full = False
        """Nothing more can be sent before something comes back."""
        self._not_before_seconds = 0.0
        makers = (run.builder.maker, *run.fallbacks, *([run.degraded] if run.degraded else []))
        self._concurrency = max(maker.concurrency for maker in makers)
        self._failures = Failures(run, settings.retry, patience_seconds=settings.patience_seconds)

    def finish(self, rows: Iterable[tuple[PlannedRow, JobRow]]) -> None:
        """Bring all rows to their end. Raises what would stop every other row too, after saving what is paid."""
        self._rows.extend(rows)
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="wellread-answer") as pool:
            try:
                while self._rows or self._ready or self._flying or self._short:
                    self._admit(pool)
                    if self._flying:
                        self._collect()
                    else:
                        self._idle()
                self._flush()
            except BaseException:
                self._save_in_flight()
                raise

    # -- what may be sent now ----------------------------------------------------------------------------------
    def _admit(self, pool: ThreadPoolExecutor) -> None:
        batch: list[Step] = []
        self._is_full = bool(self._short)
        while not self._is_full and time.monotonic() >= self._not_before_seconds:
            others = (*batch, *self._flying.values())
            if len(others) >= self._concurrency:
                self._is_full = True
            elif (step := self._next_step()) is None:
                break
            elif any(step.key == other.key for other in others):
                self._parked.setdefault(step.key, []).append(step)
            elif sum(other.maker is step.maker for other in others) >= step.maker.concurrency:
                self._is_full = True
                self._wait_for(step, 0.0)
            elif self._is_paced(step):
                batch.append(step)
        if batch:
            self._send(batch, pool)

    def _next_step(self) -> Step | None:
        """The next step that may be sent; rows that need none are finished on the way."""
        while True:
            if self._ready and self._ready[0][0] <= time.monotonic():
                step = self._run.resume(heapq.heappop(self._ready)[2])
            elif self._rows:
                step = self._run.begin(*self._rows.popleft())
            else:
                return None
            if len(self._run.finals) >= self._settings.flush_count:
                self._flush()
            if step is not None:
                return step

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
                self._unpark(step.key)
                continue
            run.sent_count += 1
            self._flying[pool.submit(self._ask, step)] = step

    def _worst_cost(self, step: Step) -> int:
        bound = step.maker.bound(step.request)
        return step.maker.cost_micro_usd(bound.as_usage()) or 0

    def _ask(self, step: Step) -> _Answered:
        """In a thread of the pool: one request, and its raw response made durable."""
        response = step.maker.respond(step.request)
        step.is_answered = True
        return response, call_with_retries(
            lambda: self._run.artifacts.put(RESPONSES, response.body),
            settings=self._settings.retry,
            what="store an answer",
        )

    # -- what came of it ---------------------------------------------------------------------------------------
    def _idle(self) -> None:
        """Nothing is in flight: what is short of money is really short; else wait for a turn."""
        short, self._short = self._short, []
        for step, scope in short:
            following = self._failures.short_of_money(step, scope)
            if following is not None:
                self._wait_for(following, 0.0)
        self._flush()
        nap = self._nap_seconds()
        if self._ready and nap > 0:
            time.sleep(nap)
            self._run.ledger.renew_job(self._run.job_id, token=self._run.token)

    def _collect(self) -> None:
        """Wait for something to come back, and take in all that did."""
        nap = _LONGEST_NAP_SECONDS if self._is_full else self._nap_seconds()
        done = wait(self._flying, timeout=nap, return_when=FIRST_COMPLETED).done
        if done and len(done) < len(self._flying):  # what comes in together is written together
            done = wait(self._flying, timeout=_GATHERING_SECONDS).done
        if not done:
            self._flush()
            self._run.ledger.renew_job(self._run.job_id, token=self._run.token)
            return
        answered = [future for future in done if future.exception() is None]
        self._take_in(answered)
        for future in done.difference(answered):
            step = self._flying.pop(future)
            self._failed(step, future.exception())
        for step, _ in self._short:  # there may be money again
            self._wait_for(step, 0.0)
        self._short.clear()
        if len(self._run.finals) >= self._settings.flush_count:
            self._flush()

    def _take_in(self, answered: list[Future[_Answered]]) -> None:
        """Write answers down, then read them."""
        found = []
        for future in answered:
            step, (response, reference) = self._flying[future], future.result()
            cost = step.maker.cost_micro_usd(response.usage)
            found.append((step, StoredResponse(reference, response.usage, cost), response))
        self._run.record([(step, stored, response.body) for step, stored, response in found])
        for future in answered:
            del self._flying[future]
        for step, stored, response in found:
            self._failures.succeeded(step, response)
            bill = Bill("model", stored.usage, stored.cost_micro_usd)
            following = self._run.digest(step, response.body, bill)
            if following is not None:
                self._wait_for(following, 0.0)
            self._unpark(step.key)

    def _failed(self, step: Step, error: BaseException | None) -> None:
        """Another try, another maker, the row's end, or the end of the job."""
        assert error is not None
        self._unpark(step.key)
        following = self._failures.after(step, error)
        if following is not None:
            self._wait_for(following, max(0.0, following.ready_at_seconds - time.monotonic()))

    # -- waiting and writing -----------------------------------------------------------------------------------
    def _unpark(self, key: str) -> None:
        for step in self._parked.pop(key, ()):
            self._wait_for(step, 0.0)

    def _wait_for(self, step: Step, seconds: float) -> None:
        heapq.heappush(self._ready, (time.monotonic() + seconds, next(self._order), step))

    def _nap_seconds(self) -> float:
        """Until the next step may be sent; at most until the lease is to be renewed."""
        if not self._ready:
            return _LONGEST_NAP_SECONDS
        next_at = max(self._ready[0][0], self._not_before_seconds)
        return min(_LONGEST_NAP_SECONDS, max(0.0, next_at - time.monotonic()))

    def _flush(self) -> None:
        count = self._run.flush()
        if count:
            self._on_finished(count)

    def _save_in_flight(self) -> None:
        """Requests in flight are paid for: their answers are kept before the error goes up.

        What goes wrong here is logged: the first error is the one to tell.
        """
        try:
            for future in self._flying:
                future.cancel()
            ended = [future for future in self._flying if not future.cancelled()]
            self._take_in([future for future in ended if future.exception() is None])
            for future, step in self._flying.items():
                self._failures.put_back(step, None if future.cancelled() else future.exception())
            self._flush()
        except Exception as error:  # noqa: BLE001 - whatever it is, another error is on its way up
            _logger.warning("Not all that was in flight could be written down: %s", error)
