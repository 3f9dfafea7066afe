"""The settings of evaluation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from wellread.models.chat.settings import ChatModelSettings

GATE_MEASURES = (
    "ndcg@10",
    "passage_in_context",
    "gold_in_answer",
    "citation_precision",
    "citation_recall",
    "abstention_f1",
    "judge_score",
)


class GateSettings(BaseModel):
    """When an evaluation counts as worse than the published one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measures: tuple[str, ...] = Field(
        default=GATE_MEASURES,
        min_length=1,
        description="What is compared. Of the default ones, those that the golden questions can be scored by.",
    )
    least_delta: float = Field(
        default=0.01, ge=0, description="A loss up to this is tolerated, in the measure's own unit."
    )
    alpha_ratio: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="The chance that a measure which has lost no more than is tolerated fails all the same.",
    )
    most_unscored_ratio: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="So large a share of the questions may go without a score that they had before.",
    )
    least_count: int = Field(
        default=10, ge=2, description="Questions that are needed to tell a regression from noise."
    )
    resamples_count: int = Field(default=10_000, ge=100, le=1_000_000, description="Of the bootstrap.")
    seed: int = Field(default=0, ge=0, description="Of the bootstrap.")


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
    document_measures: tuple[str, ...] = Field(
        default=(),
        description="More measures by document, as ir-measures writes them: 'AP@10', 'P@5', 'Success@3'.",
    )
    judge: ChatModelSettings | None = Field(
        default=None, description="The language model that judges answers. None: the one that answers."
    )
    gate: GateSettings = GateSettings()
