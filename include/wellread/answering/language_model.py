"""The answerer that asks a language model, and believes nothing that it cannot find in the passages.

The plan packs and renders; a reply is JSON with claims and quotes, validated here against the schema whatever the
server claims; every quote is then located by the same check as the extractive answerer's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellread.answering.checking.leaks import LeakGuard, LeakSettings
from wellread.answering.checking.masking import Masker, MaskMap, unmask
from wellread.answering.prompting.evidence import PackedEvidence, PackedPassage, as_documents, pack_evidence
from wellread.answering.prompting.examples import PromptExample
from wellread.answering.prompting.rendering import canary_of, render_answer_prompt, render_repair_turns
from wellread.answering.prompting.schemas import schema_problem
from wellread.answering.prompting.settings import PackingSettings
from wellread.answering.prompting.templates import PromptTemplate
from wellread.answering.protocol import (
    Account,
    AnswerDraft,
    AnswererIdentity,
    AnswerRequest,
    Bound,
    DraftClaim,
    Response,
)
from wellread.answering.replies import json_in, malformed
from wellread.coordination.protocol import Rate
from wellread.documents import Passage
from wellread.errors import DocumentError, SettingsError
from wellread.models.chat.protocol import (
    ChatBatches,
    ChatDocument,
    ChatMessage,
    ChatModel,
    ChatReply,
    ChatRequest,
    ChatSchema,
    ChatUsage,
)
from wellread.models.prices import Price
from wellread.questions import Usage

_MARGIN_TOKENS = 64
"""Between the prompt and the window: what providers add to messages, differently each."""
_MASKED_RATIO = 0.9
_CODE_VERSION = "1"
"""Raised whenever the same reply would be read otherwise than before."""


@dataclass(frozen=True, slots=True)
class PromptParts:
    """What a prompt is made of, besides the question and its passages."""

    template: PromptTemplate
    repair: PromptTemplate
    key: bytes
    """A secret of the deployment: fences and the canary are made from it."""
    packing: PackingSettings = field(default_factory=PackingSettings)
    choose_examples: Callable[[str], Sequence[PromptExample]] = lambda _question: ()
    leaks: LeakSettings = field(default_factory=LeakSettings)
    masker: Masker | None = None
    """Masks personal data before anything is sent, and puts it back."""


class LanguageModelAnswerer:
    """Implements ``AnswerMaker`` with a ``ChatModel``. Safe to share between threads."""

    def __init__(
        self,
        model: ChatModel,
        parts: PromptParts,
        *,
        price: Price | None = None,
        account: str = "",
        burst_seconds: float = 1.0,
        grounding: str = "messages",
        confidence: Callable[[AnswerRequest], float] = lambda _request: 1.0,
    ) -> None:
        """``confidence`` judges passages before anything is paid; without it, any passage will do.

        Raises ``SettingsError`` for a prompt without a schema of claims.
        """
        self._by_documents = grounding == "documents"
        require_schema(parts.template, grounding=grounding)
        self._model = model
        self._parts = parts
        self._price = price
        limits = model.limits
        rate = Rate(limits.requests_per_minute, limits.tokens_per_minute, burst_seconds)
        self._account = Account(account, rate)
        self._confidence = confidence
        schema = None if self._by_documents else parts.template.schema
        self._schema = None if schema is None else ChatSchema("answer_with_quotes", schema)
        self._canary = canary_of(parts.key)

    # -- who answers -------------------------------------------------------------------------------------------
    @property
    def identity(self) -> AnswererIdentity:
        """The model, what is sent beside the messages, and how replies are read."""
        identity = self._model.identity
        parameters = {**identity.parameters, "provider": identity.provider, "code_version": _CODE_VERSION}
        return AnswererIdentity(
            identity.protocol, identity.model, parameters, schema=self._schema.sha256 if self._schema else None
        )

    @property
    def prompt(self) -> tuple[str, str] | None:
        """Name with version, and hash, of the template."""
        front = self._parts.template.front_matter
        return f"{front.name} {front.version}", self._parts.template.sha256

    @property
    def concurrency(self) -> int:
        """As configured for the model."""
        return self._model.limits.concurrency

    @property
    def account(self) -> Account | None:
        """The provider's account with its rates."""
        return self._account

    @property
    def batches(self) -> ChatBatches | None:
        """The provider's batch endpoint, where it has one."""
        return self._model.batches

    # -- from passages to messages -----------------------------------------------------------------------------
    def prepare(self, request: AnswerRequest) -> AnswerRequest:
        """Packed under what the model's window leaves, and rendered. The same request gives the same messages."""
        examples = tuple(self._parts.choose_examples(request.question))
        empty = self._rendered(request, PackedEvidence(()), examples)
        used = self._model.count_request(self._chat_request(empty, ()))
        limits = self._model.limits
        budget = limits.context_tokens - limits.output_tokens - used - _MARGIN_TOKENS
        if budget <= 0:
            raise DocumentError(
                "put a question into the model's window",
                found=f"the prompt alone has up to {used} tokens of {limits.context_tokens}",
                remedy="Shorten the question or the examples, or raise chat.context_tokens.",
                stage="plan",
                cause="too_long",
            )
        packed = self._packed(request, budget)
        return dataclasses.replace(request, packed=packed, messages=self._rendered(request, packed, examples))

    def _packed(self, request: AnswerRequest, budget_tokens: int) -> PackedEvidence:
        """As much as fits; placeholders can have more tokens than what they stand for, so a tenth stays free."""
        share = 1.0 if self._parts.masker is None else _MASKED_RATIO
        return pack_evidence(
            request.passages,
            budget_tokens=int(budget_tokens * share),
            count_tokens=self._model.count_tokens,
            settings=self._parts.packing,
        )

    def _rendered(
        self, request: AnswerRequest, packed: PackedEvidence, examples: Sequence[PromptExample]
    ) -> tuple[Mapping[str, str], ...]:
        question, passages, shown, _ = self._masked(request, packed)
        if self._by_documents:
            shown = PackedEvidence(())
        return render_answer_prompt(
            self._parts.template,
            question=question,
            passages=passages,
            packed=shown,
            examples=examples,
            key=self._parts.key,
            canary=self._canary,
        )

    def _masked(
        self, request: AnswerRequest, packed: PackedEvidence
    ) -> tuple[str, Sequence[Passage], PackedEvidence, MaskMap | None]:
        """Question and shown passages without personal data, and the way back; as they are without a masker."""
        if self._parts.masker is None:
            return request.question, request.passages, packed, None
        shown = [request.passages[item.position] for item in packed.items]
        titles = [passage.title for passage in shown]
        texts = [passage.text[item.start : item.end] for passage, item in zip(shown, packed.items, strict=True)]
        (question, *masked), names = self._parts.masker.mask([request.question, *titles, *texts])
        titles, texts = masked[: len(titles)], masked[len(titles) :]
        passages = [
            dataclasses.replace(passage, title=title, text=text)
            for passage, title, text in zip(shown, titles, texts, strict=True)
        ]
        items = tuple(PackedPassage(place, 0, len(text)) for place, text in enumerate(texts))
        return question, passages, dataclasses.replace(packed, items=items), names

    def key_material(self, request: AnswerRequest) -> object:
        """The messages: they hold the packed evidence, and nothing of what was left out."""
        documents = [list(one) for one in self._documents(request)]
        return {"messages": [dict(message) for message in request.messages], "documents": documents}

    def _documents(self, request: AnswerRequest) -> tuple[tuple[str, str, str], ...]:
        if not self._by_documents or request.packed is None:
            return ()
        _, passages, shown, _ = self._masked(request, request.packed)
        return as_documents(passages, shown)

    def confidence(self, request: AnswerRequest) -> float:
        """The probability that the passages answer the question, by what costs nothing."""
        return self._confidence(request)

    # -- asking ------------------------------------------------------------------------------------------------
    def _chat_request(
        self, messages: Sequence[Mapping[str, str]], documents: Sequence[tuple[str, str, str]]
    ) -> ChatRequest:
        turns = tuple(ChatMessage(message["role"], message["content"]) for message in messages)  # type: ignore[arg-type]  # the template's roles
        beside = tuple(ChatDocument(*document) for document in documents)
        return ChatRequest(turns, self._schema, beside)

    def batch_request(self, request: AnswerRequest) -> ChatRequest:
        """What is sent for a request, directly or in a batch."""
        return self._chat_request(request.messages, self._documents(request))

    def bound(self, request: AnswerRequest) -> Bound:
        """The counted prompt, and the whole output limit."""
        tokens = self._model.count_request(self.batch_request(request))
        return Bound(tokens, self._model.limits.output_tokens)

    def cost_micro_usd(self, usage: Usage, *, is_batch: bool = False) -> int | None:
        """By the price list or the settings, rounded up."""
        if self._price is None:
            return None
        spent = ChatUsage(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
        return math.ceil(self._price.cost_usd(spent, is_batch=is_batch) * 1_000_000)

    def respond(self, request: AnswerRequest) -> Response:
        """One request to the model."""
        asked = self.batch_request(request)
        reply = self._model.ask(asked)
        usage = self.usage_of(reply.body)
        if usage.input_tokens:
            self._model.learn(asked, ChatUsage(usage.input_tokens, usage.output_tokens))
        return Response(reply.body, usage, reply.reported)

    # -- reading -----------------------------------------------------------------------------------------------
    def usage_of(self, response: bytes) -> Usage:
        """By the provider's own words; zero where a body says nothing."""
        try:
            usage = self._model.read(response).usage
        except DocumentError:
            return Usage()
        return Usage(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        """The claims of a reply. Raises ``DocumentError`` (``malformed_response``, ``cut_response``)."""
        reply = self._model.read(response)
        if reply.finish == "refused":
            return AnswerDraft((), refused=True)
        names = self._masked(request, request.packed)[3] if request.packed is not None else None
        if self._schema is None:
            return self._unmasked(_cited_claims(reply, request), names)
        if reply.finish == "length":
            raise malformed("it was cut at the output limit", cause="cut_response")
        value = json_in(reply.text)
        problem = schema_problem(value, self._schema.schema)
        if problem is not None:
            raise malformed(problem)
        return self._unmasked(_claims_of(value, request), names)

    @staticmethod
    def _unmasked(draft: AnswerDraft, names: MaskMap | None) -> AnswerDraft:
        if names is None:
            return draft
        claims = tuple(
            DraftClaim(
                unmask(claim.text, names),
                tuple((position, unmask(quote, names)) for position, quote in claim.quotes),
            )
            for claim in draft.claims
        )
        return dataclasses.replace(draft, claims=claims)

    def guard(self, request: AnswerRequest) -> LeakGuard:
        """The canary and the instructions stay here; links must stand in the evidence."""
        system = "\n".join(message["content"] for message in request.messages if message["role"] == "system")
        return LeakGuard(self._parts.leaks, canary=self._canary, prompt=system)

    def follow_up(self, request: AnswerRequest, response: bytes, problem: DocumentError) -> AnswerRequest | None:
        """The same conversation with the reply and what was wrong with it; a reply that was cut is not mended."""
        if problem.cause != "malformed_response" or self._by_documents:
            return None
        try:
            reply = self._model.read(response).text
        except DocumentError:
            reply = ""
        turns = render_repair_turns(self._parts.repair, reply=reply or "(empty)", problem=problem.found)
        return dataclasses.replace(request, messages=(*request.messages, *turns))


def require_schema(template: PromptTemplate, *, grounding: str) -> None:
    """Raises ``SettingsError`` for a prompt whose replies nobody could read."""
    if template.schema is None and grounding != "documents":
        raise SettingsError(
            f"answer with the prompt {template.front_matter.name!r}",
            found="it has no schema for the reply",
            remedy="Give it one with `found` and `claims`, as answer_with_quotes has.",
        )


def _claims_of(value: Mapping[str, Any], request: AnswerRequest) -> AnswerDraft:
    """Claims with the positions that the shown numbers stand for; a number that is not there stays unknown."""
    positions = request.packed.positions if request.packed is not None else ()

    def position(number: int) -> int:
        return positions[number - 1] if 1 <= number <= len(positions) else -1

    claims = tuple(
        DraftClaim(claim["text"], tuple((position(quote["passage"]), quote["quote"]) for quote in claim["quotes"]))
        for claim in value["claims"]
        if claim["text"].strip()
    )
    return AnswerDraft(claims, found=bool(value["found"]))


def _cited_claims(reply: ChatReply, request: AnswerRequest) -> AnswerDraft:
    """The provider's own citations as claims: each cited span must stand in one of its documents."""
    positions = request.packed.positions if request.packed is not None else ()
    claims = []
    for citation in reply.citations:
        text = reply.text[citation.start_char : citation.end_char].strip()
        numbers = [
            int(name) for name in citation.document_ids if name.isdigit() and 1 <= int(name) <= len(positions)
        ]
        if text and numbers:
            claims.append(DraftClaim(text, tuple((positions[number - 1], text) for number in numbers)))
    return AnswerDraft(tuple(claims), found=bool(claims))
