"""The settings of evaluation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EvaluationSettings(BaseModel):
    """What is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages_count: int = Field(
        default=30,
        ge=10,
        le=200,
        description="Hits retrieved for each question: enough to fill the context, and ten different documents.",
    )
    context_words: int = Field(
        default=1000, ge=1, description="The budget of the measure `passage within the first context words`."
    )
    batch_count: int = Field(default=64, ge=1, le=1000, description="Questions retrieved together.")
    bootstrap_seed: int = Field(default=0, description="Seed of the resamples behind intervals.")
