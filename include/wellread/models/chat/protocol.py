"""What language models must do, one request at a time and in provider batches.

Asking and reading are apart: ``ask`` may cost money and gives back the body as the provider sent it, which is
stored before anybody reads it; ``read`` is a pure function of that body and can be repeated for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from wellread.errors import WellreadError
from wellread.identities import sha256_json

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "refused"]
"""``length``: cut at the output limit. ``refused``: the model or a content filter declined."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatSchema:
    """The JSON Schema that a reply must follow."""

    name: str
    """Letters, digits, ``_`` and ``-``; at most 64 of them."""
    schema: Mapping[str, object]

    @property
    def sha256(self) -> str:
        """Of the canonical schema: part of every request key."""
        return sha256_json([self.name, self.schema])


@dataclass(frozen=True, slots=True)
class ChatDocument:
    """Evidence for providers that take documents beside the messages (Cohere)."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked. Parameters such as the temperature belong to the model's identity."""

    messages: tuple[ChatMessage, ...]
    schema: ChatSchema | None = None
    documents: tuple[ChatDocument, ...] = ()
    """Raises ``SettingsError`` in models that take none."""


@dataclass(frozen=True, slots=True)
class ChatUsage:
    """Tokens as the provider billed them."""

    input_tokens: int = 0
    """All of them, cached ones included."""
    output_tokens: int = 0
    """Reasoning included."""
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ReplyCitation:
    """A citation that the provider made by itself: a span of the reply and the ids of its documents."""

    start_char: int
    """Inclusive, over ``ChatReply.text``."""
    end_char: int
    """Exclusive."""
    document_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A stored body, understood."""

    text: str
    finish: Finish
    usage: ChatUsage
    model: str
    """As the provider named it."""
    citations: tuple[ReplyCitation, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedLimits:
    """What response headers say of the account's limits; ``None`` where they say nothing."""

    requests_limit: int | None = None
    requests_remaining: int | None = None
    requests_reset_seconds: float | None = None
    tokens_limit: int | None = None
    tokens_remaining: int | None = None
    tokens_reset_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """By name: what a rate limiter learns from."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def says_anything(self) -> bool:
        """Whether the headers held any of it."""
        return any(value is not None for value in self.as_dict().values())


@dataclass(frozen=True, slots=True)
class RawReply:
    """What came over the wire."""

    body: bytes
    """The provider's JSON, as it was sent."""
    reported: ReportedLimits = ReportedLimits()


@dataclass(frozen=True, slots=True)
class ChatIdentity:
    """Everything a reply depends on besides the request. No address and no key: the same model may move."""

    provider: str
    protocol: str
    """``openai-chat``, ``openai-responses``, ``anthropic-messages``, ``cohere-chat``, ``replicate``."""
    model: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    """What is sent beside the messages, as canonical JSON values."""


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Bounds of one request and of the account."""

    context_tokens: int
    """Input and output together."""
    output_tokens: int
    """What a reply may have at most: sent with every request."""
    concurrency: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class ChatModel(Protocol):
    """Asks a language model. Safe to share between threads."""

    @property
    def identity(self) -> ChatIdentity:
        """What replies depend on."""

    @property
    def limits(self) -> ChatLimits:
        """Bounds, as configured."""

    @property
    def batches(self) -> ChatBatches | None:
        """The provider's batch endpoint; ``None`` where it has none."""

    def count_tokens(self, text: str) -> int:
        """Exact where the model's own tokenizer is at hand, else a bound that learned from reported usage."""

    def count_request(self, request: ChatRequest) -> int:
        """Input tokens of a whole request: its messages, its schema and its documents, or a bound of them."""

    def learn(self, request: ChatRequest, usage: ChatUsage) -> None:
        """Take in what the provider counted for a request; the bound gets closer, never below the truth seen."""

    def ask(self, request: ChatRequest) -> RawReply:
        """One HTTP request, never repeated here.

        Raises ``RateLimitedError`` and ``TransientError`` (retry), ``DocumentError`` stage ``answer`` with cause
        ``too_long`` or ``refused`` (this request's fault), ``AuthenticationError``, ``QuotaExhaustedError``,
        ``SettingsError``. A cut connection, a time-out and a body that is no JSON are ``TransientError``.
        """

    def read(self, body: bytes) -> ChatReply:
        """The reply in a body; pure. Raises ``DocumentError`` stage ``answer``, cause ``malformed_response``."""

    def close(self) -> None:
        """Release connections."""


# -- provider batches ----------------------------------------------------------------------------------------

BatchState = Literal["running", "ended", "rejected"]
"""``ended``: results can be read, expired and cancelled batches included (rows without a result are errors).
``rejected``: the provider refused the batch as a whole (for example over the enqueued-token limit); nothing
was computed or billed."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one batch, and all batches in the queue together, may hold."""

    requests_per_batch: int
    bytes_per_batch: int
    enqueued_tokens: int | None = None
    """Input tokens of all batches that have not ended; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is."""

    state: BatchState
    total_count: int = 0
    done_count: int = 0
    failed_count: int = 0
    problem: str | None = None
    """Why it was rejected, expired or cancelled, in the provider's words."""
    is_over_limit: bool = False
    """Rejected because too many tokens are enqueued: the same batch can be accepted later."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One line of a batch's results, in whatever order the provider gives them."""

    custom_id: str
    body: bytes | None
    """As ``RawReply.body``, readable by ``ChatModel.read``; ``None`` where the request failed."""
    error: WellreadError | None = None


class ChatBatches(Protocol):
    """A provider's batch endpoint: cheaper, within 24 hours."""

    @property
    def limits(self) -> BatchLimits:
        """Bounds, as the provider documents them or the deployment configures them."""

    @property
    def can_find(self) -> bool:
        """Whether a submission can be looked up by its key; where not, a crash costs rows perhaps billed."""

    def submit(self, requests: Sequence[tuple[str, ChatRequest]], *, submission_key: str) -> str:
        """Submit ``(custom_id, request)`` pairs and return the provider's batch id. Errors as ``ChatModel.ask``."""

    def find(self, submission_key: str) -> str | None:
        """The batch that carries this key; ``None``: there certainly is none, or ``can_find`` is false."""

    def progress(self, batch_id: str) -> BatchProgress:
        """The present state."""

    def results(self, batch_id: str) -> Iterator[BatchItem]:
        """Every result of an ended batch. Lines that cannot be read are left out: their rows have no result."""

    def cancel(self, batch_id: str) -> None:
        """Ask the provider to stop; what is computed stays readable and billed."""
