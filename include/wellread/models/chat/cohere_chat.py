"""Language models behind Cohere's ``/v2/chat``."""

from __future__ import annotations

from typing import Any

from wellread.errors import ResponseUnknownError, SettingsError
from wellread.models.chat.cohere_replies import FAILED_FINISHES, cohere_limits, read_cohere_reply
from wellread.models.chat.configured_limits import configured_limits
from wellread.models.chat.presets import structure_of
from wellread.models.chat.protocol import (
    ChatBatches,
    ChatDocument,
    ChatIdentity,
    ChatLimits,
    ChatReply,
    ChatRequest,
    ChatSchema,
    ChatUsage,
    RawReply,
)
from wellread.models.chat.reply_bodies import checked_body, refuse_bad_text
from wellread.models.chat.schema_prompt import messages_with_schema
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.chat.token_counts import TokenCounter
from wellread.models.cohere_connection import CohereConnection


class CohereChat:
    """Implements ``ChatModel``. The client is made at the first request and shared by threads.

    A request with documents is sent without a response format, since Cohere refuses the two together: its reply
    is text with citations, and a schema in that request is not asked for.
    """

    def __init__(self, settings: ChatModelSettings) -> None:
        """Raises ``SettingsError`` for an option that Cohere does not have."""
        self._settings = settings
        self._asked = f"a reply from {settings.model} ({settings.base_url or 'Cohere'})"
        if settings.reasoning_effort is not None:
            raise SettingsError(
                self._asked, found="a reasoning_effort, which Cohere does not take", remedy="Leave it out."
            )
        self._counter = TokenCounter(tokenizer_file=settings.tokenizer_file)
        self._connection = CohereConnection(
            asked=self._asked,
            stage="answer",
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout_seconds=settings.timeout_seconds,
            concurrency=settings.concurrency,
            headers=settings.headers,
            query=settings.query,
        )

    @property
    def identity(self) -> ChatIdentity:
        """What replies depend on."""
        parameters = {**self._options(), "structure": structure_of(self._settings)}
        return ChatIdentity(
            provider="cohere", protocol="cohere-chat", model=self._settings.model, parameters=parameters
        )

    @property
    def limits(self) -> ChatLimits:
        """Bounds, as configured."""
        return configured_limits(self._settings)

    @property
    def batches(self) -> ChatBatches | None:
        """``None``: Cohere's batches take datasets that it has checked before, not requests."""
        return None

    def count_tokens(self, text: str) -> int:
        """Exact with a ``tokenizer_file``, else a bound."""
        return self._counter.count_tokens(text)

    def count_request(self, request: ChatRequest) -> int:
        """Input tokens of a whole request, or a bound of them."""
        return self._counter.count_request(request)

    def learn(self, request: ChatRequest, usage: ChatUsage) -> None:
        """Take in what Cohere billed."""
        self._counter.learn(request, usage)

    def ask(self, request: ChatRequest) -> RawReply:
        """One request; see ``ChatModel``.

        Raises ``ResponseUnknownError`` also for a reply that Cohere broke off (ERROR, TIMEOUT).
        """
        refuse_bad_text(request, asked=self._asked)
        response = self._connection.call(
            lambda client: client.with_raw_response.chat(**self._body(request)).response
        )
        finish = checked_body(response.content, asked=self._asked).get("finish_reason")
        if finish in FAILED_FINISHES:
            raise ResponseUnknownError(self._asked, found=f"a reply that ended with {finish}", remedy="Ask again.")
        return RawReply(response.content, reported=cohere_limits(response.headers))

    def read(self, body: bytes) -> ChatReply:
        """The reply in a body; pure. The model is the configured one: Cohere does not name it."""
        return read_cohere_reply(body, model=self._settings.model, asked=self._asked)

    def close(self) -> None:
        """Close the connections, where any were opened."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"CohereChat({self._settings.model!r})"

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        in_words = structure_of(self._settings) != "schema" and not request.documents
        messages = messages_with_schema(request) if in_words else request.messages
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            **self._options(),
        }
        if request.documents:
            body["documents"] = [_document(document) for document in request.documents]
        elif request.schema is not None and structure_of(self._settings) != "prompt":
            body["response_format"] = self._response_format(request.schema)
        return body

    def _options(self) -> dict[str, object]:
        options: dict[str, object] = {"max_tokens": self._settings.output_tokens}
        if self._settings.temperature is not None:
            options["temperature"] = self._settings.temperature
        if self._settings.seed is not None:
            options["seed"] = self._settings.seed
        return options

    def _response_format(self, schema: ChatSchema) -> dict[str, object]:
        is_told = structure_of(self._settings) == "schema"
        return {"type": "json_object", **({"json_schema": dict(schema.schema)} if is_told else {})}


def _document(document: ChatDocument) -> dict[str, object]:
    return {"id": document.id, "data": {"title": document.title, "text": document.text}}
