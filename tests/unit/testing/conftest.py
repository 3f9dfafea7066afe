"""A provider server for each test, and the official clients that talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wellread.testing.prompt_samples import SCHEMA, chat_messages
from wellread.testing.provider_server import ProviderServer, provider_server

RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server(dimensions=32) as running:
        yield running


@pytest.fixture
def openai_of() -> Callable[..., Any]:
    """OpenAI's client of a server, without retries of its own."""
    import openai

    def make(server: ProviderServer, **options: Any) -> Any:
        return openai.OpenAI(**{"base_url": server.openai_url, "api_key": "sk-test", "max_retries": 0, **options})

    return make


@pytest.fixture
def client(server: ProviderServer, openai_of: Any) -> Iterator[Any]:
    with openai_of(server) as made:
        yield made


@pytest.fixture
def cohere_client(server: ProviderServer) -> Any:
    import cohere

    return cohere.ClientV2(api_key="co-test", base_url=server.cohere_url)


@pytest.fixture
def anthropic_client(server: ProviderServer) -> Iterator[Any]:
    import anthropic

    with anthropic.Anthropic(api_key="ant-test", base_url=server.url, max_retries=0) as made:
        yield made


@pytest.fixture
def ask(client: Any) -> Callable[..., str]:
    """The text of a chat completion, in the schema of claims with quotes."""

    def asked(*given: Any, **options: Any) -> str:
        options = {"response_format": RESPONSE_FORMAT, "messages": chat_messages(*given), **options}
        return client.chat.completions.create(**{"model": "m", **options}).choices[0].message.content

    return asked
