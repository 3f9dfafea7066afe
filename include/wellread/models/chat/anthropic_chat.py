"""Language models behind Anthropic's ``/v1/messages``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from wellread.errors import SettingsError
from wellread.models.chat.anthropic_batches import AnthropicBatches
from wellread.models.chat.anthropic_connection import AnthropicConnection
from wellread.models.chat.anthropic_messages import (
    anthropic_limits,
    message_options,
    message_parameters,
    read_message,
)
from wellread.models.chat.configured_limits import configured_limits
from wellread.models.chat.presets import structure_of
from wellread.models.chat.protocol import (
    ChatBatches,
    ChatIdentity,
    ChatLimits,
    ChatReply,
    ChatRequest,
    ChatUsage,
    RawReply,
)
from wellread.models.chat.reply_bodies import checked_body, refuse_bad_text
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.chat.token_counts import TokenCounter

if TYPE_CHECKING:
    from anthropic import Anthropic


class AnthropicChat:
    """Implements ``ChatModel``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: ChatModelSettings) -> None:
        """Raises ``SettingsError`` for an option that Anthropic does not have."""
        self._settings = settings
        self._asked = f"a reply from {settings.model} ({settings.base_url or 'Anthropic'})"
        if settings.seed is not None:
            raise SettingsError(self._asked, found="a seed, which Anthropic does not take", remedy="Leave it out.")
        if settings.temperature is not None and settings.temperature > 1:
            raise SettingsError(
                self._asked, found=f"temperature {settings.temperature:g}", remedy="Anthropic takes 0 to 1."
            )
        self._counter = TokenCounter(tokenizer_file=settings.tokenizer_file)
        self._connection = AnthropicConnection(settings, asked=self._asked)

    @property
    def identity(self) -> ChatIdentity:
        """What replies depend on."""
        parameters = {**message_options(self._settings), "structure": structure_of(self._settings)}
        return ChatIdentity(
            provider="anthropic", protocol="anthropic-messages", model=self._settings.model, parameters=parameters
        )

    @property
    def limits(self) -> ChatLimits:
        """Bounds, as configured."""
        return configured_limits(self._settings)

    @cached_property
    def batches(self) -> ChatBatches | None:
        """Anthropic's message batches."""
        return AnthropicBatches(self._settings, connection=self._connection, asked=self._asked)

    def count_tokens(self, text: str) -> int:
        """Exact with a ``tokenizer_file``, else a bound: Anthropic publishes no vocabulary."""
        return self._counter.count_tokens(text)

    def count_request(self, request: ChatRequest) -> int:
        """Input tokens of a whole request, or a bound of them."""
        return self._counter.count_request(request)

    def learn(self, request: ChatRequest, usage: ChatUsage) -> None:
        """Take in what Anthropic billed."""
        self._counter.learn(request, usage)

    def ask(self, request: ChatRequest) -> RawReply:
        """One request; see ``ChatModel``."""
        refuse_bad_text(request, asked=self._asked)
        options = message_parameters(request, settings=self._settings, asked=self._asked)
        required: dict[str, Any] = {name: options.pop(name) for name in ("model", "messages", "max_tokens")}

        def create(client: Anthropic) -> RawReply:
            # As the protocol spells them: the SDK's own signature lacks what newer models dropped (temperature).
            response = client.messages.with_raw_response.create(**required, extra_body=options)
            return RawReply(response.read(), reported=anthropic_limits(response.headers))

        reply = self._connection.call(create)
        checked_body(reply.body, asked=self._asked)
        return reply

    def read(self, body: bytes) -> ChatReply:
        """The reply in a body; pure."""
        return read_message(body, asked=self._asked)

    def close(self) -> None:
        """Close the connections, where any were opened."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"AnthropicChat({self._settings.model!r})"
