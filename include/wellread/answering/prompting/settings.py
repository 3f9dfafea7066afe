"""The settings of what goes into a prompt."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PackingSettings(BaseModel):
    """How passages are packed under a token budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trim: bool = Field(
        default=True, description="Show whole sentences of a passage that does not fit whole, at least one."
    )
    fill: bool = Field(
        default=False,
        description="Let a worse passage take the place of a better one that was too long. Off: packing ends with "
        "the first passage that does not fit whole.",
    )
    least_score_ratio: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Passages that score less than this share of the best one are left out. 0: none is.",
    )
    per_document_count: int | None = Field(
        default=None, ge=1, description="At most so many passages of one document. None: no limit."
    )
