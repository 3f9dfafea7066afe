"""What answering needs of others: a ledger for the rows of question jobs, and something that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wellread.documents import Passage
from wellread.questions import JobRow, Usage


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One question with everything that its answer depends on: frozen by the plan, never looked up again."""

    question: str
    passages: tuple[Passage, ...]
    """Best first, as retrieval ranked them; neighbours marked."""
    term_weights: Mapping[str, float]
    """The question's stems with their inverse frequencies in the collection."""
    features: Mapping[str, float] = field(default_factory=dict)
    """Signals of the retrieval as a whole: ``RetrievalFeatures`` as numbers."""
    language: str = "en"
    messages: tuple[Mapping[str, str], ...] = ()
    """The rendered prompt (``role`` and ``content``) for a language model; empty for the extractive answerer."""


@dataclass(frozen=True, slots=True)
class DraftClaim:
    """A statement with quotes, before anybody has checked them."""

    text: str
    quotes: tuple[tuple[int, str], ...]
    """Position of the passage in the request, from 0, and what is said to stand there."""


@dataclass(frozen=True, slots=True)
class AnswerDraft:
    """An answer as its maker gave it."""

    claims: tuple[DraftClaim, ...]
    found: bool = True
    """``False``: the maker says that the passages do not answer the question."""
    refused: bool = False
    """A model declined for reasons of its own."""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    """``None`` where the price is not known."""
    confidence: float | None = None
    """How sure its maker is that the passages answer the question, where it says so itself."""

    @property
    def text(self) -> str | None:
        """The claims as one text, ``None`` where there are none."""
        return " ".join(claim.text for claim in self.claims) or None


@dataclass(frozen=True, slots=True)
class AnswererIdentity:
    """Who answers, and how: part of every request key."""

    protocol: str
    """``extractive``, or the wire protocol of a language model."""
    model: str
    parameters: Mapping[str, object]
    """Canonical JSON values only."""
    schema: str | None = None
    """SHA-256 of the schema that the response must follow."""


class AnswerMaker(Protocol):
    """Answers from frozen requests. What it does in ``respond`` may cost money, what ``read`` does never."""

    @property
    def identity(self) -> AnswererIdentity:
        """Everything an answer depends on, besides the request."""

    def prepare(self, request: AnswerRequest) -> AnswerRequest:
        """The request with its messages rendered: by the plan, and again where passages were withdrawn."""

    def key_material(self, request: AnswerRequest) -> object:
        """The parts of the request that the response depends on, as canonical JSON values."""

    def confidence(self, request: AnswerRequest) -> float:
        """The calibrated probability that the passages answer the question; costs nothing."""

    def respond(self, request: AnswerRequest) -> bytes:
        """The raw response, stored before anybody reads it. Raises ``WellreadError``."""

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        """The response understood: a pure function. Raises ``WellreadError`` where it makes no sense."""


class JobLedger(Protocol):
    """Durable states of question jobs, row by row. Every method is one transaction.

    A job is named by ``job_id``, the hash of its frozen plan: the same plan is the same job, so a second
    run of it resumes or, when all rows are final, repeats nothing. Rows go
    ``planned -> reserved -> sent -> received -> final``; a row whose answer needs no call (nothing relevant,
    invalid, a response known from another job) goes straight from ``planned`` to ``final``.

    One worker writes a job at a time. ``claim_job`` hands out a fencing token (a number that grows with each
    claim); every later write names it, and raises ``LeaseHeldError`` without changing anything where a newer
    claim exists. Every write renews the lease.
    """

    def open_job(self, job_id: str, *, tenant: str, plan_reference: str, rows: Sequence[tuple[str, str]]) -> None:
        """Record the job and its rows ``(question_id, request_key)`` as ``planned``, in this order.

        Repeating it with the same plan changes nothing. Raises ``SystemicError`` where the job exists with
        another plan or other rows.
        """

    def claim_job(self, job_id: str, *, owner: str, lease_seconds: float) -> int:
        """Take the job and return a fencing token larger than every earlier one.

        Raises ``LeaseHeldError`` (with ``retry_after_seconds``) while another owner's lease runs, by the
        database's clock; the same owner may claim again at once. In the same transaction rows left
        ``reserved`` go back to ``planned``, and rows left ``sent`` go back to ``planned`` with
        ``maybe_billed`` set. ``received`` and ``final`` rows stay. Raises ``SystemicError`` for an unknown job.
        """

    def read_rows(self, job_id: str) -> Sequence[JobRow]:
        """All rows in the order of their positions; empty for an unknown job."""

    def advance_rows(
        self, job_id: str, *, token: int, question_ids: Sequence[str], state: Literal["reserved", "sent"]
    ) -> None:
        """Move rows ``planned -> reserved`` or ``reserved -> sent``.

        A row in any other state is an error (``SystemicError``) and no row moves.
        """

    def record_responses(self, job_id: str, *, token: int, references: Mapping[str, str]) -> None:
        """Move ``sent`` rows to ``received``: question id -> artifact reference of the raw response."""

    def finish_rows(self, job_id: str, *, token: int, finals: Mapping[str, tuple[str, str]]) -> None:
        """Move rows to ``final``: question id -> (status, the row as JSON). Any state but ``final`` may finish.

        A row that is final already keeps what it has.
        """

    def find_responses(self, *, tenant: str, request_keys: Sequence[str]) -> Mapping[str, str]:
        """Stored responses of any job of this tenant: request key -> artifact reference; unknown ones left out."""

    def release_job(self, job_id: str, *, token: int) -> None:
        """Give the lease back, so that another owner may claim at once. A newer claim makes it a no-op."""
