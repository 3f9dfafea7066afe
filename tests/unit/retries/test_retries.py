"""The one retry layer: who is tried again, how often, and how long it waits."""

from __future__ import annotations

import logging
import threading

import pytest

from wellread.errors import AuthenticationError, DocumentError, RateLimitedError, TransientError, WellreadError
from wellread.retries import RetrySettings, call_with_retries, wait_seconds

SETTINGS = RetrySettings(attempts_count=4, first_wait_seconds=1.0, longest_wait_seconds=8.0, total_seconds=1000.0)


def transient(after: float | None = None) -> TransientError:
    return TransientError("a call", found="a hiccup", remedy="Wait.", retry_after_seconds=after)


class Flaky:
    """Raises the given errors in order, then answers; notes what it was asked to sleep."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.slept: list[float] = []

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    def run(self, settings: RetrySettings = SETTINGS, stop: threading.Event | None = None) -> str:
        return call_with_retries(self, settings=settings, what="call", sleep=self.slept.append, stop=stop)


def test_a_transient_error_is_tried_again() -> None:
    flaky = Flaky(transient(), transient())
    assert flaky.run() == "answer"
    assert flaky.calls == 3


def test_attempts_are_bounded_and_the_last_error_is_raised_as_it_was() -> None:
    errors = [transient() for _ in range(9)]
    flaky = Flaky(*errors)
    with pytest.raises(TransientError) as caught:
        flaky.run()
    assert caught.value is errors[3]
    assert flaky.calls == 4


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("a call", found="401", remedy="Check the key."),
        DocumentError("a call", found="bad", remedy="Look.", stage="embed", cause="refused"),
        ValueError("a mistake of ours"),
    ],
)
def test_errors_that_no_retry_helps_are_raised_at_once(error: Exception) -> None:
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        flaky.run()
    assert (flaky.calls, flaky.slept) == (1, [])


def test_the_servers_wish_is_kept_exactly() -> None:
    flaky = Flaky(transient(after=7.5))
    flaky.run()
    assert flaky.slept == [7.5]


def test_a_wish_longer_than_the_longest_wait_is_handed_up_with_its_delay() -> None:
    flaky = Flaky(RateLimitedError("a call", found="429", remedy="Wait.", retry_after_seconds=900.0))
    with pytest.raises(RateLimitedError) as caught:
        flaky.run()
    assert caught.value.retry_after_seconds == 900.0
    assert (flaky.calls, flaky.slept) == (1, [])


def test_a_wait_that_would_pass_the_total_is_not_begun() -> None:
    flaky = Flaky(transient(after=5.0))
    with pytest.raises(TransientError):
        flaky.run(RetrySettings(total_seconds=4.0))
    assert flaky.slept == []


def test_waits_are_drawn_from_zero_to_a_cap_that_doubles_and_ends() -> None:
    for attempt, cap in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (5000, 8.0)):
        draws = [wait_seconds(transient(), attempt=attempt, settings=SETTINGS) for _ in range(400)]
        assert min(draws) >= 0.0
        assert cap / 2 < max(draws) <= cap
        assert min(draws) < cap / 2


def test_nothing_is_tried_again_after_stop() -> None:
    stop = threading.Event()
    stop.set()
    flaky = Flaky(transient())
    with pytest.raises(TransientError):
        flaky.run(stop=stop)
    assert flaky.calls == 1


def test_each_wait_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="wellread.retries")
    Flaky(transient(after=2.0)).run()
    (record,) = caplog.records
    assert "a hiccup" in record.getMessage()
    assert (record.what, record.attempt, record.wait_seconds) == ("call", 1, 2.0)


def test_an_error_class_of_ones_own_may_be_retryable() -> None:
    class BusyError(WellreadError):
        retryable = True

    assert Flaky(BusyError("a call", found="busy", remedy="Wait.")).run() == "answer"
