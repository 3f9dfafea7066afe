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


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost in tokens. Zero throughout for the extractive answerer."""

    input_tokens: int = 0
    output_tokens: int = 0


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
    """An earlier attempt died between sending this row and storing its response."""
