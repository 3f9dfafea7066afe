"""Settings become bounds."""

from __future__ import annotations

from wellread.models.chat.protocol import ChatLimits
from wellread.models.chat.settings import ChatModelSettings


def configured_limits(settings: ChatModelSettings) -> ChatLimits:
    """The bounds of a model, as its deployment states them."""
    return ChatLimits(
        context_tokens=settings.context_tokens,
        output_tokens=settings.output_tokens,
        concurrency=settings.concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
    )
