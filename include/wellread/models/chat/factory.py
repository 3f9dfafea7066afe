"""Settings become a language model: the one place that knows every provider."""

from __future__ import annotations

from wellread.errors import SettingsError
from wellread.models.chat.protocol import ChatModel
from wellread.models.chat.settings import ChatModelSettings


def build_chat_model(settings: ChatModelSettings) -> ChatModel:
    """The language model that ``settings`` name. Nothing is loaded or sent before it is used.

    Raises:
        SettingsError: No provider is named, or an address or an option that it needs is missing or wrong.
    """
    if settings.preset is not None and settings.provider != "openai":
        raise SettingsError(
            f"the language model {settings.model}",
            found=f"preset {settings.preset} with provider {settings.provider}",
            remedy="Presets are servers of OpenAI's protocol: set provider: openai, or leave the preset out.",
        )
    if settings.provider == "openai":
        from wellread.models.chat.openai_chat import OpenAIChat

        return OpenAIChat(settings)
    if settings.provider == "cohere":
        from wellread.models.chat.cohere_chat import CohereChat

        return CohereChat(settings)
    if settings.provider == "anthropic":
        from wellread.models.chat.anthropic_chat import AnthropicChat

        return AnthropicChat(settings)
    if settings.provider == "replicate":
        from wellread.models.chat.replicate_chat import ReplicateChat

        return ReplicateChat(settings)
    raise SettingsError(
        "a language model", found="no provider", remedy="Set chat.provider, or answer with the extractive answerer."
    )
