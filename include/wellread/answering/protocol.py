"""What answering needs of others: a ledger for the rows of question jobs, and something that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from wellread.answering.prompting.evidence import PackedEvidence
from wellread.coordination.protocol import Rate
from wellread.documents import Passage
from wellread.errors import DocumentError
from wellread.models.chat.protocol import ChatBatches, ChatRequest, ReportedLimits
from wellread.questions import BatchRecord, BatchRecordState, JobRow, Reservation, StoredResponse, Usage

if TYPE_CHECKING:
    from wellread.answering.checking.leaks import LeakGuard


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
    packed: PackedEvidence | None = None
    """Which passages the messages hold, and why not the others."""


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


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rate limits a maker's requests count against."""

    name: str
    """Provider, address and model; no key."""
    rate: Rate


@dataclass(frozen=True, slots=True)
class Bound:
    """What answering one request may take at most."""

    input_tokens: int = 0
    output_tokens: int = 0

    def as_usage(self) -> Usage:
        """As if all of it were used."""
        return Usage(self.input_tokens, self.output_tokens)


@dataclass(frozen=True, slots=True)
class Response:
    """A raw response, and what its headers said of the account."""

    body: bytes
    usage: Usage = field(default_factory=Usage)
    """As the provider billed it."""
    reported: ReportedLimits = field(default_factory=ReportedLimits)


class AnswerMaker(Protocol):
    """Answers from frozen requests. What it does in ``respond`` may cost money, what ``read`` does never.

    ``respond`` is called by several threads at once, at most ``concurrency`` of them.
    """

    @property
    def identity(self) -> AnswererIdentity:
        """Everything an answer depends on, besides the request."""

    @property
    def prompt(self) -> tuple[str, str] | None:
        """Name with version, and SHA-256, of the prompt; ``None`` where there is none."""

    @property
    def concurrency(self) -> int:
        """How many responses may be asked for at once."""

    @property
    def account(self) -> Account | None:
        """Rate limits; ``None`` where nothing limits it."""

    @property
    def batches(self) -> ChatBatches | None:
        """The provider's batch endpoint, where it has one."""

    def prepare(self, request: AnswerRequest) -> AnswerRequest:
        """The request packed and rendered: by the plan, and again where passages were withdrawn."""

    def key_material(self, request: AnswerRequest) -> object:
        """The parts of the request that the response depends on, as canonical JSON values."""

    def confidence(self, request: AnswerRequest) -> float:
        """The calibrated probability that the passages answer the question; costs nothing."""

    def bound(self, request: AnswerRequest) -> Bound:
        """Tokens that answering may take at most."""

    def cost_micro_usd(self, usage: Usage, *, is_batch: bool = False) -> int | None:
        """What that many tokens cost, in millionths of a US dollar, rounded up; ``None``: the price is unknown."""

    def respond(self, request: AnswerRequest) -> Response:
        """The raw response, stored before anybody reads it. Raises ``WellreadError``; never tries again."""

    def batch_request(self, request: AnswerRequest) -> ChatRequest:
        """The same request for a provider batch. Only called where ``batches`` is not ``None``."""

    def usage_of(self, response: bytes) -> Usage:
        """What a response was billed, by its own words; zero where it has none. Never raises."""

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        """The response understood: a pure function. Raises ``DocumentError`` where it makes no sense."""

    def guard(self, request: AnswerRequest) -> LeakGuard | None:
        """What must not stand in an answer to this request; ``None`` where answers cannot say anything new."""

    def follow_up(self, request: AnswerRequest, response: bytes, problem: DocumentError) -> AnswerRequest | None:
        """The request that asks to mend a response that makes no sense; ``None``: it is not worth asking."""


class FreeMaker:
    """What a maker need not say that costs nothing, has no limits and is never asked to mend anything."""

    prompt: tuple[str, str] | None = None
    concurrency: int = 1
    account: Account | None = None
    batches: ChatBatches | None = None

    def prepare(self, request: AnswerRequest) -> AnswerRequest:
        """The request as it is: there is no prompt."""
        return request

    def bound(self, request: AnswerRequest) -> Bound:
        """Nothing."""
        del request
        return Bound()

    def cost_micro_usd(self, usage: Usage, *, is_batch: bool = False) -> int | None:
        """Nothing."""
        del usage, is_batch
        return 0

    def batch_request(self, request: AnswerRequest) -> ChatRequest:
        """Never called: there are no batches."""
        raise LookupError(request.question)

    def usage_of(self, response: bytes) -> Usage:
        """Nothing."""
        del response
        return Usage()

    def guard(self, request: AnswerRequest) -> LeakGuard | None:
        """Answers say nothing that no passage says."""
        del request
        return None

    def follow_up(self, request: AnswerRequest, response: bytes, problem: DocumentError) -> AnswerRequest | None:
        """Nothing to ask."""
        del request, response, problem
        return None


