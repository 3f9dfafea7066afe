"""What can be known of a language model without asking it, and so without paying."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from wellread.errors import SettingsError
from wellread.models.chat.presets import resolve_endpoint
from wellread.models.chat.settings import ChatModelSettings, ChatProvider
from wellread.models.chat.token_counts import TokenCounter
from wellread.models.credentials import header_values, required_key

_PACKAGES: Mapping[ChatProvider, str] = {"openai": "openai", "cohere": "cohere", "anthropic": "anthropic"}
"""Replicate is asked by httpx, which is always there."""
_KEY_VARIABLES: Mapping[ChatProvider, str] = {
    "cohere": "CO_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "replicate": "REPLICATE_API_TOKEN",
}
"""As their modules have them; OpenAI's protocol has one for each preset."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where requests will go, and with what."""

    address: str
    """Scheme, host and port, or the provider's name where its own address serves."""
    has_key: bool
    """Whether a key or a header of the settings goes along; servers of one's own may ask for none."""


def reach_of(settings: ChatModelSettings) -> Reach:
    """What requests will need, all of it found.

    Raises:
        SettingsError: The package, the address, the key or a header is missing or cannot be used.
    """
    assert settings.provider is not None
    asked = f"an answer from {settings.model}"
    package = _PACKAGES.get(settings.provider)
    if package is not None and importlib.util.find_spec(package) is None:
        raise SettingsError(
            asked, found=f"package {package} is not installed", remedy=f"Install wellread-airflow[{package}]."
        )
    if settings.provider == "openai":
        endpoint = resolve_endpoint(settings)
        parts = urlsplit(endpoint.base_url)
        return Reach(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", bool(endpoint.key or endpoint.headers))
    header_values(settings.headers, asked=asked)
    required_key(settings.api_key, variable=_KEY_VARIABLES[settings.provider], asked=asked)
    parts = urlsplit(str(settings.base_url or ""))
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else settings.provider
    return Reach(address, has_key=True)


def counts_exactly(settings: ChatModelSettings) -> bool:
    """Whether tokens are counted with the model's own vocabulary. Raises ``SettingsError`` for a broken file."""
    model = settings.model if settings.provider == "openai" else None
    return TokenCounter(tokenizer_file=settings.tokenizer_file, model=model).is_exact
