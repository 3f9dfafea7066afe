"""How the server is told to fail and to lie, and which request gets which fault."""

from __future__ import annotations

import json
import random
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "rate_limited",
    "insufficient_quota",
    "unauthorized",
    "server_error",
    "overloaded",
    "context_too_long",
    "slow",
    "cut_before_work",
    "cut_after_billing",
    "truncated_json",
    "empty_choices",
    "length",
    "refusal",
    "invalid_json",
    "off_schema",
    "short_answer",
    "repeated_index",
    "not_a_number",
    "zero_vector",
    "wrong_dimensions",
]
"""``cut_after_billing``: the work is counted, then the connection breaks in the middle of the answer."""

Mode = Literal["honest", "obedient", "invents_quote", "changes_number", "changes_claim", "wrong_passage", "verdict"]
"""How the brain answers; see ``brain``."""

BatchFaultKind = Literal[
    "rejected", "over_token_limit", "expired", "out_of_order", "duplicated", "missing", "foreign", "failed_line"
]


class Fault(BaseModel):
    """One failure, a number of times.

    A fault without ``match`` and ``path`` hits requests by their position: faults are used up in order, one
    request each. With one of them it counts only the requests that it fits, whatever comes in between.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    times: int = Field(default=1, ge=1, description="For so many requests in a row.")
    skip: int = Field(default=0, ge=0, description="Only after so many requests were served well.")
    match: str = Field(default="", description="Only for requests whose body holds this text.")
    path: str = Field(
        default="", description="Only for requests whose path holds this text, GET and DELETE included."
    )
    retry_after_seconds: float | None = Field(default=None, ge=0, description="Sent as Retry-After, with an error.")
    retry_after_ms: int | None = Field(default=None, ge=0, description="Sent as retry-after-ms, with an error.")
    delay_seconds: float = Field(default=0.0, ge=0, description="Waited before anything else; for `slow`.")


class FaultRate(BaseModel):
    """A failure of a share of all requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    ratio: float = Field(gt=0, le=1)
    retry_after_seconds: float | None = Field(default=None, ge=0)
    delay_seconds: float = Field(default=0.0, ge=0)

    def fault(self) -> Fault:
        """What a request that is hit suffers."""
        return Fault(kind=self.kind, retry_after_seconds=self.retry_after_seconds, delay_seconds=self.delay_seconds)


class BatchFault(BaseModel):
    """What goes wrong with whole batches. Several of them can hit the same batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: BatchFaultKind
    lines: int = Field(default=1, ge=1, description="For duplicated, missing, foreign and failed_line: so many.")
    skip: int = Field(default=0, ge=0, description="Only after so many batches.")
    times: int = Field(default=1, ge=1, description="For so many batches.")


class Behaviour(BaseModel):
    """How the server behaves from now on. Faults are used up; the rest stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Fault, ...] = ()
    rates: tuple[FaultRate, ...] = Field(default=(), description="Drawn for requests that no fault hits.")
    seed: int = Field(default=0, description="Of those draws: the same requests in a row get the same faults.")
    poison: tuple[str, ...] = Field(
        default=(), description="An embedding request with a text that holds one of these gets 400."
    )
    latency_seconds: float = Field(default=0.0, ge=0, description="Each request waits so long before its answer.")
    mode: Mode = "honest"
    modes: Mapping[str, Mode] = Field(
        default_factory=dict, description="A request whose body holds the text is answered in that mode."
    )
    batch_faults: tuple[BatchFault, ...] = ()
    batch_seconds: float | None = Field(
        default=0.0, ge=0, description="A batch runs so long. None: until it is told to finish."
    )


@dataclass(frozen=True, slots=True)
class Treatment:
    """What one request gets."""

    fault: Fault | None
    mode: Mode
    behaviour: Behaviour


class FaultPlan:
    """Deals out faults. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.behave(Behaviour())

    def behave(self, behaviour: Behaviour) -> None:
        """Replace the behaviour; faults that are left over are forgotten."""
        with self._lock:
            self._behaviour = behaviour
            self._pending = _expanded(fault for fault in behaviour.faults if not (fault.match or fault.path))
            self._fitting = [
                (fault, _spellings(fault.match)) for fault in behaviour.faults if fault.match or fault.path
            ]
            self._seen = [0] * len(self._fitting)
            self._modes = [(_spellings(text), mode) for text, mode in behaviour.modes.items()]
            self._draw = random.Random(behaviour.seed)  # noqa: S311  # a reproducible plan, not a secret
            self._batches = 0

    @property
    def behaviour(self) -> Behaviour:
        """The present one."""
        return self._behaviour

    def treat(self, path: str, body: bytes, *, is_post: bool) -> Treatment:
        """What a request gets that has just come. Only a POST moves the positions of faults on."""
        with self._lock:
            fault = self._fitting_fault(path, body, is_post=is_post)
            if fault is None and is_post:
                fault = self._pending.popleft() if self._pending else self._drawn()
            return Treatment(fault, self._mode(body), self._behaviour)

    def batch_faults(self) -> Mapping[BatchFaultKind, int]:
        """The faults of the batch that has just come, with their number of lines."""
        with self._lock:
            number, self._batches = self._batches, self._batches + 1
            planned = self._behaviour.batch_faults
        return {f.kind: f.lines for f in planned if f.skip <= number < f.skip + f.times}

    def mode_of(self, body: bytes) -> Mode:
        """How a body is answered, for the lines of a batch."""
        with self._lock:
            return self._mode(body)

    def _fitting_fault(self, path: str, body: bytes, *, is_post: bool) -> Fault | None:
        for index, (fault, spellings) in enumerate(self._fitting):
            if fault.path not in path or not (is_post or fault.path) or not _holds(body, spellings):
                continue
            number, self._seen[index] = self._seen[index], self._seen[index] + 1
            if fault.skip <= number < fault.skip + fault.times:
                return fault
        return None

    def _drawn(self) -> Fault | None:
        if not self._behaviour.rates:
            return None
        place = self._draw.random()
        for rate in self._behaviour.rates:
            if place < rate.ratio:
                return rate.fault()
            place -= rate.ratio
        return None

    def _mode(self, body: bytes) -> Mode:
        return next((mode for spellings, mode in self._modes if _holds(body, spellings)), self._behaviour.mode)


def _spellings(text: str) -> tuple[bytes, ...]:
    """A text as it may stand in a body: plain, and in both ways of writing JSON."""
    spelled = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    return tuple({one.encode("utf-8", "surrogatepass") for one in spelled})


def _holds(body: bytes, spellings: tuple[bytes, ...]) -> bool:
    return any(spelling in body for spelling in spellings)


def _expanded(faults: Iterable[Fault]) -> deque[Fault | None]:
    """One entry for each coming request: None is served well."""
    entries: deque[Fault | None] = deque()
    for fault in faults:
        entries.extend([None] * fault.skip + [fault] * fault.times)
    return entries