class JobLedger(Protocol):
    """Durable states of question jobs, row by row. Every method is one transaction.

    A job is named by ``job_id``, the hash of its frozen plan: the same plan is the same job, so a second
    run of it resumes or, when all rows are final, repeats nothing. Rows go
    ``planned -> sent -> received -> final``, or ``planned -> reserved -> sent`` where they wait in a provider
    batch that is written down and not yet submitted; a row whose answer needs no call (nothing relevant,
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
        database's clock; the same owner may claim again at once. In the same transaction rows left ``sent`` go
        back to ``planned`` with ``maybe_billed`` set, and their reservations count as spent. Rows in a provider
        batch, ``received`` and ``final`` rows stay. Raises ``SystemicError`` for an unknown job.
        """

    def renew_job(self, job_id: str, *, token: int) -> None:
        """A sign of life while nothing else is written."""

    def read_rows(self, job_id: str) -> Sequence[JobRow]:
        """All rows in the order of their positions; empty for an unknown job."""

    def send_rows(
        self, job_id: str, *, token: int, rows: Sequence[Reservation], budget: Mapping[str, int]
    ) -> Mapping[str, str]:
        """Reserve what each row may cost, then move it to ``sent``: what is not reserved is never sent.

        ``budget`` holds scopes with their limits in micro-dollars; a reservation is made in all of them or none.

        Rows whose reservation does not fit stay as they are: they come back by question id with the scope that
        is short. Raises ``SystemicError``, and moves nothing, where a row is not ``planned`` or ``received``.
        """

    def record_responses(
        self, job_id: str, *, token: int, model: str, found: Mapping[str, tuple[str, StoredResponse]]
    ) -> None:
        """Move ``sent`` rows to ``received``: question id -> (request key, response), and settle their budgets.

        An empty request key: the response is not to be found by anybody else. A worker that lost its claim keeps
        the responses to be found, because they are paid for; then ``LeaseHeldError`` goes up.
        """

    def return_rows(self, job_id: str, *, token: int, rows: Mapping[str, bool], was_sent: bool = True) -> None:
        """Rows without a response go back to ``planned``; ``True``: their request may have been billed.

        ``was_sent=False``: nothing was computed, the attempt does not count.
        """

    def finish_rows(self, job_id: str, *, token: int, finals: Mapping[str, tuple[str, str]]) -> None:
        """Move rows to ``final``: question id -> (status, the row as JSON). Any state but ``final`` may finish.

        A row that is final already keeps what it has.
        """

    def find_responses(self, *, tenant: str, request_keys: Sequence[str]) -> Mapping[str, StoredResponse]:
        """Stored responses of any job of this tenant by request key; unknown ones are left out."""

    def intend_batch(
        self,
        job_id: str,
        *,
        token: int,
        batch: BatchRecord,
        rows: Sequence[Reservation],
        budget: Mapping[str, int],
    ) -> Mapping[str, str]:
        """Write a provider batch down with its rows, which become ``reserved``; short rows as in ``send_rows``."""

    def note_submission(self, job_id: str, *, token: int, batch_key: str, provider_id: str) -> None:
        """The provider has taken the batch: its rows are ``sent``."""

    def close_batch(self, job_id: str, *, token: int, batch_key: str, state: BatchRecordState) -> None:
        """Nothing more will come of the batch."""

    def read_batches(self, job_id: str) -> Sequence[BatchRecord]:
        """The batches of a job, oldest first."""

    def enqueued_tokens(self, model: str) -> int:
        """A bound of the input tokens of all jobs' batches of a model that have not ended."""

    def release_job(self, job_id: str, *, token: int) -> None:
        """Give the lease back, so that another owner may claim at once. A newer claim makes it a no-op."""
