"""What response headers in OpenAI's style say of the account's limits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from wellread.models.chat.protocol import ReportedLimits

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def reported_limits(headers: Mapping[str, str]) -> ReportedLimits:
    """The ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}`` headers; what cannot be read is ``None``."""
    lowered = {name.lower(): value for name, value in headers.items()}

    def count(name: str) -> int | None:
        value = lowered.get(f"x-ratelimit-{name}", "").strip()
        return int(value) if value.isascii() and value.isdigit() else None

    return ReportedLimits(
        requests_limit=count("limit-requests"),
        requests_remaining=count("remaining-requests"),
        requests_reset_seconds=duration_seconds(lowered.get("x-ratelimit-reset-requests", "")),
        tokens_limit=count("limit-tokens"),
        tokens_remaining=count("remaining-tokens"),
        tokens_reset_seconds=duration_seconds(lowered.get("x-ratelimit-reset-tokens", "")),
    )


def duration_seconds(text: str) -> float | None:
    """Seconds of ``1m2.5s``, ``12ms``, ``6m0s`` or a plain number of seconds; ``None`` for anything else."""
    text = text.strip().lower()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
