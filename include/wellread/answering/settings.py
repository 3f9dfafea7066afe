"""The settings of answering. Every default was chosen on development halves of public question sets."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from wellread.answering.checking.leaks import LeakSettings
from wellread.answering.checking.masking import MaskingSettings
from wellread.answering.checking.quotes import QuoteSettings
from wellread.answering.destinations.settings import PublishingSettings
from wellread.answering.jobs.spending import BudgetSettings
from wellread.answering.prompting.examples import ExampleChoice
from wellread.answering.prompting.settings import PackingSettings

QuotePolicy = Literal["drop", "flag", "fail"]
SendingMode = Literal["direct", "batch", "auto"]


class ExtractionSettings(BaseModel):
    """How sentences are chosen from passages. The weights are from a coordinate search over three question sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passage_count: int = Field(
        default=10, ge=1, le=50, description="How many of the best passages are read: 5 lose 0.02 of the answers."
    )
    candidate_count: int = Field(
        default=24,
        ge=1,
        le=1000,
        description="Sentences embedded for one question: the best by all that costs no embedding. 20 gave the "
        "same answers as all of them.",
    )
    sentence_count: int = Field(default=3, ge=1, le=20, description="At most so many sentences make an answer.")
    cosine_weight_ratio: float = Field(
        default=1.0, ge=0, le=10, description="Weight of the similarity of question and sentence."
    )
    coverage_weight_ratio: float = Field(
        default=0.5, ge=0, le=10, description="Weight of the share of the question's rare words in the sentence."
    )
    passage_cosine_weight_ratio: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="Weight of the similarity of question and passage: the sentence's context.",
    )
    passage_proximity_weight_ratio: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="Weight of the passage's proximity: the question's words stand together.",
    )
    length_weight_ratio: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Weight of ln(1 + words): headings and scraps rarely answer, whole sentences do.",
    )
    length_most_words: int = Field(
        default=60, ge=1, le=1000, description="More words than this earn a sentence nothing."
    )
    most_overlap_ratio: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="A sentence is left out when this share of its words stands in one that was chosen already.",
    )


class PromptSettings(BaseModel):
    """What language models are told, and what they are not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="answer_with_quotes", min_length=1, description="The prompt file, without .md.")
    folder: Path | None = Field(
        default=None, description="Where the deployment's own prompts are; a file there wins over the package's."
    )
    examples_count: int = Field(default=0, ge=0, le=20, description="Worked examples of the prompt's file to show.")
    examples_choice: ExampleChoice = Field(
        default="fixed", description="The first examples of the file, or those most like the question."
    )
    packing: PackingSettings = PackingSettings()
    masking: MaskingSettings = MaskingSettings()
    fence_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="The secret that marks where passages begin and end. None: one that is made in the home. "
        "Workers on several machines need the same, or they pay for the same question again.",
    )


class AnsweringSettings(BaseModel):
    """How passages become checked answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passage_count: int = Field(default=10, ge=1, le=100, description="Passages retrieved for each question.")
    extraction: ExtractionSettings = ExtractionSettings()
    quotes: QuoteSettings = QuoteSettings()
    quote_policy: QuotePolicy = Field(
        default="drop",
        description="What becomes of quotes that are not found: `drop` leaves them out, `flag` keeps them and "
        "marks the row, `fail` gives no answer at all.",
    )
    leaks: LeakSettings = LeakSettings()
    calibration_path: Path | None = Field(
        default=None,
        description="A calibration fitted on the collection's own golden questions; else the one in the package.",
    )
    least_confidence_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Below this probability a question is not answered, and nothing is paid. Without it the "
        "calibration's threshold. Language models, which can say themselves that nothing was found, have one that "
        "keeps 99 % of the answerable questions, for the default embedder; for others any passage will do, until a "
        "calibration of one's own (wellread evaluate --calibrate) says otherwise.",
    )
    prompt: PromptSettings = PromptSettings()
    budget: BudgetSettings = BudgetSettings()
    publishing: PublishingSettings = PublishingSettings()
    mode: SendingMode = Field(
        default="direct",
        description="How requests go to a language model: one by one, in the provider's batches (half the price, "
        "within a day), or 'auto': in batches where a deadline allows it and enough rows are to be paid.",
    )
    batch_least_count: int = Field(default=100, ge=1, description="With 'auto', fewer rows are sent directly.")
    batch_least_hours: float = Field(
        default=24.0, ge=0, description="With 'auto', a deadline nearer than this means direct requests."
    )
    batch_poll_seconds: float = Field(default=60.0, gt=0, description="How often a provider's batch is looked at.")
    patience_seconds: float = Field(
        default=900.0, gt=0, description="So long may a provider refuse everything before the job gives up for now."
    )
    lease_seconds: float = Field(
        default=300.0, gt=0, description="How long a job belongs to a worker that gives no sign of life."
    )
    batch_rows_count: int = Field(
        default=16, ge=1, le=1000, description="Rows of a job that are worked on together."
    )
