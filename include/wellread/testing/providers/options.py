"""How a testing server is set up when it starts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RateLimits(BaseModel):
    """What one key may do. ``None``: as much as it likes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_window: int | None = Field(default=None, ge=1)
    tokens_per_window: int | None = Field(
        default=None, ge=1, description="Input tokens, and the output tokens that a request asks for."
    )
    window_seconds: float = Field(default=60.0, gt=0, description="60: the limits are 'per minute'.")
    requests_burst: int | None = Field(
        default=None,
        ge=1,
        description="What a rested key may send at once. No window holds more than limit and burst together. None: "
        "the whole limit, as with the providers.",
    )
    tokens_burst: int | None = Field(default=None, ge=1, description="The same for tokens.")


class ServerOptions(BaseModel):
    """Everything but behaviour, which can be changed while the server runs (``Behaviour``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimensions: int = Field(default=256, ge=1, description="Of vectors, unless a request asks for fewer.")
    api_key: str | None = Field(default=None, description="Requests without it get 401. None: any key passes.")
    model: str = Field(default="testing-model", description="What /v1/models lists. Any name is answered.")
    limits: RateLimits = RateLimits()
    context_tokens: int = Field(default=128_000, ge=1, description="Input and output of a chat request together.")
    output_tokens: int = Field(default=16_384, ge=1, description="At most so many can be asked for.")
    enqueued_tokens: int | None = Field(
        default=None, ge=1, description="Input tokens of all unfinished batches. None: no limit."
    )
    batch_requests: int = Field(default=50_000, ge=1, description="At most so many requests in a batch.")
    batch_bytes: int = Field(default=200_000_000, ge=1, description="At most so many bytes in a batch.")
    input_usd_per_million: float = Field(default=0.15, ge=0)
    output_usd_per_million: float = Field(default=0.60, ge=0)
    batch_ratio: float = Field(default=0.5, gt=0, le=1, description="What a batch costs beside direct requests.")
    kept_requests: int = Field(default=1000, ge=0, description="So many requests are kept for `requests()`.")
