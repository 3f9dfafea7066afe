"""Errors become what Airflow should do about them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from wellread import errors
from wellread.errors import WellreadError
from wellread_airflow.failures import FailurePolicy, airflow_failures
from wellread_airflow.operators import AskQuestionOperator

FACTS = {"found": "something", "remedy": "Do this."}
SYSTEMIC = [errors.SettingsError, errors.AuthenticationError, errors.ModelMismatchError, errors.QualityError]


def evaluate(error: BaseException) -> tuple[RetryAction, timedelta | None]:
    decision = FailurePolicy().evaluate(error, 1, 3)
    return decision.action, decision.retry_delay


@pytest.mark.parametrize("kind", SYSTEMIC)
def test_what_no_retry_can_help_fails_at_once_and_says_why(kind: type[WellreadError]) -> None:
    with pytest.raises(AirflowFailException, match=r"ask: something\. Do this\."), airflow_failures():
        raise kind("ask", **FACTS)
    assert evaluate(kind("ask", **FACTS)) == (RetryAction.FAIL, None)


def test_a_transient_error_passes_and_is_retried_when_the_server_wished() -> None:
    error = errors.RateLimitedError("ask", **FACTS, retry_after_seconds=90.0)
    with pytest.raises(errors.RateLimitedError), airflow_failures():
        raise error
    assert evaluate(error) == (RetryAction.RETRY, timedelta(seconds=90))


@pytest.mark.parametrize(("wished", "given"), [(0.01, 1.0), (86_400.0, 3600.0)])
def test_a_wish_beyond_reason_is_bounded(wished: float, given: float) -> None:
    error = errors.TransientError("ask", **FACTS, retry_after_seconds=wished)
    assert evaluate(error) == (RetryAction.RETRY, timedelta(seconds=given))


def test_without_a_wish_the_back_off_of_the_task_holds() -> None:
    assert evaluate(errors.LeaseHeldError("work", **FACTS)) == (RetryAction.RETRY, None)


def test_work_on_a_revision_that_ended_is_skipped() -> None:
    with pytest.raises(AirflowSkipException, match="something"), airflow_failures():
        raise errors.RevisionClosedError("write", **FACTS)


def test_errors_of_others_keep_the_ordinary_retries() -> None:
    with pytest.raises(ZeroDivisionError), airflow_failures():
        raise ZeroDivisionError
    assert evaluate(ZeroDivisionError()) == (RetryAction.DEFAULT, None)


def test_every_operator_has_the_policy_unless_it_is_given_another() -> None:
    assert isinstance(AskQuestionOperator(task_id="ask", question="?").retry_policy, FailurePolicy)
