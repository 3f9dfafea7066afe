"""The values of the question side: question > evidence > claim > answer row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wellread.documents import Passage

AnswerStatus = Literal["answered", "abstained", "flagged", "refused", "invalid", "error", "budget"]
"""The closed set of final states: every question ends in exactly one."""

AbstainReason = Literal["nothing_relevant", "model_says_not_found", "check_failed"]

QuoteMatch = Literal["exact", "normalised", "fuzzy", "failed"]


@dataclass(frozen=True, slots=True)
class Question:
    """One row of a question job."""

    id: str
    text: str
    columns: Mapping[str, str] = field(default_factory=dict)
    """The other columns of the input row, handed through to the answers."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote with where it was found. ``start_char`` and ``end_char`` count in the cleaned document."""

    document: str
    doc_id: str
    version_hash: str
    chunk_key: str
    quote: str
    page: int | None
    start_char: int | None
    end_char: int | None
    match: QuoteMatch


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of an answer with the quotes that carry it."""

    text: str
    citations: tuple[Citation, ...]


ResponseOrigin = Literal["none", "model", "ledger", "cache"]
"""Where a row's response came from: no response was needed, asked in this job, paid for by an earlier job of the
same ledger, or found in the shared cache."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost in tokens. Zero throughout for the extractive answerer."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Those of ``input_tokens`` that the provider had cached, and billed for less."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What becomes of one question, whatever happens."""

    id: str
    question: str
    status: AnswerStatus
    abstain_reason: AbstainReason | None
    answer: str | None
    claims: tuple[Claim, ...]
    passages: tuple[Passage, ...]
    model: str
    """``extractive`` for the embedded answerer: verbatim sentences, no language model."""
    usage: Usage
    cost_usd: float | None
    snapshot: str
    request_key: str
    confidence: float | None = None
    """The calibrated probability that the question can be answered from the passages."""
    error: Mapping[str, object] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    """What a person should know: ``leak:url``, ``repaired``, ``fallback``, ``degraded``, ``maybe_billed``."""
    origin: ResponseOrigin = "none"
    prompt: str | None = None
    """Name and version of the prompt, ``None`` for the extractive answerer."""
    prompt_sha256: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    """(chunk key, reason) of retrieved passages that the prompt did not hold."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response that was paid for, as the ledger remembers it."""

    reference: str
    """The artifact with the raw body."""
    usage: Usage = field(default_factory=Usage)
    cost_micro_usd: int | None = 0
    """Millionths of a US dollar; ``None`` where the price is not known."""
    is_batch: bool = False
    """Whether a provider batch answered, which costs less."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What sending one row may cost at most."""

    question_id: str
    amount_micro_usd: int = 0


JobRowState = Literal["planned", "reserved", "sent", "received", "final"]
"""How far one row of a question job has come. Only ever forward, but for a new claim (see ``JobLedger``)."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """What the ledger remembers of one row of a question job."""

    question_id: str
    position: int
    """From 0, in the order of the questions: answers come out in this order."""
    request_key: str
    """SHA-256 of everything the answer depends on; equal keys have equal answers."""
    state: JobRowState = "planned"
    response_reference: str | None = None
    """The artifact with the raw response; set from ``received`` on, ``None`` for rows that needed none."""
    final_json: str | None = None
    """The answer row without its passages, as JSON; set when ``final``."""
    maybe_billed: bool = False
    """A request of this row was sent, and nobody knows whether it was computed: perhaps it is paid twice."""
    batch_key: str | None = None
    """The provider batch that this row is in, by our name for it."""
    attempts_count: int = 0
    """Requests that were sent for this row."""


BatchRecordState = Literal["intended", "submitted", "collected", "rejected"]
"""``intended``: written down before anything is submitted, so that a crash in between leaves a trace."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One provider batch of a question job."""

    batch_key: str
    """Our name, carried by the batch itself where the provider has a place for it."""
    state: BatchRecordState
    provider_id: str | None
    input_tokens: int
    """A bound of what it enqueues."""
    model: str = ""
    """Which of the job's models it was submitted to."""
