"""One answer to a failed request, whichever provider it came from: which class of error is it?"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    ResponseUnknownError,
    SettingsError,
    TransientError,
    WellreadError,
)

_LONGEST_MESSAGE_CHARS = 300
_QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"}
)
_TOO_LONG_CODES = frozenset(
    {
        "context_length_exceeded",  # OpenAI
        "exceed_context_size_error",  # llama.cpp
        "string_above_max_length",  # OpenAI
        "too_long",  # what an adapter makes of a message that carries no code
    }
)
_INPUT_PARAMS = frozenset({"input", "texts", "inputs", "prompt", "messages", "documents", "query", ""})
_TRY_AGAIN_STATUS = frozenset({408, 409, 424, 425, 499})


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """What an HTTP error says, without the SDK that said it."""

    asked: str
    status: int
    message: str = ""
    code: str = ""
    param: str = ""
    """The parameter that the provider blames, or its path; empty where it names none."""
    stage: str = "embed"
    """``DocumentError.stage`` of a refusal: embed, answer or rerank."""
    retry_after_seconds: float | None = None

    def as_error(self) -> WellreadError:
        """The error to raise; see ``wellread.errors`` for what each class means to a caller."""
        found = f"HTTP {self.status} {self.code}: {self.message[:_LONGEST_MESSAGE_CHARS]}".strip(" :")
        if self.status in {401, 403, 498}:
            # The provider's message may quote a part of the key.
            return AuthenticationError(
                self.asked, found=f"HTTP {self.status}", remedy="Check the key and its rights."
            )
        if self.status == 402 or self.code in _QUOTA_CODES:
            return QuotaExhaustedError(self.asked, found=found, remedy="Pay the account up or raise its limit.")
        if self.status == 429:
            return RateLimitedError(
                self.asked,
                found=found,
                remedy="Lower the concurrency.",
                retry_after_seconds=self.retry_after_seconds,
            )
        is_unknown = 200 <= self.status < 300 and self.stage == "answer"
        if self.status >= 500 or self.status in _TRY_AGAIN_STATUS or 200 <= self.status < 300:
            kind = ResponseUnknownError if is_unknown else TransientError  # a damaged answer was computed
            return kind(self.asked, found=found, remedy="Try later.", retry_after_seconds=self.retry_after_seconds)
        return self._refusal(found)

    def _refusal(self, found: str) -> WellreadError:
        if self.status == 413 or self.code in _TOO_LONG_CODES:
            return self._document_error(found, remedy="Send less text at once.", cause="too_long")
        blamed = re.split(r"[.\[]", self.param, maxsplit=1)[0]
        about_input = self.status in {400, 422} and blamed in _INPUT_PARAMS
        if about_input and self.code != "model_not_found":
            return self._document_error(found, remedy="Look at the text that was refused.", cause="refused")
        return SettingsError(self.asked, found=found, remedy="Check the model's name, its options and the address.")

    def _document_error(self, found: str, *, remedy: str, cause: str) -> DocumentError:
        return DocumentError(self.asked, found=found, remedy=remedy, stage=self.stage, cause=cause)


def transport_error(asked: str, error: BaseException, *, is_unknown: bool = False) -> TransientError:
    """A request that got no whole answer: refused or cut connection, time-out, damaged JSON.

    ``is_unknown``: it was sent and may be billed, which makes it a ``ResponseUnknownError``.
    """
    kind = ResponseUnknownError if is_unknown else TransientError
    return kind(
        asked,
        found=f"{type(error).__name__}: {error}"[:_LONGEST_MESSAGE_CHARS],
        remedy="Check that the server runs.",
    )


def retry_after_seconds(headers: Mapping[str, str] | None) -> float | None:
    """The server's wish from ``retry-after-ms`` or ``Retry-After`` (seconds or a date); None without one."""
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    try:
        if "retry-after-ms" in lowered:
            return max(0.0, float(lowered["retry-after-ms"]) / 1000.0)
        value = lowered.get("retry-after")
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return _seconds_until(lowered.get("retry-after", ""))


def _seconds_until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return None
