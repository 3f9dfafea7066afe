"""Rate limit headers as OpenAI and its kin write them."""

from __future__ import annotations

import pytest

from wellread.models.chat.protocol import ReportedLimits
from wellread.models.chat.reported_limits import duration_seconds, reported_limits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m2.5s", 62.5), ("12ms", 0.012), ("6m0s", 360.0), ("1h30m", 5400.0), ("1d", 86400.0), ("17", 17.0)],
)
def test_a_reset_is_seconds(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-3", "nan", "inf", "5 minutes", "s", "2026-11-25T00:00:00Z"])
def test_a_reset_that_is_none_is_left_out(text: str) -> None:
    assert duration_seconds(text) is None


def test_all_six_headers_are_read_whatever_their_case() -> None:
    headers = {
        "X-RateLimit-Limit-Requests": "60",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert reported_limits(headers) == ReportedLimits(60, 59, 1.0, 150_000, 149_984, 360.0)


def test_no_headers_or_odd_ones_say_nothing() -> None:
    assert reported_limits({}) == ReportedLimits()
    assert (
        reported_limits({"x-ratelimit-limit-requests": "-1", "x-ratelimit-limit-tokens": "many"})
        == ReportedLimits()
    )
