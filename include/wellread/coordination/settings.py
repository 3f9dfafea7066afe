"""Settings of what workers share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class CoordinationSettings(BaseModel):
    """Where rates are held and where responses that were paid for are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    redis_url: SecretStr | None = Field(
        default=None, description="redis://, rediss:// or unix://. None: there is no Redis."
    )
    rate_limits: Literal["auto", "memory", "ledger", "redis"] = Field(
        default="auto",
        description="Who holds requests and tokens per minute. 'auto': Redis where there is one, else a ledger on "
        "Postgres, else the memory of each process.",
    )
    cache: Literal["ledger", "redis", "off"] = Field(
        default="ledger", description="Where a request that was answered once is looked up before it is paid again."
    )
    cache_seconds: int = Field(default=30 * 86_400, ge=1, description="How long Redis keeps a response.")
    burst_seconds: float = Field(
        default=1.0, gt=0, le=60, description="So many seconds' worth of a rate may be used at once after a pause."
    )
    prefix: str = Field(
        default="wellread:", description="Every key in Redis begins so. Deployments with one account share it."
    )
