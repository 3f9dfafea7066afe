"""The settings of publishing answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from wellread.retries import RetrySettings


class PublishingSettings(BaseModel):
    """How answers are handed to buckets, tables and webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_secret: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Signs every page for the receiver. `whsec_` before base64, as Standard Webhooks has it, else "
        "the characters themselves. None: pages are not signed.",
    )
    webhook_rows_count: int = Field(default=100, ge=1, le=10_000, description="Answers on one page at most.")
    webhook_page_bytes: int = Field(
        default=1_000_000,
        ge=10_000,
        description="A page is not larger, unless one answer alone is: receivers have limits.",
    )
    webhook_timeout_seconds: float = Field(default=30.0, gt=0, description="For one page.")
    retry: RetrySettings = RetrySettings()
