"""The settings of answering. Every default was chosen on development halves of public question sets."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wellread.answering.checking.quotes import QuoteSettings

QuotePolicy = Literal["drop", "flag", "fail"]


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
    calibration_path: Path | None = Field(
        default=None,
        description="A calibration fitted on the collection's own golden questions; else the one in the package.",
    )
    least_confidence_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Below this probability a question is not answered. Without it the calibration's threshold.",
    )
    lease_seconds: float = Field(
        default=300.0, gt=0, description="How long a job belongs to a worker that gives no sign of life."
    )
    batch_rows_count: int = Field(
        default=16, ge=1, le=1000, description="Rows of a job that are worked on together."
    )
