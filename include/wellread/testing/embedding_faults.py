"""What the testing server counts, and how it is told to fail. Shared by its handler threads."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "rate_limited",
    "insufficient_quota",
    "unauthorized",
    "server_error",
    "short_answer",
    "repeated_index",
    "not_a_number",
    "zero_vector",
    "wrong_dimensions",
    "truncated_json",
    "cut_before_work",
    "cut_after_billing",
]
"""``cut_after_billing``: the work is counted, then the connection breaks in the middle of the answer."""


class Fault(BaseModel):
    """One failure, a number of times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    times: int = Field(default=1, ge=1, description="For so many requests in a row.")
    skip: int = Field(default=0, ge=0, description="Only after so many requests were served well.")
    retry_after_seconds: float | None = Field(
        default=None, ge=0, description="Sent as Retry-After, for 429 and 500."
    )


class Behaviour(BaseModel):
    """How the server behaves from now on. Faults are used up in order; the rest stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Fault, ...] = ()
    poison: tuple[str, ...] = Field(
        default=(), description="A request with a text that holds one of these gets 400."
    )
    latency_seconds: float = Field(default=0.0, ge=0, description="Each request waits so long before its answer.")


class Meter(BaseModel):
    """What the server has seen since its start or the last reset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_count: int = 0
    """Requests for embeddings, whatever became of them."""
    answered_count: int = 0
    """Requests that were answered with 200, damaged answers included."""
    texts_count: int = 0
    """Texts that were embedded, which is what a provider bills; a text sent twice counts twice."""
    tokens_count: int = 0
    texts_per_request_max: int = 0
    concurrency_max: int = 0
    times_by_text: dict[str, int] = Field(default_factory=dict)
    """How often each text was embedded."""

    @property
    def repeated_texts(self) -> dict[str, int]:
        """The texts that were paid for more than once."""
        return {text: times for text, times in self.times_by_text.items() if times > 1}


class ServerState:
    """Meter and behaviour behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._behaviour = Behaviour()
        self._pending: deque[Fault | None] = deque()
        self._in_flight = 0
        self._clear()

    def behave(self, behaviour: Behaviour) -> None:
        """Replace the behaviour; faults that are left over are forgotten."""
        with self._lock:
            self._behaviour = behaviour
            self._pending = _expanded(behaviour.faults)

    def reset(self) -> None:
        """Count from zero and behave well."""
        with self._lock:
            self._behaviour = Behaviour()
            self._clear()

    def meter(self) -> Meter:
        """The counts so far."""
        with self._lock:
            return Meter(**self._counts, times_by_text=dict(self._times_by_text))

    def begin(self) -> tuple[Fault | None, Behaviour]:
        """A request has come: the fault it must suffer, and the standing behaviour."""
        with self._lock:
            self._in_flight += 1
            self._counts["requests_count"] += 1
            self._counts["concurrency_max"] = max(self._counts["concurrency_max"], self._in_flight)
            return (self._pending.popleft() if self._pending else None), self._behaviour

    def end(self) -> None:
        """The request is over."""
        with self._lock:
            self._in_flight -= 1

    def bill(self, texts: Sequence[str], tokens_count: int) -> None:
        """The texts of one request were embedded."""
        with self._lock:
            self._counts["texts_count"] += len(texts)
            self._counts["tokens_count"] += tokens_count
            self._counts["texts_per_request_max"] = max(self._counts["texts_per_request_max"], len(texts))
            self._times_by_text.update(texts)

    def answered(self) -> None:
        """A request was answered with 200."""
        with self._lock:
            self._counts["answered_count"] += 1

    def _clear(self) -> None:
        self._pending.clear()
        self._times_by_text: Counter[str] = Counter()
        names = ("requests_count", "answered_count", "texts_count", "tokens_count")
        self._counts = dict.fromkeys((*names, "texts_per_request_max", "concurrency_max"), 0)


def _expanded(faults: Sequence[Fault]) -> deque[Fault | None]:
    """One entry for each coming request: None is served well."""
    entries: deque[Fault | None] = deque()
    for fault in faults:
        entries.extend([None] * fault.skip + [fault] * fault.times)
    return entries
