"""What follows a request that failed: another try, another model, the row's end, or the end of the job."""

from __future__ import annotations

import time
from dataclasses import replace

from wellread.answering.jobs.steps import JobRun, Step
from wellread.answering.protocol import Response
from wellread.errors import (
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    ResponseUnknownError,
    TransientError,
    WellreadError,
)
from wellread.retries import RetrySettings, wait_seconds

_LEARNING_SECONDS = 0.5
"""Headers are heeded at most so often: each time is a write to what workers share."""


class Failures:
    """Decides, and keeps the account's rate and the rows' reservations right. Used by one thread."""

    def __init__(self, run: JobRun, retry: RetrySettings, *, patience_seconds: float) -> None:
        self._run = run
        self._retry = retry
        self._patience_seconds = patience_seconds
        self._last_success_seconds = float("-inf")
        self._learned_at_seconds = float("-inf")

    def succeeded(self, step: Step, response: Response) -> None:
        """A response came: the rate is settled by what was used, and by what the provider says is left."""
        self._last_success_seconds = time.monotonic()
        used = response.usage.input_tokens + response.usage.output_tokens
        self.give_back(step, used_tokens=used or step.reserved_tokens)  # not every server says
        account, reported = step.maker.account, response.reported
        if self._run.limiter is None or account is None:
            return
        is_due = self._last_success_seconds >= self._learned_at_seconds + _LEARNING_SECONDS
        if reported.says_anything and is_due:
            self._learned_at_seconds = self._last_success_seconds
            self._run.limiter.learn(account.name, **reported.as_dict())

    def give_back(self, step: Step, *, used_tokens: int) -> None:
        """Settle what a step holds of the token rate."""
        account = step.maker.account
        if self._run.limiter is not None and account is not None and step.reserved_tokens:
            self._run.limiter.settle(account.name, reserved_tokens=step.reserved_tokens, used_tokens=used_tokens)
        step.reserved_tokens = 0

    def after(self, step: Step, error: BaseException) -> Step | None:
        """The step that follows a failed one; ``None`` where the row came to its end.

        Raises what would stop every other row too. An error that is no ``Exception`` is not handled at all: the
        process is ending, and the row stays as it is.
        """
        if not isinstance(error, Exception):
            raise error
        is_answered = step.is_answered
        self.put_back(step, error)
        if is_answered:  # what keeps answers is broken: asking again would only pay again
            raise error
        if isinstance(error, RateLimitedError):
            return self._slower(step, error)
        if isinstance(error, TransientError):
            return self._again(step, error)
        if isinstance(error, QuotaExhaustedError):
            following = self._run.next_maker(step)
            if following is None:
                raise error
            return following
        if isinstance(error, WellreadError) and not isinstance(error, DocumentError):
            raise error
        self._run.fault(step, error)
        return None

    def short_of_money(self, step: Step, scope: str) -> Step | None:
        """What becomes of a row that no budget covers. Raises ``BudgetDeferredError`` where it is to wait."""
        budget = self._run.budget
        assert budget is not None
        policy = budget.settings.on_budget
        if policy == "degrade" and (cheaper := self._run.cheaper(step)) is not None:
            return cheaper
        if policy == "defer" and not scope.startswith("run:"):
            raise budget.deferred(scope)
        problem = budget.exhausted(scope).as_dict()
        self._run.finish(step.row, self._run.builder.failed(step.row, "budget", problem, step.bill))
        return None

    def put_back(self, step: Step, error: BaseException | None) -> None:
        """The row of a request that failed, or was never sent (``None``), is free again.

        Whatever else than a plain refusal became of it, it may be billed. An error that is no ``Exception`` ends
        the process: the row stays in flight, for the next claim to find.
        """
        if error is not None and not isinstance(error, Exception):
            return
        is_refused = error is None or (
            isinstance(error, WellreadError) and not isinstance(error, ResponseUnknownError)
        )
        maybe_billed = step.is_answered or not is_refused
        step.is_answered = False
        run = self._run
        run.ledger.return_rows(run.job_id, token=run.token, rows={step.name: maybe_billed})
        if maybe_billed:
            step.bill = replace(step.bill, flags=tuple(dict.fromkeys((*step.bill.flags, "maybe_billed"))))
        self.give_back(step, used_tokens=step.reserved_tokens if maybe_billed else 0)

    def _slower(self, step: Step, error: RateLimitedError) -> Step | None:
        """Everybody who shares the account waits; a long wait ends the run, which is then repeated."""
        now = time.monotonic()
        first = step.first_failure_at_seconds
        seconds = wait_seconds(error, attempt=step.refusals_count + 1, settings=self._retry)
        is_stuck = first is not None and max(first, self._last_success_seconds) < now - self._patience_seconds
        if seconds > self._retry.longest_wait_seconds or is_stuck:
            raise error
        account = step.maker.account
        if error.retry_after_seconds is not None and self._run.limiter is not None and account is not None:
            self._run.limiter.pause(account.name, seconds=seconds)
        return replace(
            step,
            ready_at_seconds=now + seconds,
            refusals_count=step.refusals_count + 1,
            first_failure_at_seconds=first if first is not None else now,
        )

    def _again(self, step: Step, error: TransientError) -> Step | None:
        now = time.monotonic()
        count = step.failures_count + 1
        seconds = wait_seconds(error, attempt=count, settings=self._retry)
        first = step.first_failure_at_seconds if step.first_failure_at_seconds is not None else now
        if count < self._retry.attempts_count and seconds <= self._retry.longest_wait_seconds:
            return replace(
                step, ready_at_seconds=now + seconds, failures_count=count, first_failure_at_seconds=first
            )
        following = self._run.next_maker(step)
        if following is not None:
            return following
        if self._last_success_seconds > first:  # others get through: it is this row's fault
            self._run.fault(step, error)
            return None
        raise error
