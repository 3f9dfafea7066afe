"""Settings of this room: which model turns texts into vectors, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

from wellread.retries import RetrySettings

EmbedderProvider = Literal["local", "openai", "cohere"]
LocalModelName = Literal["all-MiniLM-L6-v2", "multilingual-e5-small"]
Pooling = Literal["mean", "cls"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalModelSettings(_Frozen):
    """An embedder that runs in this process, by onnxruntime."""

    model: LocalModelName = Field(
        default="all-MiniLM-L6-v2",
        description="A model from its pinned package. all-MiniLM-L6-v2 is for English. multilingual-e5-small reads "
        "about 100 languages and finds a text by a question in another one, at a third of the speed; it needs "
        "`make multilingual` once, and wants retrieval.alpha_ratio 0.75 (docs/how-to/languages.md).",
    )
    folder: Path | None = Field(
        default=None,
        description="A sentence-transformers style folder with model.onnx (or onnx/model.onnx), tokenizer.json "
        "and config.json, instead of `model`.",
    )
    cache_folder: Path | None = Field(
        default=None, description="Where the built graph is kept. None: the user's cache folder."
    )
    threads_count: int | None = Field(
        default=None,
        ge=1,
        description="Threads of one inference. None: the cores that this process may use. Deployments that run "
        "several tasks on a host set 1: the sum over processes is the same.",
    )
    batch_texts_count: int = Field(
        default=8,
        ge=1,
        description="Texts in one inference. 8 sorted by length are faster than 32: they stay in the cache and "
        "pad less (41 against 33 chunks a second on 2 cores).",
    )
    request_texts_count: int = Field(
        default=64,
        ge=1,
        description="Texts in one call, which is what a crash can cost: about 2 seconds of work.",
    )
    max_input_tokens: int | None = Field(
        default=None,
        ge=8,
        description="Tokens of one input, special ones included. None: as the folder declares, or the model's own: "
        "256 in English, 512 multilingual.",
    )
    pooling: Pooling | None = Field(
        default=None, description="How token vectors become one. None: what the folder declares, else mean."
    )
    document_prefix: str | None = Field(
        default=None,
        description="Put before documents. None: what the pinned model was trained with ('passage: ' for "
        "multilingual-e5-small), nothing for a folder.",
    )
    query_prefix: str | None = Field(
        default=None,
        description="Put before queries. None: what the pinned model was trained with ('query: ' for "
        "multilingual-e5-small), nothing for a folder.",
    )

    @model_validator(mode="after")
    def _one_model(self) -> LocalModelSettings:
        if self.folder is not None and self.model != type(self).model_fields["model"].default:
            raise ValueError("model and folder name two models: set one of them")
        return self


class OpenAIModelSettings(_Frozen):
    """Any server of OpenAI's ``/v1/embeddings`` protocol: OpenAI, Ollama, TEI, vLLM, llama.cpp."""

    model: str = Field(
        default="text-embedding-3-small", min_length=1, description="The name that the server knows."
    )
    revision: str = Field(
        default="",
        description="The revision or weight hash of a self-hosted model; part of the identity. The canary notices "
        "what this does not tell.",
    )
    base_url: HttpUrl | None = Field(default=None, description="None: OPENAI_BASE_URL, else OpenAI itself.")
    api_key: SecretStr | None = Field(default=None, description="None: the environment's OPENAI_API_KEY.")
    headers: Mapping[str, SecretStr] = Field(default_factory=dict, description="Sent with every request.")
    query: Mapping[str, str] = Field(default_factory=dict, description="Query parameters of every request.")
    dimensions: int = Field(default=1536, ge=1, description="Numbers in a vector; 1536 is the default model's own.")
    request_dimensions: Literal["ask", "native"] = Field(
        default="native",
        description="'ask' sends the dimensions to the server (v3 models shorten by it), 'native' does not: older "
        "models and many servers refuse the parameter.",
    )
    encoding_format: Literal["base64", "float"] = Field(
        default="base64",
        description="How vectors travel. base64 is the SDK's default too: exact, and a fifth of the bytes. Where "
        "a server refuses it, or answers with numbers all the same, numbers are read.",
    )
    document_prefix: str = Field(default="", description="Put before documents.")
    query_prefix: str = Field(default="", description="Put before queries.")
    texts_per_request: int = Field(
        default=256,
        ge=1,
        le=2048,
        description="OpenAI takes 2048; smaller requests lose less in a crash and cost nothing more.",
    )
    tokens_per_request: int = Field(default=300_000, ge=1, description="OpenAI's bound on the sum of a request.")
    tokens_per_text: int = Field(default=8192, ge=1, description="OpenAI's bound on one text.")
    tokenizer_file: Path | None = Field(
        default=None,
        description="The model's tokenizer.json, for exact counts. None: a text's UTF-8 bytes, which no byte-level "
        "vocabulary exceeds but which are too strict for models of 512 tokens.",
    )
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests in flight at once.")
    timeout_seconds: float = Field(
        default=60.0, gt=0, description="For one request; the SDK's own 600 s hide a stall."
    )


class CohereModelSettings(_Frozen):
    """Cohere's ``/v2/embed``."""

    model: str = Field(default="embed-v4.0", min_length=1, description="The model's name.")
    base_url: HttpUrl | None = Field(default=None, description="None: Cohere itself.")
    api_key: SecretStr | None = Field(default=None, description="None: the environment's CO_API_KEY.")
    headers: Mapping[str, SecretStr] = Field(default_factory=dict, description="Sent with every request.")
    dimensions: int = Field(default=1536, ge=1, description="Numbers in a vector; 1536 is the default model's own.")
    request_dimensions: Literal["ask", "native"] = Field(
        default="native", description="'ask' sends output_dimension (v4 and newer), 'native' does not."
    )
    texts_per_request: int = Field(
        default=96, ge=1, le=96, description="Cohere takes 96; its client does not split."
    )
    tokens_per_text: int = Field(
        default=8192, ge=1, description="A bound of ours; longer texts are refused, not cut."
    )
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests in flight at once.")
    timeout_seconds: float = Field(default=60.0, gt=0, description="For one request.")


class ModelSettings(_Frozen):
    """The embedder of a deployment. It is part of the index's identity: a change is a migration."""

    provider: EmbedderProvider = Field(default="local", description="local needs no key and no network.")
    local: LocalModelSettings = LocalModelSettings()
    openai: OpenAIModelSettings = OpenAIModelSettings()
    cohere: CohereModelSettings = CohereModelSettings()
    price_usd_per_million: float | None = Field(
        default=None,
        ge=0,
        description="US dollars for a million tokens. None: 0 for the local model, else the price list of the "
        "package genai-prices, where requests go to the model's maker.",
    )
    retry: RetrySettings = RetrySettings()
