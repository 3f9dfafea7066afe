"""What the server has seen and what it would put on the bill."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from wellread.testing.providers.options import ServerOptions


class BilledRequest(BaseModel):
    """A logical request: all requests that ask the same model the same thing are one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    """``openai-chat``, ``openai-responses``, ``openai-embeddings``, ``cohere-chat``, ``anthropic-messages``, ..."""
    model: str
    question: str
    """The beginning of what was asked, to recognise it by."""
    times: int
    """How often it was computed, which is how often it is billed, whether or not the answer arrived."""
    batch_times: int
    """How many of them in a batch."""
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Meter(BaseModel):
    """What the server has seen since its start or the last reset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_count: int = 0
    """POST requests, whatever became of them."""
    answered_count: int = 0
    """Those that were answered with a success, damaged answers included."""
    billed_count: int = 0
    """Answers computed, the lines of batches included."""
    texts_count: int = 0
    """Texts that were embedded, which is what a provider bills; a text sent twice counts twice."""
    texts_per_request_max: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    concurrency_max: int = 0
    """Most POST requests in work at one time."""
    refused_count: int = 0
    """Requests that the server's own rate limits refused."""
    statuses: dict[int, int] = Field(default_factory=dict)
    """How often each HTTP status was sent. A cut connection is 0."""
    times_by_text: dict[str, int] = Field(default_factory=dict)
    """How often each text was embedded."""
    billed: dict[str, BilledRequest] = Field(default_factory=dict)
    """By the hash of the logical request. Embeddings are counted by text instead."""

    @property
    def tokens_count(self) -> int:
        """All tokens on the bill."""
        return self.input_tokens + self.output_tokens

    @property
    def repeated_texts(self) -> dict[str, int]:
        """The texts that were embedded and paid for more than once."""
        return {text: times for text, times in self.times_by_text.items() if times > 1}

    @property
    def repeated(self) -> dict[str, BilledRequest]:
        """The logical requests that were paid for more than once."""
        return {key: row for key, row in self.billed.items() if row.times > 1}


@dataclass(slots=True)
class _Row:
    endpoint: str
    model: str
    question: str
    times: int = 0
    batch_times: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Charge:
    """One computed answer."""

    key: str
    endpoint: str
    model: str
    question: str
    input_tokens: int
    output_tokens: int
    texts: Sequence[str] = ()
    """What was embedded; such a charge is kept by text, not by key."""


class MeterState:
    """The meter while it counts. Safe to share between threads."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Count from zero."""
        with self._lock:
            self._counts: Counter[str] = Counter()
            self._statuses: Counter[int] = Counter()
            self._times_by_text: Counter[str] = Counter()
            self._rows: dict[str, _Row] = {}
            self._cost_usd = 0.0

    def meter(self) -> Meter:
        """The counts so far."""
        with self._lock:
            rows = {
                key: BilledRequest(**{name: getattr(row, name) for name in BilledRequest.model_fields})
                for key, row in self._rows.items()
            }
            return Meter(
                **self._counts,
                cost_usd=self._cost_usd,
                statuses=dict(self._statuses),
                times_by_text=dict(self._times_by_text),
                billed=rows,
            )

    def texts_count(self) -> int:
        """Texts embedded so far, without the rest of the counts: cheap to ask while the server works."""
        with self._lock:
            return self._counts["texts_count"]

    def begin(self) -> None:
        """A POST request has come."""
        with self._lock:
            self._in_flight += 1
            self._counts["requests_count"] += 1
            self._counts["concurrency_max"] = max(self._counts["concurrency_max"], self._in_flight)

    def end(self, status: int) -> None:
        """It is over; 0 is a cut connection."""
        with self._lock:
            self._in_flight -= 1
            self._statuses[status] += 1
            if 200 <= status < 300:
                self._counts["answered_count"] += 1

    def refused(self) -> None:
        """The rate limits refused a request."""
        with self._lock:
            self._counts["refused_count"] += 1

    def bill(self, charge: Charge, *, in_batch: bool = False) -> None:
        """An answer was computed."""
        options = self._options
        cost = (
            charge.input_tokens * options.input_usd_per_million
            + charge.output_tokens * options.output_usd_per_million
        )
        cost_usd = cost / 1e6 * (options.batch_ratio if in_batch else 1.0)
        with self._lock:
            counts = self._counts
            counts["billed_count"] += 1
            counts["input_tokens"] += charge.input_tokens
            counts["output_tokens"] += charge.output_tokens
            self._cost_usd += cost_usd
            if charge.texts:
                counts["texts_count"] += len(charge.texts)
                counts["texts_per_request_max"] = max(counts["texts_per_request_max"], len(charge.texts))
                self._times_by_text.update(charge.texts)
                return
            row = self._rows.setdefault(charge.key, _Row(charge.endpoint, charge.model, charge.question))
            row.times += 1
            row.batch_times += in_batch
            row.input_tokens += charge.input_tokens
            row.output_tokens += charge.output_tokens
            row.cost_usd += cost_usd
