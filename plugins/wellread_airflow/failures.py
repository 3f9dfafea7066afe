"""From Wellread's errors to what Airflow should do: retry and when, fail now, or skip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from wellread.errors import RevisionClosedError, TransientError, WellreadError

if TYPE_CHECKING:
    from airflow.sdk import Context

LONGEST_DELAY_SECONDS = 3600.0
"""A server's wish beyond an hour is asked again after an hour: quotas are also raised meanwhile."""


class FailurePolicy(RetryPolicy):
    """Retries what a retry can help, after the delay that the server wished; fails everything else of ours at once.

    Errors that are not Wellread's keep Airflow's ordinary retries.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """The decision for one failure; called on the worker."""
        del try_number, max_tries, context
        if not isinstance(exception, WellreadError):
            return RetryDecision.default()
        if not exception.retryable:
            return RetryDecision.fail(reason=str(exception))
        return RetryDecision.retry(delay=_wished_delay(exception), reason=str(exception))


def _wished_delay(error: WellreadError) -> timedelta | None:
    """The server's own wish within bounds; ``None`` leaves the task's back-off."""
    seconds = error.retry_after_seconds if isinstance(error, TransientError) else None
    if seconds is None:
        return None
    return timedelta(seconds=min(max(seconds, 1.0), LONGEST_DELAY_SECONDS))


@contextmanager
def airflow_failures() -> Iterator[None]:
    """Around the work of a task. Transient errors pass: :class:`FailurePolicy` retries them.

    Raises ``AirflowSkipException`` for work on a revision that has ended, ``AirflowFailException`` for what no
    retry can help.
    """
    try:
        yield
    except RevisionClosedError as error:
        raise AirflowSkipException(str(error)) from error
    except WellreadError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
