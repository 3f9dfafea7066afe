"""Settings of language models: which one answers, how it is reached, what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from wellread.retries import RetrySettings

ChatProvider = Literal["openai", "cohere", "anthropic", "replicate"]
Structure = Literal["schema", "json", "prompt"]
Preset = Literal[
    "azure",
    "databricks",
    "huggingface",
    "vllm",
    "ollama",
    "llama-cpp",
    "anyscale",
    "modal",
    "runpod",
    "together",
    "vercel",
    "helicone",
    "bedrock",
]


class PriceSettings(BaseModel):
    """A price that the deployment states itself. It wins over the price list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_usd_per_million: float = Field(ge=0, description="US dollars for a million input tokens.")
    output_usd_per_million: float = Field(ge=0, description="US dollars for a million output tokens.")
    cached_input_usd_per_million: float | None = Field(
        default=None, ge=0, description="For input tokens that the provider had cached. None: as other input."
    )
    batch_ratio: float = Field(default=0.5, gt=0, le=1, description="What a batch costs beside direct requests.")


class ChatModelSettings(BaseModel):
    """One language model."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    provider: ChatProvider | None = Field(
        default=None,
        description="Whose protocol is spoken; 'openai' is also every compatible server. None: no language model, "
        "the extractive answerer answers.",
    )
    preset: Preset | None = Field(
        default=None, description="A compatible server whose address, headers and abilities are known by name."
    )
    protocol: Literal["chat", "responses"] = Field(
        default="chat", description="OpenAI's chat completions, or its responses. Other servers know 'chat'."
    )
    model: str = Field(default="gpt-4o-mini", min_length=1, description="The name that the server knows.")
    base_url: HttpUrl | None = Field(default=None, description="None: the preset's, else the provider's own.")
    api_key: SecretStr | None = Field(default=None, description="None: the provider's usual environment variable.")
    headers: Mapping[str, SecretStr] = Field(default_factory=dict, description="Sent with every request.")
    query: Mapping[str, str] = Field(default_factory=dict, description="Query parameters of every request.")
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="None: not sent. Reasoning models refuse it."
    )
    seed: int | None = Field(default=None, description="None: not sent.")
    reasoning_effort: str | None = Field(default=None, description="None: not sent.")
    output_tokens: int = Field(default=1024, ge=16, description="A reply has at most so many tokens.")
    context_tokens: int = Field(
        default=16_000, ge=256, description="Input and output together: the model's window, or less to save money."
    )
    structure: Structure | None = Field(
        default=None,
        description="How structured output is asked for: by a JSON Schema, as 'some JSON' with the schema in the "
        "prompt, or in the prompt alone. The reply is validated here in all three cases. None: as the preset's "
        "server can, else by a schema.",
    )
    grounding: Literal["messages", "documents"] = Field(
        default="messages",
        description="Where the evidence stands. 'documents' hands passages to Cohere beside the messages and takes "
        "its own citations as claims.",
    )
    tokenizer_file: Path | None = Field(
        default=None,
        description="The model's tokenizer.json, for exact counts. None: tiktoken's vocabulary where it is there, "
        "else a bound.",
    )
    concurrency: int = Field(default=8, ge=1, le=256, description="Requests in flight at once.")
    requests_per_minute: int | None = Field(default=None, ge=1, description="The account's limit. None: learned.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="The account's limit. None: learned.")
    enqueued_tokens: int | None = Field(
        default=None, ge=1, description="Input tokens that may wait in provider batches. None: no limit is known."
    )
    timeout_seconds: float = Field(default=120.0, gt=0, description="For one request.")
    price: PriceSettings | None = Field(default=None, description="None: the price list's.")


class ChatSettings(ChatModelSettings):
    """The language model of a deployment, and what stands in for it."""

    fallbacks: tuple[ChatModelSettings, ...] = Field(
        default=(), description="Asked in this order where the model before cannot answer (outage, quota)."
    )
    degraded: ChatModelSettings | None = Field(
        default=None, description="The cheaper model that answers when a budget with `on_budget: degrade` is short."
    )
    retry: RetrySettings = RetrySettings()


class RerankSettings(BaseModel):
    """The reranker of a deployment."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    provider: Literal["cohere", "http"] | None = Field(
        default=None,
        description="None: no reranker. 'http': any server with Cohere's or Jina's /rerank (TEI, vLLM, llama.cpp).",
    )
    model: str = Field(default="rerank-v3.5", min_length=1, description="The name that the server knows.")
    base_url: HttpUrl | None = Field(default=None, description="Needed for 'http': what /rerank is appended to.")
    api_key: SecretStr | None = Field(default=None, description="None: the environment's CO_API_KEY, for Cohere.")
    texts_per_request: int = Field(default=100, ge=1, le=1000, description="At most so many texts a request.")
    tokens_per_text: int = Field(default=4096, ge=16, description="Longer texts are cut by the provider.")
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests in flight at once.")
    timeout_seconds: float = Field(default=30.0, gt=0, description="For one request.")
    retry: RetrySettings = RetrySettings()
