"""The one retry layer. SDK retries are switched off; Airflow's stay for what outlives a process.

Only errors that say ``retryable`` (the family of ``TransientError``) are tried again. Waits grow
exponentially with *full jitter* (a uniform draw from zero to the cap), so that many workers that were
refused together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS, 2015).
A server's own wish (``retry_after_seconds``) is kept exactly; a wish longer than ``longest_wait_seconds``
is not slept through: the error is raised at once with the delay in it, and the caller may defer.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import tenacity
from pydantic import BaseModel, ConfigDict, Field

from wellread.errors import WellreadError

Result = TypeVar("Result")
_logger = logging.getLogger("wellread.retries")


class RetrySettings(BaseModel):
    """How long a call is tried. All bounds hold at once; the first one reached ends the trying."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts_count: int = Field(default=6, ge=1, description="Calls at most, the first included.")
    total_seconds: float = Field(
        default=180.0,
        gt=0,
        description="Counted from the first call. A wait that would end later is not begun: three minutes keep "
        "a worker busy without parking it.",
    )
    first_wait_seconds: float = Field(
        default=0.5, gt=0, description="The cap of the first wait; it doubles each time."
    )
    longest_wait_seconds: float = Field(
        default=60.0,
        gt=0,
        description="No single wait is longer. A server that asks for more gets its error handed up instead.",
    )


def call_with_retries(
    function: Callable[[], Result],
    *,
    settings: RetrySettings,
    what: str,
    sleep: Callable[[float], None] = time.sleep,
    stop: threading.Event | None = None,
) -> Result:
    """The result of ``function()``, called again while it raises retryable errors.

    Args:
        function: Takes nothing; safe to call again.
        settings: The bounds.
        what: Names the call in the log, for example ``embed``.
        sleep: Waits that many seconds; a task may pass one that also keeps a lease alive.
        stop: Once set, no further attempt is made.

    Raises:
        WellreadError: The last error, unchanged, once a bound is reached; any other error at once.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: _may_retry(error, settings, stop)),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(settings.attempts_count),
            tenacity.stop_before_delay(settings.total_seconds),
        ),
        wait=lambda state: wait_seconds(_error_of(state), attempt=state.attempt_number, settings=settings),
        before_sleep=lambda state: _log_wait(state, what),
        sleep=sleep,
        reraise=True,
    )
    return retrying(function)


def wait_seconds(error: BaseException | None, *, attempt: int, settings: RetrySettings) -> float:
    """Seconds to wait after failed ``attempt`` (from 1): the server's wish, else a full-jitter draw."""
    wish = getattr(error, "retry_after_seconds", None)
    if wish is not None:
        return max(0.0, float(wish))
    cap = min(settings.longest_wait_seconds, settings.first_wait_seconds * 2.0 ** min(attempt - 1, 60))
    return random.uniform(0.0, cap)  # noqa: S311 - spreads load, guards nothing


def _may_retry(error: BaseException, settings: RetrySettings, stop: threading.Event | None) -> bool:
    if not isinstance(error, WellreadError) or not error.retryable or (stop is not None and stop.is_set()):
        return False
    wish = getattr(error, "retry_after_seconds", None)
    return wish is None or wish <= settings.longest_wait_seconds


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _log_wait(state: tenacity.RetryCallState, what: str) -> None:
    error = _error_of(state)
    planned = state.next_action.sleep if state.next_action is not None else 0.0
    _logger.warning(
        "%s failed (attempt %d: %s); next try in %.1f s",
        what,
        state.attempt_number,
        error,
        planned,
        extra={"what": what, "attempt": state.attempt_number, "wait_seconds": planned},
    )
