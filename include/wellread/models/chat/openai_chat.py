"""A language model behind OpenAI's protocol: OpenAI itself and every compatible server."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from wellread.errors import SettingsError
from wellread.models.chat.configured_limits import configured_limits
from wellread.models.chat.openai_client import OpenAIConnection
from wellread.models.chat.openai_wire import (
    chat_body,
    chat_parameters,
    identity_parameters,
    read_chat,
    read_response,
    response_body,
    response_parameters,
)
from wellread.models.chat.presets import facts_of, structure_of
from wellread.models.chat.protocol import (
    ChatBatches,
    ChatIdentity,
    ChatLimits,
    ChatReply,
    ChatRequest,
    ChatUsage,
    RawReply,
)
from wellread.models.chat.reply_bodies import checked_body, refuse_bad_text, stored_body
from wellread.models.chat.reported_limits import reported_limits
from wellread.models.chat.settings import ChatModelSettings, Structure
from wellread.models.chat.token_counts import TokenCounter

if TYPE_CHECKING:
    from httpx2 import Response as HttpxResponse

_PROTOCOLS = {"chat": "openai-chat", "responses": "openai-responses"}


class OpenAIChat:
    """Implements ``ChatModel``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: ChatModelSettings) -> None:
        self._settings = settings
        self._connection = OpenAIConnection(settings)
        self._asked = self._connection.asked
        self._counter = TokenCounter(tokenizer_file=settings.tokenizer_file, model=settings.model)

    @cached_property
    def identity(self) -> ChatIdentity:
        """What replies depend on. The address is not part of it: the same model may move."""
        return ChatIdentity(
            provider="openai",
            protocol=_PROTOCOLS[self._settings.protocol],
            model=self._settings.model,
            parameters=identity_parameters(self._settings, structure=self._structure),
        )

    @property
    def limits(self) -> ChatLimits:
        """Bounds, as configured."""
        return configured_limits(self._settings)

    @cached_property
    def batches(self) -> ChatBatches | None:
        """The batch endpoint of OpenAI, Azure and servers without a preset; None where a preset has none."""
        from wellread.models.chat.openai_batches import OpenAIBatches

        if not facts_of(self._settings).has_batches:
            return None
        return OpenAIBatches(self._connection, settings=self._settings, body_of=self.body_of, is_chat=self._is_chat)

    def count_tokens(self, text: str) -> int:
        """Exact with a ``tokenizer_file`` or a cached vocabulary of tiktoken, else a bound that learns."""
        return self._counter.count_tokens(text)

    def count_request(self, request: ChatRequest) -> int:
        """Input tokens of a whole request, at most. See ``token_counts``."""
        return self._counter.count_request(request)

    def learn(self, request: ChatRequest, usage: ChatUsage) -> None:
        """Take in what the provider counted."""
        self._counter.learn(request, usage)

    def body_of(self, request: ChatRequest) -> dict[str, Any]:
        """The JSON that is sent for a request, alone or as a line of a batch.

        Raises:
            SettingsError: It has documents, which this protocol has no place for.
            DocumentError: A text is no Unicode; cause ``bad_text``.
        """
        refuse_bad_text(request, asked=self._asked)
        if request.documents:
            raise SettingsError(
                self._asked, found="documents beside the messages", remedy="Set grounding: messages, or use Cohere."
            )
        write = chat_body if self._is_chat else response_body
        return write(
            request,
            model=self._settings.model,
            parameters=self._parameters,
            structure=self._structure,
        )

    def ask(self, request: ChatRequest) -> RawReply:
        """One HTTP request, never repeated here. See ``ChatModel``."""
        body = self.body_of(request)
        raw = self._connection.call(lambda: self._send(body))
        content = raw.content
        error = checked_body(content, asked=self._asked).get("error")
        if isinstance(error, dict):
            # Gateways, and responses that failed, say so under status 200.
            raise self._connection.failure(None, error)
        return RawReply(content, reported_limits(dict(raw.headers)))

    def read(self, body: bytes) -> ChatReply:
        """The reply in a body; pure. Raises ``DocumentError`` stage ``answer``, cause ``malformed_response``."""
        read = read_chat if self._is_chat else read_response
        return read(stored_body(body, asked=self._asked), asked=self._asked)

    def close(self) -> None:
        """Close the connections, where any were opened."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"OpenAIChat({self._settings.model!r})"

    @cached_property
    def _structure(self) -> Structure:
        return structure_of(self._settings)

    @property
    def _is_chat(self) -> bool:
        return self._settings.protocol == "chat"

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        if self._is_chat:
            return chat_parameters(self._settings, facts_of(self._settings).output_limit)
        return response_parameters(self._settings)

    def _send(self, body: dict[str, Any]) -> HttpxResponse:
        """Through the client's own transport, keys and errors, but not its types.

        The parameters are ours, spelt as the protocol spells them: walking through the SDK's types for each message
        is a third of its time.
        """
        from httpx2 import Response

        path = "/chat/completions" if self._is_chat else "/responses"
        options: Any = {"headers": self._connection.extra_headers}
        return self._connection.client.post(path, cast_to=Response, body=body, options=options)
